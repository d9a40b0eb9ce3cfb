import { type Command, InvalidArgumentError } from 'commander';
import type { KeySummary } from '../../access/api-keys.js';
import { type Scope, scopes } from '../../access/scopes.js';
import { idPattern } from '../../order/patterns.js';
import { durationMs, MAX_DURATION_MS } from '../../server/config/variables.js';
import { refuseApiOptions, withMongo } from '../connections/databases.js';
import { type Cell, type Column, table } from '../printing/table.js';
import { exitCodes, Failure } from '../script/failure.js';
import { commaList } from '../script/parsers.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';
import { addGiveUp, addRewrap } from './customer-keys.js';

interface CreateOptions extends CommonOptions {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expires?: number;
}

/**
 * Adds `keys create`, `list` and `revoke`, for API keys of clients, and `rewrap` and `give-up`, for
 * the keys of customers. All of them connect to MongoDB directly.
 */
export function addKeys(program: Command, session: Session): void {
  const keys = addScript(program, 'keys', {
    summary: 'give clients API keys, list and revoke them; wrap or give up the keys of customers',
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
    .requiredOption(
      '--name <client>',
      'who gets it: key:<client> is the actor of all its commands',
      clientName,
    )
    .requiredOption('--scopes <scope,…>', 'what the key allows', scopesOf)
    .option('--expires <duration>', 'when it ends, such as 90d (default: never)', expiry);
  command.action(async () => {
    const options = command.optsWithGlobals<CreateOptions>();
    refuseApiOptions(options);
    const { addKey } = await import('../../access/api-keys.js');
    const added = await withMongo(session, ({ db }) =>
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
    refuseApiOptions(options);
    const { listKeys } = await import('../../access/api-keys.js');
    const found = await withMongo(session, ({ db }) => listKeys(db));
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
    refuseApiOptions(options);
    const { revokeKey } = await import('../../access/api-keys.js');
    const revoked = await withMongo(session, ({ db }) => revokeKey(db, keyId));
    if (revoked === undefined)
      throw new Failure(exitCodes.notFound, {
        code: 'key_not_found',
        message: `there is no key ${keyId}: \`npx orders keys list\` lists all`,
      });
    report(session, options, revoked, () => [`key ${keyId} of ${revoked.client} is revoked`]);
  });
}

function clientName(text: string): string {
  if (new RegExp(idPattern).test(text)) return text;
  throw new InvalidArgumentError(
    'Expected 1 to 64 letters, digits, ".", "_" or "-", the first one a letter or digit.',
  );
}

function scopesOf(text: string): readonly Scope[] {
  return commaList(text).map((given) => {
    const found = scopes.find((scope) => scope === given);
    if (found === undefined)
      throw new InvalidArgumentError(`"${given}" is not a scope: expected any of ${scopes.join(',')}.`);
    return found;
  });
}

function expiry(text: string): number {
  const ms = durationMs(text);
  if (!(ms > 0 && ms <= MAX_DURATION_MS))
    throw new InvalidArgumentError('Expected a duration of up to ten years, such as 12h or 90d.');
  return ms;
}
