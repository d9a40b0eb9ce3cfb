import type { Db } from 'mongodb';
import { idsOfEntity } from '../../log/event-id.js';
import { durable } from '../../mongodb/durability.js';
import { failureWithoutAnswer } from './message.js';
import { deliveryRows, waitingRows } from './rows.js';

/**
 * Removes receivers' answers to deliveries of these orders' events. An answer is a third party's
 * text, which may contain personal data.
 *
 * @param heartbeat called for each order
 * @returns the number of attempts, plus the number of waiting deliveries that have failed
 */
export async function forgetAnswers(
  db: Db,
  orderIds: readonly string[],
  heartbeat: () => void,
): Promise<number> {
  let looked = 0;
  for (const orderId of orderIds) {
    heartbeat();
    const attempted = { eventId: idsOfEntity(orderId) };
    const attempts = await deliveryRows(db).updateMany(attempted, { $unset: { answer: true } }, durable);
    const waiting = await waitingRows(db).updateMany(
      { orderId, failure: { $exists: true } },
      [{ $set: { failure: failureWithoutAnswer } }],
      durable,
    );
    looked += attempts.matchedCount + waiting.matchedCount;
  }
  return looked;
}
