import { type Command, InvalidArgumentError } from 'commander';
import type { Db } from 'mongodb';
import type { KeySummary } from '../../access/api-keys.js';
import { type Scope, scopes } from '../../access/scopes.js';
import type { LostKey } from '../../forgetting/lost-keys.js';
import { idPattern } from '../../order/patterns.js';
import { messageOf } from '../../outages/message-of.js';
import { durationMs, LONGEST_MS } from '../../server/config/variables.js';
import { withMongo, withStores } from '../connections/direct.js';
import { metaOf } from '../script/options.js';
import {
  addScript,
  type CommonOptions,
  configOf,
  exitCodes,
  Failure,
  report,
  type Session,
  usageFailure,
} from '../script/script.js';
import { type Cell, type Column, counted, table, visible } from '../script/terminal.js';

interface CreateOptions extends CommonOptions {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expires?: number;
}

/**
 * Adds `keys create`, `list`, `revoke`, `rewrap` and `give-up`, which connect to MongoDB directly.
 */
export function addKeys(program: Command, session: Session): void {
  const keys = addScript(program, 'keys', {
    summary: 'give clients API keys, list them, and revoke them',
    details: 'Connects to MongoDB (MONGODB_URI, MONGODB_DB) directly: access to it is enough to make keys.',
    examples: ['keys create --name shop --scopes orders:read,orders:write', 'keys list'],
  });
  addCreate(keys, session);
  addList(keys, session);
  addRevoke(keys, session);
  addRewrap(keys, session);
  addGiveUp(keys, session);
}

function addCreate(keys: Command, session: Session): void {
  const command = addScript(keys, 'create', {
    summary: 'give a client a new key; its other keys stay valid',
    details: `The key is shown this once. Scopes: ${scopes.join(', ')}.`,
    examples: [
      'keys create --name shop --scopes orders:read,orders:write --expires 90d',
      'keys create --name warehouse --scopes stock:write --json',
    ],
  })
    .requiredOption('--name <client>', 'who gets it: key:<client> is the actor of all its commands')
    .requiredOption('--scopes <scope,…>', 'what the key allows', scopesOf)
    .option('--expires <duration>', 'when it ends, such as 90d (default: never)', expiry);
  command.action(async () => {
    const options = command.optsWithGlobals<CreateOptions>();
    const { addKey } = await import('../../access/api-keys.js');
    if (!new RegExp(idPattern).test(options.name))
      throw usageFailure(
        `${options.name} cannot be a client: expected 1 to 64 letters, digits, ".", "_" or "-", the first one a letter or digit`,
      );
    const added = await withDatabase(session, (db) =>
      addKey(db, {
        client: options.name,
        scopes: options.scopes,
        ...(options.expires !== undefined && { expiresAt: new Date(Date.now() + options.expires) }),
      }),
    );
    report(session, options, added, () => [
      `key ${added.keyId} of ${added.client} · ${added.scopes.join(', ')} · ${added.expiresAt ?? 'never expires'}`,
      'It is shown this once:',
      added.key,
    ]);
  });
}

const columns: readonly Column[] = [
  { title: 'KEY' },
  { title: 'CLIENT' },
  { title: 'STATUS' },
  { title: 'SCOPES' },
  { title: 'CREATED' },
  { title: 'EXPIRES' },
  { title: 'LAST USED' },
];

function addList(keys: Command, session: Session): void {
  const command = addScript(keys, 'list', {
    summary: 'list all keys, without their secrets',
    examples: ['keys list', 'keys list --json'],
  });
  command.action(async () => {
    const options = command.optsWithGlobals<CommonOptions>();
    const { listKeys } = await import('../../access/api-keys.js');
    const found = await withDatabase(session, listKeys);
    report(session, options, found, () =>
      found.length === 0 ? ['no keys'] : table(columns, found.map(row), session.terminal.paint),
    );
  });
}

function row({ keyId, client, status, ...key }: KeySummary): readonly Cell[] {
  return [
    keyId,
    client,
    status === 'active' ? status : { text: status, format: 'yellow' },
    key.scopes.join(','),
    key.createdAt,
    key.expiresAt ?? '',
    key.lastUsedAt ?? '',
  ];
}

function addRevoke(keys: Command, session: Session): void {
  const command = addScript(keys, 'revoke', {
    summary: 'revoke a key for good; it takes effect within seconds',
    examples: ['keys revoke 9f86d081884c7d65'],
  }).argument('<keyId>', 'its id, as in the list');
  command.action(async (keyId: string) => {
    const options = command.optsWithGlobals<CommonOptions>();
    const { revokeKey } = await import('../../access/api-keys.js');
    const revoked = await withDatabase(session, (db) => revokeKey(db, keyId));
    if (revoked === undefined)
      throw new Failure(exitCodes.notFound, {
        code: 'key_not_found',
        message: `there is no key ${keyId}: \`npx orders keys list\` lists all`,
      });
    report(session, options, revoked, () => [`key ${keyId} of ${revoked.client} is revoked`]);
  });
}

function scopesOf(text: string): readonly Scope[] {
  return text.split(',').map((given) => {
    const found = scopes.find((scope) => scope === given.trim());
    if (found === undefined)
      throw new InvalidArgumentError(`${given} is no scope: expected any of ${scopes.join(',')}.`);
    return found;
  });
}

function expiry(text: string): number {
  const ms = durationMs(text);
  if (!(ms > 0 && ms <= LONGEST_MS))
    throw new InvalidArgumentError('Expected a duration of up to ten years, such as 12h or 90d.');
  return ms;
}

function withDatabase<T>(session: Session, work: (db: Db) => Promise<T>): Promise<T> {
  return withMongo(
    configOf(session),
    ({ db }) => work(db),
    (error) => ({
      code: 'mongodb_unreachable',
      message: `MongoDB, which has the keys, cannot be reached: ${messageOf(error)}; start it with \`npm start\`, or set MONGODB_URI`,
    }),
  );
}

/** Adds `keys rewrap`, which connects to the key store directly. */
function addRewrap(keys: Command, session: Session): void {
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
      configOf(session),
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

interface GiveUpOptions extends CommonOptions {
  readonly reason: string;
  /** ids of keys */
  readonly yes?: readonly string[];
  readonly actor?: string;
}

/** Adds `keys give-up`, which connects to Temporal and MongoDB directly. */
function addGiveUp(keys: Command, session: Session): void {
  const command = addScript(keys, 'give-up', {
    summary: "give up a customer's keys that the key store has lost",
    details:
      'Without --yes it only says which keys are lost. A key that is given up cannot come back: its values are shown as ' +
      'forgotten, and a payment that waits for it is declined. First restore the key store from its backup, and start the ' +
      'processes of each machine that served the role write, since a key may still wait on its disk.',
    examples: [
      "keys give-up c-1 --reason 'no backup of the key store'",
      "keys give-up c-1 --reason 'no backup of the key store' --yes k-1,k-2",
    ],
  })
    .argument('<customerId>', 'whose keys')
    .requiredOption('--reason <text>', 'why; it is kept with the ids of the keys')
    .option('--yes <keyIds>', 'give up these lost keys, with commas between', (ids) => ids.split(','))
    .option('--actor <name>', 'who does it (default: temporal:<your user name>)');
  command.action(async (customerId: string) => {
    const options = command.optsWithGlobals<GiveUpOptions>();
    const { reason, yes: named } = options;
    const [{ keysOfDatabase }, { giveUpKeys, lostKeys }] = await Promise.all([
      import('../../access/persons/key-store-of.js'),
      import('../../forgetting/lost-keys.js'),
    ]);
    const config = configOf(session);
    const lost = await withStores(config, async (stores) => {
      const keyStore = keysOfDatabase(stores.db);
      const found = await lostKeys({ ...stores, taskQueue: config.temporal.taskQueue }, keyStore, customerId);
      if (named === undefined) return found;
      const chosen = chosenOf(found, named);
      const why = { reason, actor: metaOf(options).actor, at: new Date().toISOString() };
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
