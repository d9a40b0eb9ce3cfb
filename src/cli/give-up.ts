import type { Command } from 'commander';
import type { LostKey } from '../forgetting/give-up.js';
import { usageFailure } from './failure.js';
import { addScript, type CommonOptions, configOf, metaOf, report, type Session } from './script.js';
import { counted, visible } from './terminal.js';

interface GiveUpOptions extends CommonOptions {
  readonly reason: string;
  readonly yes?: readonly string[];
  readonly actor?: string;
}

/** Adds `keys give-up`, which works on Temporal and MongoDB themselves. */
export function addGiveUp(keys: Command, session: Session): void {
  const command = addScript(keys, 'give-up', {
    summary: "give up a customer's keys that the key store has lost",
    details:
      'Without --yes it only says which keys are lost; with it, only the keys that it names are given up. A key that is given up cannot come back: its values are shown as ' +
      'forgotten, and a payment that waits for it is declined. First put back the backup of the key store, and start the ' +
      'processes of each machine that served the role write, since a key may still wait on its disk.',
    examples: [
      "keys give-up c-1 --reason 'no backup of the key store'",
      "keys give-up c-1 --reason 'no backup of the key store' --yes key-1,key-2",
    ],
  })
    .argument('<customerId>', 'whose keys')
    .requiredOption('--reason <text>', 'why; it is kept with the ids of the keys')
    .option('--yes <keyId,…>', 'give these lost keys up', (given) => given.split(','))
    .option('--actor <name>', 'who does it (default: temporal:<your user name>)');
  command.action(async (customerId: string) => {
    const options = command.optsWithGlobals<GiveUpOptions>();
    const { reason, yes } = options;
    const givenUp = yes !== undefined;
    // Imported on use, because Temporal's SDK loads slowly and most scripts do without it.
    const [{ withStores }, { keysOfDatabase }, { giveUpKeys, lostKeys }] = await Promise.all([
      import('./connections.js'),
      import('../access/persons/stores.js'),
      import('../forgetting/give-up.js'),
    ]);
    const config = configOf(session);
    const lost = await withStores(config, async (stores) => {
      const keyStore = keysOfDatabase(stores.db);
      const found = await lostKeys({ ...stores, taskQueue: config.temporal.taskQueue }, keyStore, customerId);
      if (yes === undefined) return found;
      const other = yes.find((keyId) => !found.some((key) => key.keyId === keyId));
      if (other !== undefined)
        throw usageFailure(`${other} is no lost key of customer ${customerId}: nothing was changed`);
      const named = found.filter(({ keyId }) => yes.includes(keyId));
      const why = { reason, actor: metaOf(options).actor, at: new Date().toISOString() };
      await giveUpKeys(keyStore, customerId, named, why);
      return named;
    });
    report(session, options, { customerId, lost, givenUp }, () => linesOf(customerId, lost, givenUp));
  });
}

const listedAtMost = 10;

function linesOf(customerId: string, lost: readonly LostKey[], givenUp: boolean): readonly string[] {
  if (lost.length === 0) return [`no key of customer ${visible(customerId)} is lost`];
  return [
    ...lost.map(({ keyId, orderIds }) => {
      const more = orderIds.length > listedAtMost ? ', …' : '';
      const listed = visible(orderIds.slice(0, listedAtMost).join(', '));
      return `key ${keyId} is lost: ${counted(orderIds.length, 'order', 'orders')} (${listed}${more})`;
    }),
    givenUp
      ? `customer ${visible(customerId)} · ${counted(lost.length, 'key', 'keys')} given up`
      : `With --yes ${lost.map(({ keyId }) => keyId).join(',')} their values are shown as forgotten from then on, ` +
        'and payments that wait for them are declined. Nothing was changed.',
  ];
}
