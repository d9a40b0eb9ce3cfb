import type { Command } from 'commander';
import type { LostKey } from '../../forgetting/lost-keys.js';
import { refuseApiOptions, withDatabases, withMongo } from '../connections/databases.js';
import { counted, visible } from '../printing/terminal.js';
import { checkBody } from '../script/check.js';
import { exitCodes, Failure } from '../script/failure.js';
import { commaList } from '../script/parsers.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';
import { checkSender, metaOf } from '../script/sender.js';

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
    refuseApiOptions(options);
    const rewrapped = await withMongo(session, ({ keyStore }) => keyStore.rewrap());
    report(session, options, { rewrapped }, () => [
      `${counted(rewrapped, 'key was', 'keys were')} wrapped with the first master key`,
    ]);
  });
}

interface GiveUpOptions extends CommonOptions {
  readonly reason: string;
  /** ids of keys */
  readonly yes?: readonly string[];
  readonly actor?: string;
}

/** Adds `keys give-up`, which connects to Temporal and MongoDB directly. */
export function addGiveUp(keys: Command, session: Session): void {
  const command = addScript(keys, 'give-up', {
    summary: "give up a customer's keys that the key store has lost",
    details:
      'Without --yes it only says which keys are lost. A key that is given up cannot come back: its values are shown as ' +
      'forgotten, and a payment that waits for it is declined. First restore the key store from its backup, and start the ' +
      'processes of each machine that served the role `write` or `kafka`, since a key may still wait on its disk.',
    examples: [
      "keys give-up c-1 --reason 'no backup of the key store'",
      "keys give-up c-1 --reason 'no backup of the key store' --yes k-1,k-2",
    ],
  })
    .argument('<customerId>', 'whose keys')
    .requiredOption('--reason <text>', 'why; it is kept with the ids of the keys')
    .option('--yes <keyIds>', 'give up these lost keys, with commas between', commaList)
    .option('--actor <name>', 'who does it (default: temporal:<your user name>)');
  command.action(async (customerId: string) => {
    const options = command.optsWithGlobals<GiveUpOptions>();
    refuseApiOptions(options);
    const { reason, yes: named } = options;
    const meta = metaOf(options);
    await checkSender(meta);
    await checkBody((is) => is.closed({ customerId: is.Id, reason: is.Text }), { customerId, reason });
    const [{ keyStoreOf }, { giveUpKeys, lostKeys }] = await Promise.all([
      import('../../sealing/key-store/key-store-of.js'),
      import('../../forgetting/lost-keys.js'),
    ]);
    const lost = await withDatabases(session, async (databases) => {
      const keyStore = keyStoreOf(databases.db);
      const found = await lostKeys(databases, keyStore, customerId);
      if (named === undefined) return found;
      const chosen = chosenOf(found, named);
      const why = { reason, actor: meta.actor, at: new Date().toISOString() };
      await giveUpKeys(keyStore, customerId, chosen, why);
      return chosen;
    });
    const givenUp = named !== undefined;
    report(session, options, { customerId, lost, givenUp }, () => linesOf(customerId, lost, givenUp));
  });
}

/**
 * The keys that the operator has listed with `--yes`. Only these are given up, because more keys
 * may have been lost since the operator looked.
 *
 * @throws Failure if one of them is not lost
 */
function chosenOf(lost: readonly LostKey[], named: readonly string[]): readonly LostKey[] {
  return named.map((id) => {
    const chosen = lost.find(({ keyId }) => keyId === id);
    if (chosen !== undefined) return chosen;
    const message = `key ${visible(id)} of this customer is not lost, so no key was given up: look again without --yes`;
    throw new Failure(exitCodes.refused, { code: 'key_not_lost', message });
  });
}

const MAX_LISTED = 10;

function linesOf(customerId: string, lost: readonly LostKey[], givenUp: boolean): readonly string[] {
  if (lost.length === 0) return [`no key of customer ${visible(customerId)} is lost`];
  return [
    ...lost.map(({ keyId, orderIds }) => {
      const more = orderIds.length > MAX_LISTED ? ', …' : '';
      const listed = visible(orderIds.slice(0, MAX_LISTED).join(', '));
      return `key ${keyId} is lost: ${counted(orderIds.length, 'order', 'orders')} (${listed}${more})`;
    }),
    givenUp
      ? `customer ${visible(customerId)} · ${counted(lost.length, 'key', 'keys')} given up`
      : `With --yes ${lost.map(({ keyId }) => keyId).join(',')}, their values are shown as forgotten from then on, ` +
        'and payments that wait for them are declined. Nothing was changed.',
  ];
}
