import type { Command } from 'commander';
import { exitCodes, Failure } from './failure.js';
import { addScript, type CommonOptions, configOf, report, type Session } from './script.js';

/** Adds `keys rewrap`, which works on the key store itself. */
export function addRewrap(keys: Command, session: Session): void {
  const command = addScript(keys, 'rewrap', {
    summary: 'wrap the keys of customers with the first key of MASTER_KEY_FILE',
    details:
      'To replace a master key: put the new one on the first line of the file, above the old one, restart all ' +
      'processes, run this, and take the old one out.',
    examples: ['keys rewrap'],
  });
  command.action(async () => {
    const options = command.optsWithGlobals<CommonOptions>();
    // Loaded here, since MongoDB's driver takes long to load and most scripts do without it.
    const [{ isMongoOutage }, { connectMongo }] = await Promise.all([
      import('../outages/mongo-outage.js'),
      import('../server/connections.js'),
    ]);
    const mongo = connectMongo(configOf(session));
    try {
      const rewrapped = await mongo.keys.rewrap();
      report(session, options, { rewrapped }, () => [
        `${rewrapped} keys were wrapped with the first master key`,
      ]);
    } catch (error) {
      if (!isMongoOutage(error)) throw error;
      const message = 'the key store does not answer: see KEYS_MONGODB_URI and MONGODB_URI';
      throw new Failure(exitCodes.unavailable, { code: 'keys_unavailable', message });
    } finally {
      await mongo.close();
    }
  });
}
