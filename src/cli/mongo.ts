import type { Mongo } from '../server/connections.js';
import { exitCodes, Failure, type FailureDetails } from './failure.js';
import { configOf, type Session } from './script.js';

/**
 * Gives `work` MongoDB alone.
 *
 * @throws Failure `unavailable`, as `unreachable` tells it, if MongoDB cannot be reached
 */
export async function withMongo<T>(
  session: Session,
  work: (mongo: Mongo) => Promise<T>,
  unreachable: (error: unknown) => FailureDetails,
): Promise<T> {
  // Loaded here, since MongoDB's driver takes long to load and most scripts do without it.
  const [{ isMongoOutage }, { connectMongo }] = await Promise.all([
    import('../outages/mongo-outage.js'),
    import('../server/connections.js'),
  ]);
  const mongo = connectMongo(configOf(session));
  try {
    return await work(mongo);
  } catch (error) {
    if (!isMongoOutage(error)) throw error;
    throw new Failure(exitCodes.unavailable, unreachable(error));
  } finally {
    await mongo.close();
  }
}
