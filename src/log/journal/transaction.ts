import type { ClientSession, Db } from 'mongodb';
import { committed, durable } from './durability.js';
import { within } from '../../outages/timeout.js';

/** Well within the 10 s that an activity has for one try. The driver alone would go on trying for 120 s. */
const giveUpAfterMs = 5_000;

/**
 * Runs `work` in one transaction, and again where it met a concurrent write. Its writes are durable when this resolves;
 * where it rejects they may be, too, so `work` writes a proof that the next try finds.
 *
 * @throws MongoError during an outage; NoAnswer when it could not be done in 5 s
 */
export async function inTransaction<T>(db: Db, work: (session: ClientSession) => Promise<T>): Promise<T> {
  return await db.client.withSession((session) =>
    // Whoever is late finds its session ended, and stops.
    within(
      giveUpAfterMs,
      session.withTransaction(() => work(session), { ...committed, ...durable }),
    ),
  );
}
