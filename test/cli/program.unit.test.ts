import { execFile as execFileWithCallback } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import type { CommandMeta } from '../../src/log/gateway/message.js';
import type { CommandResult, Gateway, OrderBody } from '../../src/api/commands/gateway/gateway.js';
import { previewOf } from '../../src/api/commands/gateway/preview.js';
import { verbOf } from '../../src/api/commands/table.js';
import { systemOf } from '../../src/api/operations/system.js';
import { run } from '../../src/cli/program.js';
import type { Session } from '../../src/cli/script/script.js';
import { endpoints } from '../../src/endpoint/endpoint.js';
import { logs } from '../../src/entity-logs.js';
import type { FollowUpCommand } from '../../src/order/commands.js';
import { readConfig } from '../../src/server/config.js';
import { create } from '../order/examples.js';
import { Scenario } from '../order/specification.js';
import { runWithoutTemporal, silentTerminal } from './without-temporal.js';

const execFile = promisify(execFileWithCallback);

interface Taken {
  readonly how: 'create' | 'execute' | 'signal' | 'previewCreate' | 'preview';
  readonly orderId: string | undefined;
  readonly what: OrderBody | FollowUpCommand;
  readonly meta: CommandMeta;
}

const done: CommandResult = {
  kind: 'answered',
  answer: { orderId: 'o-1', version: 1, status: 'pending', events: [{ version: 1, type: 'OrderCreated' }] },
  replayed: false,
};

/** Runs a script with a write side that notes what it is sent, and answers `result`. */
async function orders(
  line: string | readonly string[],
  result: CommandResult = done,
  input: string | Uint8Array = '',
) {
  const out: string[] = [];
  const err: string[] = [];
  const taken: Taken[] = [];
  let closed = 0;
  const gateway: Gateway = {
    create: async (orderId, what, meta) => take({ how: 'create', orderId, what, meta }),
    execute: async (orderId, what, meta) => take({ how: 'execute', orderId, what, meta }),
    signal: async (orderId, what, meta) => take({ how: 'signal', orderId, what, meta }),
    previewCreate: async (orderId, what, meta) => take({ how: 'previewCreate', orderId, what, meta }),
    preview: async (orderId, what, meta) => take({ how: 'preview', orderId, what, meta }),
    fact: async () => result,
  };
  function take(one: Taken): CommandResult {
    taken.push(one);
    return result;
  }
  const session: Session = {
    terminal: {
      ...silentTerminal,
      print: (text) => out.push(text),
      complain: (text) => err.push(text),
      readInput: async () => Buffer.from(input),
    },
    // An address where nothing listens.
    env: { ORDERS_URL: 'http://127.0.0.1:1' },
    openTemporalGateway: async () => ({
      gateway,
      system: systemOf(readConfig({})),
      close: async () => void (closed += 1),
    }),
  };
  const exitCode = await run(typeof line === 'string' ? line.split(' ') : line, session);
  return { exitCode, out: out.join('\n'), err: err.join('\n'), taken, closed };
}

describe('each script sends its command', () => {
  const scripts: readonly (readonly [string, FollowUpCommand])[] = [
    ['hold o-1 --reason check', { type: 'HoldOrder', data: { reason: 'check' } }],
    ['release o-1', { type: 'ReleaseOrder', data: {} }],
    ['cancel o-1 --reason twice', { type: 'CancelOrder', data: { reason: 'twice' } }],
    ['amend o-1 --line A-1:3', { type: 'AmendOrder', data: { lines: [{ sku: 'A-1', quantity: 3 }] } }],
    ['ship o-1', { type: 'CreateShipment', data: {} }],
    ['ship o-1 --line A-1:1', { type: 'CreateShipment', data: { lines: [{ sku: 'A-1', quantity: 1 }] } }],
    [
      'dispatch o-1 s1 --carrier DHL --tracking T1',
      { type: 'DispatchShipment', data: { shipmentId: 's1', carrier: 'DHL', trackingNumber: 'T1' } },
    ],
    ['deliver o-1 s1', { type: 'DeliverShipment', data: { shipmentId: 's1' } }],
    ['capture o-1', { type: 'CapturePayment', data: {} }],
    ['capture o-1 --payment tok_ok', { type: 'CapturePayment', data: { payment: { method: 'tok_ok' } } }],
    ['write-off o-1 --reason lost', { type: 'WriteOffCapture', data: { reason: 'lost' } }],
    [
      'return o-1 --line A-1:1 --line B-7:2 --reason small',
      {
        type: 'RequestReturn',
        data: {
          lines: [
            { sku: 'A-1', quantity: 1 },
            { sku: 'B-7', quantity: 2 },
          ],
          reason: 'small',
        },
      },
    ],
    ['receive o-1 r1', { type: 'ReceiveReturn', data: { returnId: 'r1' } }],
    [
      'refund o-1 --amount 500 --reason late',
      { type: 'RefundPayment', data: { amount: 500, reason: 'late' } },
    ],
    ['note o-1 hello', { type: 'AddNote', data: { text: 'hello' } }],
  ];

  test.each(scripts)('%s', async (line, command) => {
    const { taken, exitCode, closed } = await orders(line);
    expect(taken).toMatchObject([{ how: 'execute', orderId: 'o-1', what: command }]);
    expect({ exitCode, closed }).toEqual({ exitCode: 0, closed: 1 });
  });

  test.each(scripts)(
    '%s --preview sends nothing, and prints what the command would do',
    async (line, command) => {
      const preview = previewOf(Scenario.empty.do(create()).order, []);
      const { taken, out, exitCode } = await orders(`${line} --preview`, {
        kind: 'previewed',
        preview,
        replayed: false,
      });
      expect(taken).toMatchObject([{ how: 'preview', orderId: 'o-1', what: command }]);
      expect({ exitCode, out }).toMatchObject({
        exitCode: 0,
        out: expect.stringContaining('nothing was sent'),
      });
    },
  );

  test('with key, actor and version, as a signal if it does not wait', async () => {
    const { taken, out } = await orders('hold o-1 --reason x --key k-1 --actor ada --if-match 3 --async', {
      kind: 'accepted',
      orderId: 'o-1',
      replayed: false,
    });
    expect(taken).toMatchObject([
      { how: 'signal', meta: { issuer: 'ada', key: 'k-1', actor: 'ada', expectedVersion: 3 } },
    ]);
    expect(taken[0]?.meta).not.toHaveProperty('fresh');
    expect(out).toBe('order o-1 · accepted');
  });

  test('under a generated key, by the user of this machine, by default', async () => {
    const [first, second] = [await orders('release o-1'), await orders('release o-1')];
    expect(first.taken[0]?.meta.key).not.toBe(second.taken[0]?.meta.key);
    expect(first.taken[0]?.meta).toMatchObject({
      fresh: true,
      issuer: expect.stringMatching(/^cli:./),
      actor: expect.stringMatching(/^temporal:./),
    });
  });
});

test.each(
  ['payments', 'key:shop', 'user:ada'].flatMap((name) => [
    `release o-1 --actor ${name}`,
    `keys give-up c-1 --reason lost --actor ${name}`,
  ]),
)('an actor that only the system, or a key, gives is refused: %s', async (line) => {
  const { exitCode, err, taken } = await orders(line);
  expect({ exitCode, taken }).toEqual({ exitCode: 2, taken: [] });
  expect(err).toContain('choose another');
});

test('the actor on whose behalf a command is sent is passed on', async () => {
  const { taken } = await orders('release o-1 --on-behalf-of user:ada');
  expect(taken[0]?.meta).toMatchObject({ onBehalfOf: 'user:ada' });
});

describe('with authentication', () => {
  const withEnv = async (line: string, env: Session['env']) => {
    const { exitCode, err } = await runWithoutTemporal(line, { ORDERS_URL: 'http://127.0.0.1:1', ...env });
    return { exitCode, err };
  };

  test.each<[string, string, Session['env'], number, string]>([
    ['AUTH=on needs a key', 'release o-1', { AUTH: 'on' }, 2, 'set ORDERS_KEY or --key-file'],
    ['a key goes to the API', 'release o-1 --key k-1', { ORDERS_KEY: 'k' }, 4, 'add --key k-1'],
    [
      '--direct goes to Temporal',
      'release o-1 --direct',
      { AUTH: 'on', ORDERS_KEY: 'k' },
      5,
      'over Temporal',
    ],
    [
      'a key identifies its client',
      'release o-1 --actor ada',
      { ORDERS_KEY: 'k' },
      2,
      '--actor cannot be used with a key',
    ],
    ['a file without a key', 'list --key-file /dev/null', {}, 2, '/dev/null has no key'],
    ['a file that is not there', 'list --key-file /none', {}, 2, '/none cannot be read'],
    ['all orders are resumed directly', 'resume --all', { ORDERS_KEY: 'k' }, 2, 'add --direct'],
  ])('%s', async (_, line, env, exitCode, said) => {
    expect(await withEnv(line, env)).toEqual({ exitCode, err: expect.stringContaining(said) });
  });
});

test.each([
  ['list', {}, 'http://127.0.0.1:1'],
  ['projections', {}, 'http://127.0.0.1:2'],
  ['rebuild customers', {}, 'http://127.0.0.1:2'],
  ['projections', { ORDERS_URL: 'http://127.0.0.1:3' }, 'http://127.0.0.1:3'],
  ['projections --url http://127.0.0.1:4', {}, 'http://127.0.0.1:4'],
])('with OPS_PORT, `orders %s` with %j goes to %s', async (line, env, url) => {
  const { err } = await runWithoutTemporal(line, { HTTP_PORT: '1', OPS_PORT: '2', ...env });
  expect(err).toContain(`the API at ${url} cannot be reached`);
});

describe('a script that works on the databases', () => {
  const lines = ['verify', 'reconcile', 'reconcile --now', 'keys list', 'keys rewrap', 'keys revoke 1'];
  test.each([...lines, 'keys create --name a --scopes ops', 'keys give-up c-1 --reason lost'])(
    'refuses the options about the API: %s',
    async (line) => {
      const folder = await mkdtemp(join(tmpdir(), 'orders-cli-'));
      try {
        const keyFile = join(folder, 'key');
        await writeFile(keyFile, 'ordk_1');
        for (const option of ['--url http://127.0.0.1:1', `--key-file ${keyFile}`]) {
          const { exitCode, err } = await runWithoutTemporal(`${line} ${option}`);
          expect({ exitCode, err }).toEqual({
            exitCode: 2,
            err: expect.stringMatching(/^bad_input: --(url|key-file) does not apply.* set TEMPORAL_ADDRESS/),
          });
        }
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );

  test.each(['verify', 'reconcile --now', 'keys give-up c-1 --reason lost'])(
    'says that Temporal cannot be reached: %s',
    async (line) => {
      const env = { TEMPORAL_ADDRESS: '127.0.0.1:1', MONGODB_URI: 'mongodb://127.0.0.1:1/' };
      expect(await runWithoutTemporal(line, env)).toMatchObject({
        exitCode: 4,
        err: expect.stringMatching(/^temporal_unreachable: Temporal at 127\.0\.0\.1:1 .* TEMPORAL_ADDRESS$/),
      });
    },
  );
});

describe('create', () => {
  test('places an order for the sandbox without options', async () => {
    const { taken, out } = await orders('create');
    expect(taken).toMatchObject([
      {
        orderId: undefined,
        what: {
          customer: { id: 'c-1', name: 'Ada Example' },
          currency: 'EUR',
          lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999 }],
          payment: { method: 'tok_ok' },
        },
      },
    ]);
    expect(out).toBe('order o-1 · pending at version 1 · OrderCreated');
  });

  test('sends the options that were given, and no others', async () => {
    const { taken } = await orders(
      'create --id o-9 --customer c-7 --name Grace --currency JPY --line X:1:700 --shipping-fee 90 --tag a --tag b',
    );
    expect(taken.map(({ orderId, what }) => ({ orderId, what }))).toEqual([
      {
        orderId: 'o-9',
        what: {
          customer: { id: 'c-7', name: 'Grace' },
          currency: 'JPY',
          lines: [{ sku: 'X', quantity: 1, unitPrice: 700 }],
          payment: { method: 'tok_ok' },
          shippingFee: 90,
          tags: ['a', 'b'],
        },
      },
    ]);
  });

  const order = {
    id: 'o-5',
    customer: { id: 'c-5', name: 'Linus' },
    currency: 'EUR',
    lines: [{ sku: 'A-1', quantity: 1, unitPrice: 5 }],
    payment: { method: 'tok_ok' },
  };
  const { id, ...body } = order;

  test('reads an order from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'orders-cli-'));
    try {
      const file = join(folder, 'order.json');
      await writeFile(file, JSON.stringify(order));
      expect((await orders(['create', '--file', file])).taken).toMatchObject([{ orderId: id, what: body }]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('reads an order from standard input', async () => {
    const { taken } = await orders('create --file - --id o-6', done, JSON.stringify(order));
    expect(taken).toMatchObject([{ orderId: 'o-6', what: body }]);
  });

  test('reads an order that begins with a byte order mark, with each character unchanged', async () => {
    const named = { ...order, customer: { id: 'c-5', name: 'Zoë 漢字 \uFFFD 😀' } };
    const { taken } = await orders('create --file -', done, `\uFEFF${JSON.stringify(named)}`);
    expect(taken).toMatchObject([{ what: { customer: named.customer } }]);
  });

  test.each<[string, string | Uint8Array, string]>([
    ['Latin-1', Buffer.from(JSON.stringify(order).replace('Linus', 'Zoë'), 'latin1'), 'is not UTF-8'],
    ['UTF-16', Buffer.from(`\uFEFF${JSON.stringify(order)}`, 'utf16le'), 'is not UTF-8'],
    ['no JSON', '{', 'standard input is not JSON'],
    ['no order', '[]', 'standard input has no order'],
    ['unknown fields', JSON.stringify({ ...order, price: 1 }), '/price is not known here'],
    ['text for numbers', JSON.stringify({ ...order, tax: '1' }), '/tax must be integer'],
  ])('refuses a file with %s before any connection', async (_, input, message) => {
    const { exitCode, err, taken, closed } = await orders('create --file -', done, input);
    expect({ exitCode, taken, closed }).toEqual({ exitCode: 2, taken: [], closed: 0 });
    expect(err).toContain(message);
  });
});

describe('a usage error ends with 2, names the error and sends nothing', () => {
  test.each<[string | readonly string[], string]>([
    ['hold o-1', "required option '--reason <text>' not specified"],
    ['hodl o-1', 'Did you mean hold?'],
    ['release', "missing required argument 'orderId'"],
    ['create --line A-1:1', 'Expected SKU:QUANTITY:UNITPRICE'],
    ['create --line A-1:0:1', '/lines/0/quantity'],
    ['create --currency euro', '/currency must be an ISO-4217 code'],
    ['create --file - --tag x', 'cannot be used with'],
    ['hold a/b --reason x', '/orderId must be'],
    ['hold o-1 --reason x --key ä', '/key must be'],
    ['refund o-1 --amount 5.00 --reason x', 'Amounts are in minor units'],
    ['amend o-1 --address {}', '/shippingAddress/street is required'],
    ['release o-1 --async --wait 3', 'cannot be used with'],
    ['release o-1 --wait 31', 'Expected a whole number from 0 to 30.'],
    ['list --limit x', 'Expected a whole number from 1 to'],
    ['list --sort colour', 'Allowed choices are createdAt, -createdAt'],
    ['watch --follow', '--follow needs an order'],
    ['demand A-1 --limit 5', 'for the list of all products'],
    ['demand A-1 --cursor c', 'for the list of all products'],
    ['rebuild customers --rollback --no-wait', 'cannot be used with'],
    ['rebuild --rollback', 'say which view to roll back'],
    ['verify --order o-1 --sample 3', 'cannot be used with'],
    ['resume --all --dry-run o-1', 'say which order, or --all'],
    ['parked list customers --limit 1001', 'Expected a whole number from 1 to 1000.'],
    ['create --line A-1:x:1', 'Expected SKU:QUANTITY:UNITPRICE'],
    ['release o-1 --on-behalf-of payments', 'choose another for --on-behalf-of'],
    ['keys give-up c/1 --reason lost', '/customerId must be'],
    ['resume o-1 --reason \u0007', '/reason must be'],
    ['settle o-1', '--authorized or --declined'],
    ['get o-1 --url localhost', 'is no URL of the API'],
    [['get', 'o-1', '--url', ''], '"" is no URL of the API'],
    ['get o-1 --url http://ada:secret@127.0.0.1:1', 'http://***@127.0.0.1:1 has a user name or password'],
    [['get', ''], '"" is no id'],
    ['get ..', '".." is no id'],
    ['forget c-1 --reason x --actor Ж', '/actor must be'],
    [['webhooks', 'delete', 'e-1', '--key', 'a\nb'], '/key must be'],
    ['parked skip customers o-1 --reason x --actor Ж', '/actor must be'],
    ['demo --keep --url http://127.0.0.1:1', '--keep cannot be used with --url'],
    ['load --rate 1001', 'Expected a whole number from 1 to 1000.'],
    ['load --count 100001', 'Expected a whole number from 1 to 100000.'],
  ])('%s', async (line, message) => {
    const { exitCode, out, err, taken } = await orders(line);
    expect({ exitCode, out, taken, err }).toEqual({
      exitCode: 2,
      out: '',
      taken: [],
      err: expect.stringContaining(message),
    });
  });
});

describe('the result of a command is the exit code', () => {
  const refused = (kind: 'not_allowed' | 'invalid' | 'not_found' | 'stale_version' | 'key_reused' | 'busy') =>
    ({
      kind: 'refused',
      refusal: { kind, code: `code_${kind}`, message: 'the order is not held', pointer: '/reason' },
      allowedCommands: ['shipments', 'notes'],
    }) as const;

  test.each([
    ['not_allowed', 1],
    ['invalid', 1],
    ['stale_version', 1],
    ['key_reused', 1],
    ['not_found', 3],
    ['busy', 4],
  ] as const)('%s: %i', async (kind, exitCode) => {
    const answer = await orders('release o-1', refused(kind));
    expect(answer).toMatchObject({ exitCode, out: '', closed: 1 });
    expect(answer.err).toContain(`code_${kind} (at /reason): the order is not held`);
  });

  test('a command that is not allowed prints the allowed ones by the names of their scripts', async () => {
    const { err } = await orders('release o-1', refused('not_allowed'));
    expect(err).toMatch(/; allowed now: ship, note$/);
  });

  test('commands to a webhook endpoint have the names of the scripts of `webhooks`', async () => {
    const { out } = await orders('webhooks --help');
    for (const type of endpoints.commands) expect(out).toMatch(new RegExp(`^ +${verbOf(type)} `, 'm'));
  });

  test('an unknown outcome: 4, with the key to try again with', async () => {
    const { exitCode, err } = await orders('release o-1 --key k-7', {
      kind: 'unknown-outcome',
      orderId: 'o-1',
    });
    expect(exitCode).toBe(4);
    expect(err).toContain('may still take effect; to try again, add --key k-7');
  });
});

test('a command succeeds even if the API cannot be asked for its result afterwards', async () => {
  const { exitCode, out, err } = await orders('create --wait 1 --url http://127.0.0.1:1');
  expect({ exitCode, out }).toEqual({
    exitCode: 0,
    out: 'order o-1 · pending at version 1 · OrderCreated · not at rest yet',
  });
  expect(err).toContain('api_unreachable');
});

test('--json prints exactly one JSON value', async () => {
  const { out } = await orders('create --json');
  expect(JSON.parse(out)).toEqual({
    orderId: 'o-1',
    version: 1,
    status: 'pending',
    events: [{ version: 1, type: 'OrderCreated' }],
    replayed: false,
  });
});

test.each([
  ['create --colour red', "unknown option '--colour'"],
  ['hold o-1 o-2 --reason x', 'too many arguments'],
  ['hodl o-1', "unknown command 'hodl'"],
  ['--colour', "unknown option '--colour'"],
])('an unknown option, argument or command is named: %s', async (line, named) => {
  const { exitCode, out, err, taken } = await orders(line);
  expect({ exitCode, out, taken }).toEqual({ exitCode: 2, out: '', taken: [] });
  expect(err).toContain(named);
});

describe('--help', () => {
  test('without a script explains the exit codes', async () => {
    const { exitCode, out } = await orders('--help');
    expect(exitCode).toBe(0);
    expect(out).toMatch(/Exit codes:\n +0 +done\n +1 +refused/);
  });

  const names =
    'create hold release cancel amend ship dispatch deliver capture write-off return receive refund note ' +
    'get list events watch stock settle demo load completion';
  test.each(names.split(' '))('of %s has an example', async (name) => {
    const { exitCode, out } = await orders([name, '--help']);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/Examples:\n {2}npx orders /);
  });
});

describe('completion', () => {
  /** The completions that bash offers after the words. */
  async function offered(...words: readonly string[]): Promise<readonly string[]> {
    const { out } = await orders('completion bash');
    const ask = 'COMP_WORDS=(orders "$@"); COMP_CWORD=$#; _orders; printf "%s\\n" "${COMPREPLY[@]}"';
    const { stdout } = await execFile('bash', ['-c', `${out}\n${ask}`, 'bash', ...words]);
    return stdout.trim().split('\n');
  }

  /** Names of scripts, or of options, as the help of a script lists them. */
  async function helped(line: string, pattern: RegExp): Promise<readonly string[]> {
    const { out } = await orders(`${line} --help`.trim());
    return [...out.matchAll(pattern)].map(([, name = '']) => name);
  }

  test('in bash offers every script, its subcommands and its options', async () => {
    const scripts = /^ {2}([a-z]\S*) (?=.* {2})/gm;
    const options = /^ {2}(?:-\w, )?(--[\w-]+)/gm;
    const names = (await helped('', scripts)).filter((name) => name !== 'help' && name !== 'npx');
    expect(names.length).toBeGreaterThan(30);
    expect((await offered('')).filter((word) => !word.startsWith('-'))).toEqual(names);
    for (const line of ['create', 'stock set', 'keys create'])
      expect(await offered(...line.split(' '), '--')).toEqual(await helped(line, options));
    expect(await offered('stock', 's')).toEqual(['set']);
    expect(await offered('verify', '--entity', '')).toEqual(logs.map(({ entity }) => entity.name));
    expect(await offered('completion', 'f')).toEqual(['fish']);
  });

  test.each(['zsh', 'fish'])('in %s knows every script and option that bash knows', async (shell) => {
    const [{ out }, bash] = [await orders(['completion', shell]), await orders('completion bash')];
    const words = new Set(bash.out.match(/(?<=words='[^']*)[\w-]+/g));
    expect(words.size).toBeGreaterThan(60);
    const missing = [...words].filter((word) => !out.includes(word.replace(/^--/, '')));
    expect(missing).toEqual([]);
  });

  test.each(['create', 'keys create', 'keys'])('in fish offers the options of %s itself', async (names) => {
    const { out } = await orders('completion fish');
    const offers = out.matchAll(/^complete -c orders -n '(.*?)' -l (\S+)/gm);
    const options = [...offers].flatMap(([, when, option]) =>
      when === `__orders_typed ${names}` ? [`--${option}`] : [],
    );
    expect(options).toEqual(await helped(names, /^ {2}(?:-\w, )?(--[\w-]+)/gm));
  });
});
