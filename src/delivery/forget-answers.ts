import type { Db } from 'mongodb';
import { durable } from '../mongodb/durability.js';
import { deliveryRows, waitingRows } from './rows.js';

/**
 * Removes what receivers have answered to deliveries of these orders' events: it is text of others,
 * who may have looked a person up.
 *
 * @returns how many deliveries there are, attempted and waiting
 */
export async function forgetAnswers(db: Db, orderIds: readonly string[]): Promise<number> {
  let looked = 0;
  for (const orderId of orderIds) {
    // `;` follows `:`, so the range is that of the ids `<orderId>:<version>`.
    const attempted = { eventId: { $gte: `${orderId}:`, $lt: `${orderId};` } };
    const attempts = await deliveryRows(db).updateMany(attempted, { $unset: { answer: true } }, durable);
    // A failure is a status or an error, and then perhaps the answer.
    const withoutAnswer = { $arrayElemAt: [{ $split: ['$failure', ': '] }, 0] };
    const waiting = await waitingRows(db).updateMany(
      { orderId, failure: { $exists: true } },
      [{ $set: { failure: withoutAnswer } }],
      durable,
    );
    looked += attempts.matchedCount + waiting.matchedCount;
  }
  return looked;
}
