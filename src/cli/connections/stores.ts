import type { Mongo } from '../../server/connections.js';
import { exitCodes, Failure, type FailureDetails } from '../script/failure.js';
import { configOf, type Session } from '../script/script.js';

/**
 * Runs `work` with a connection to MongoDB.
 *
 * @throws Failure `unavailable` with the message of `unreachable`, if MongoDB cannot be reached
 */
export async function withMongo<T>(
  session: Session,
  work: (mongo: Mongo) => Promise<T>,
  unreachable: (error: unknown) => FailureDetails,
): Promise<T> {
  // Imported on use, because MongoDB's driver loads slowly and most scripts do without it.
  const [{ isMongoOutage }, { connectMongo }] = await Promise.all([
    import('../../outages/mongo-outage.js'),
    import('../../server/connections.js'),
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
