import type { ClientSession, Db } from 'mongodb';
import { committed, durable } from './durability.js';
import { withTimeout } from '../outages/timeout.js';

/** Well below the 10 s of an activity attempt. The driver itself would retry for 120 s. */
const GIVE_UP_AFTER_MS = 5_000;

/**
 * Runs `work` in a transaction, and runs it again after a write conflict. When this resolves, the
 * writes are durable. When it rejects they may be durable, too. So `work` has to write something
 * that shows the next attempt that the work is done.
 *
 * @throws MongoError during an outage; DeadlineExceeded after 5 s
 */
export async function inTransaction<T>(db: Db, work: (session: ClientSession) => Promise<T>): Promise<T> {
  return await db.client.withSession((session) =>
    // After the timeout the session is ended, so `work` fails and stops.
    withTimeout(
      GIVE_UP_AFTER_MS,
      session.withTransaction(() => work(session), { ...committed, ...durable }),
    ),
  );
}
