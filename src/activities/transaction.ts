import { setTimeout } from 'node:timers/promises';
import type { ClientSession, Db } from 'mongodb';
import { committed, durable } from '../event-log/durability.js';

/** Well within the 10 s that an activity has for one try. The driver alone would go on trying for 120 s. */
const giveUpAfterMs = 5_000;

/**
 * Runs `work` in one transaction, and again where it met a concurrent write. Its writes are durable when this resolves;
 * where it rejects they may be, too, so `work` writes a proof that the next try finds.
 *
 * @throws MongoError during an outage; Error when it could not be done in 5 s
 */
export async function inTransaction<T>(db: Db, work: (session: ClientSession) => Promise<T>): Promise<T> {
  const finished = new AbortController();
  return await db.client
    .withSession((session) =>
      // Whoever loses the race finds its session ended, and stops.
      Promise.race([
        session.withTransaction(() => work(session), { ...committed, ...durable }),
        late(finished.signal),
      ]),
    )
    .finally(() => finished.abort());
}

async function late(finished: AbortSignal): Promise<never> {
  await setTimeout(giveUpAfterMs, undefined, { signal: finished });
  throw new Error(`The transaction was not done in ${giveUpAfterMs} ms.`);
}
