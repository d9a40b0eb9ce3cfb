import type { Command } from 'commander';
import { withMongo } from '../connections/stores.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';

/** Adds `keys rewrap`, which connects to the key store directly. */
export function addRewrap(keys: Command, session: Session): void {
  const command = addScript(keys, 'rewrap', {
    summary: 'wrap the keys of customers with the first key of MASTER_KEY_FILE',
    details:
      'To replace a master key: add the new one below the old one, and restart all processes. Put it on the first line, ' +
      'restart all processes again, run this, and take the old one out.',
    examples: ['keys rewrap'],
  });
  command.action(async () => {
    const options = command.optsWithGlobals<CommonOptions>();
    const rewrapped = await withMongo(
      session,
      ({ keys: store }) => store.rewrap(),
      () => ({
        code: 'keys_unavailable',
        message: 'the key store does not answer: see KEYS_MONGODB_URI and MONGODB_URI',
      }),
    );
    report(session, options, { rewrapped }, () => [
      `${rewrapped} keys were wrapped with the first master key`,
    ]);
  });
}
