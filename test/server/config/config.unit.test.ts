import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { Compile } from 'typebox/compile';
import { endpointSettings as settings } from '../../../src/api/schemas/endpoint.js';
import { assertSandboxAllowed, readConfig } from '../../../src/server/config.js';
import { ConfigError } from '../../../src/server/config/variables.js';

const minute = 60_000;
const day = 24 * 60 * minute;

describe('without any variable', () => {
  const config = readConfig({});

  test('everything runs on the loopback interface with embedded servers', () => {
    expect([...config.roles]).toEqual(['write', 'read', 'worker', 'feed']);
    expect(config.http).toEqual({ host: '127.0.0.1', port: 8080, maxStreams: 200 });
    expect(config.temporal).toEqual({ address: '127.0.0.1:7233', namespace: 'default', taskQueue: 'orders' });
    expect(config.mongodb).toEqual({ uri: 'mongodb://127.0.0.1:27017/?directConnection=true', db: 'orders' });
    expect(config.embedded).toEqual({
      dataDir: resolve('.data'),
      temporal: { port: 7233, uiPort: 8233 },
      mongodb: { port: 27017 },
    });
    expect(config.terms).toEqual({
      paymentDeadlineMs: day,
      returnWindowMs: 30 * day,
      authorizationTtlMs: 7 * day,
    });
    expect(config.continueAsNewAfter).toBeUndefined();
  });

  test('an empty variable counts as not set', () => {
    expect(readConfig({ HTTP_PORT: '', TEMPORAL_ADDRESS: ' ', ROLES: '' })).toEqual(config);
  });
});

test('a server with a given address is not embedded', () => {
  const config = readConfig({
    TEMPORAL_ADDRESS: 'temporal.example:7233',
    MONGODB_URI: 'mongodb://a,b/?replicaSet=r',
    SANDBOX: 'on',
  });
  expect(config.temporal.address).toBe('temporal.example:7233');
  expect(config.mongodb.uri).toBe('mongodb://a,b/?replicaSet=r');
  expect(config.embedded).toEqual({ dataDir: resolve('.data') });
});

test('the addresses of embedded servers follow their ports', () => {
  const config = readConfig({ TEMPORAL_PORT: '7300', MONGODB_PORT: '27100' });
  expect(config.temporal.address).toBe('127.0.0.1:7300');
  expect(config.mongodb.uri).toContain('127.0.0.1:27100');
});

test.each([
  ['500ms', 500],
  ['90s', 90_000],
  ['15m', 15 * minute],
  ['24h', day],
  ['30d', 30 * day],
])('%s is %d milliseconds', (given, ms) => {
  expect(readConfig({ RETURN_WINDOW: given }).terms.returnWindowMs).toBe(ms);
});

test.each([
  ['HTTP_PORT', '80 80'],
  ['HTTP_PORT', '65536'],
  ['HTTP_PORT', '-1'],
  ['OPS_PORT', '8080'],
  ['HEALTH_PORT', '8080'],
  ['MAX_STREAMS', '0'],
  ['TEMPORAL_PORT', '1e3'],
  ['TEMPORAL_ADDRESS', 'localhost'],
  ['TEMPORAL_ADDRESS', 'http://localhost:7233'],
  ['TEMPORAL_UI_URL', 'localhost:8233'],
  ['TEMPORAL_TLS', 'yes'],
  ['TEMPORAL_TLS_SERVER_CA_CERT_PATH', '/no/such/file'],
  ['MONGODB_URI', 'localhost:27017'],
  ['MONGODB_DB', 'a.b'],
  ['MONGODB_DB', 'a'.repeat(56)],
  ['ROLES', 'write,reader'],
  ['PAYMENT_DEADLINE', '24'],
  ['PAYMENT_DEADLINE', '0s'],
  ['RETURN_WINDOW', '1.5h'],
  ['RECONCILE_INTERVAL', '500ms'],
  ['AUTHORIZATION_TTL', '99999d'],
  ['CONTINUE_AS_NEW_AFTER', '1'],
  ['LOG_LEVEL', 'loud'],
  ['TRACK_INTERVAL', '99ms'],
])('%s=%s is refused on one line that names it and what was expected', (name, value) => {
  const read = () => readConfig({ [name]: value });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(
    new RegExp(`^${name}=${value.replaceAll('.', '\\.')} cannot be used: expected [^\\n]+\\.$`),
  );
});

test('a password in a bad value is not shown', () => {
  expect(() => readConfig({ MONGODB_URI: 'mongo://user:secret@host/' })).toThrow(
    /^(?!.*secret).*MONGODB_URI/,
  );
});

describe('secrets', () => {
  const webhookSecret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
  const given = {
    AUTH: 'on',
    CURSOR_SECRET: 'sixteen or more characters',
    PAYMENTS_WEBHOOK_SECRET: webhookSecret,
    CARRIERS_WEBHOOK_SECRET: webhookSecret,
  };

  test.each(Object.keys(given))('%s must be set once the API is reachable by others', (name) => {
    expect(() => readConfig({ ...given, HTTP_HOST: '0.0.0.0', [name]: undefined })).toThrow(
      new RegExp(`^${name}(=on)? is missing`),
    );
  });

  test('are not needed by a process that serves no HTTP', () => {
    expect(() => readConfig({ HTTP_HOST: '0.0.0.0', ROLES: 'worker' })).not.toThrow();
  });

  test('are used if they are given', () => {
    expect(readConfig({ ...given, HTTP_HOST: '0.0.0.0' }).secrets).toEqual({
      cursor: [given.CURSOR_SECRET],
      paymentsWebhook: [webhookSecret],
      carriersWebhook: [webhookSecret],
    });
  });

  test('may be a list for rotation, of which the first one signs', () => {
    const other = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
    const { secrets } = readConfig({ PAYMENTS_WEBHOOK_SECRET: `${other}, ${webhookSecret}` });
    expect(secrets.paymentsWebhook).toEqual([other, webhookSecret]);
    expect(() => readConfig({ PAYMENTS_WEBHOOK_SECRET: `${other},whsec_short` })).toThrow(ConfigError);
    expect(() => readConfig({ CURSOR_SECRET: ' , ' })).toThrow('CURSOR_SECRET is an empty list');
  });

  test('that are too short are refused without being shown', () => {
    expect(() => readConfig({ CURSOR_SECRET: 'hush' })).toThrow(/^CURSOR_SECRET (?!.*hush)/);
    expect(() => readConfig({ PAYMENTS_WEBHOOK_SECRET: 'whsec_aHVzaA==' })).toThrow(
      /^PAYMENTS_WEBHOOK_SECRET (?!.*aHVzaA)/,
    );
  });
});

describe('the sandbox', () => {
  const webhook = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
  const reachable = {
    AUTH: 'on',
    HTTP_HOST: '0.0.0.0',
    CURSOR_SECRET: 'sixteen or more characters',
    PAYMENTS_WEBHOOK_SECRET: webhook,
    CARRIERS_WEBHOOK_SECRET: webhook,
  };

  test('is allowed while the whole system is on this machine, unless it is switched off', () => {
    expect(readConfig({}).sandbox).toBe(true);
    const local = { TEMPORAL_ADDRESS: '[::1]:7233', MONGODB_URI: 'mongodb://u:p@127.0.0.1:1,localhost/' };
    expect(readConfig(local).sandbox).toBe(true);
    expect(readConfig(reachable).sandbox).toBe(false);
    for (const elsewhere of [
      { TEMPORAL_ADDRESS: 'temporal.internal:7233' },
      { MONGODB_URI: 'mongodb://localhost,db2/' },
      { MONGODB_URI: 'mongodb+srv://localhost/' },
      { KEYS_MONGODB_URI: 'mongodb://keys.internal/' },
    ])
      expect(readConfig({ ...reachable, HTTP_HOST: 'localhost', ...elsewhere }).sandbox).toBe(false);
    expect(() => readConfig({ SANDBOX: 'off' })).toThrow(/^CURSOR_SECRET is missing: .*SANDBOX=on/);
  });

  test.each(['CURSOR_SECRET', 'PAYMENTS_WEBHOOK_SECRET', 'CARRIERS_WEBHOOK_SECRET'])(
    'cannot use its %s elsewhere, given or not, unless SANDBOX=on',
    (name) => {
      const [sandbox] = Object.entries(readConfig({}).secrets).flatMap(([key, [secret]]) =>
        name.toLowerCase().startsWith(key.toLowerCase().slice(0, 6)) ? [secret] : [],
      );
      expect(() => readConfig({ ...reachable, [name]: sandbox })).toThrow(
        /^\w+ has the sandbox's secret, which is public: .*SANDBOX=on/,
      );
      for (const value of [sandbox, undefined])
        expect(() => readConfig({ ...reachable, SANDBOX: 'on', [name]: value })).not.toThrow();
    },
  );

  test('cannot be the payment provider of a worker elsewhere, unless SANDBOX=on', () => {
    const worker = { TEMPORAL_ADDRESS: 'temporal.internal:7233', ROLES: 'worker' };
    for (const env of [worker, { HTTP_HOST: '0.0.0.0', ROLES: 'worker' }])
      expect(() => assertSandboxAllowed(readConfig(env))).toThrow(
        /payment provider .*SANDBOX=on .*TEMPORAL_ADDRESS/,
      );
    const own = { PAYMENTS: './bank.mjs' };
    expect(() => assertSandboxAllowed(readConfig({ ...worker, ...own, CARRIERS: 'sandbox' }))).toThrow(
      /^CARRIERS=sandbox .*SANDBOX=on .*TEMPORAL_ADDRESS/,
    );
    for (const env of [{}, { ...worker, SANDBOX: 'on' }, { ...worker, ROLES: 'feed' }, { ...worker, ...own }])
      expect(() => assertSandboxAllowed(readConfig(env))).not.toThrow();
  });
});

describe('the HTTP settings', () => {
  test('take lists of host names and of origins', () => {
    expect(readConfig({}).edge).toMatchObject({ hosts: [], origins: [] });
    const env = { ALLOWED_HOSTS: 'Orders.example, write', CORS_ORIGINS: 'https://a.example,http://b:81' };
    expect(readConfig(env).edge).toMatchObject({
      hosts: ['orders.example', 'write'],
      origins: ['https://a.example', 'http://b:81'],
    });
  });

  test.each([
    ['ALLOWED_HOSTS', 'orders.example:8080'],
    ['ALLOWED_HOSTS', 'a,,b'],
    ['CORS_ORIGINS', '*'],
    ['CORS_ORIGINS', 'a.example'],
    ['CORS_ORIGINS', 'https://a.example/'],
  ])('refuse %s=%s', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(`${name}=${value} cannot be used: expected `);
  });
});

describe('authentication', () => {
  const tokens = { AUTH_ISSUER: 'https://issuer.example', AUTH_AUDIENCE: 'orders' };

  test('is off by default if only this machine reaches the API', () => {
    for (const HTTP_HOST of ['127.0.0.1', 'localhost', '::1'])
      expect(readConfig({ HTTP_HOST }).auth).toEqual({ isOn: false });
    expect(() => readConfig({ HTTP_HOST: '0.0.0.0', AUTH: 'off' })).toThrow(
      'AUTH=on is missing: it must be set when HTTP_HOST (0.0.0.0) is not a loopback address.',
    );
  });

  test('takes tokens of an issuer', () => {
    expect(readConfig({ AUTH: 'on', ...tokens }).auth).toEqual({
      isOn: true,
      tokens: { issuer: 'https://issuer.example', audience: 'orders', scopesClaim: 'scope' },
    });
  });

  test.each([
    [tokens, 'AUTH=on is missing'],
    [{ AUTH: 'on', AUTH_ISSUER: tokens.AUTH_ISSUER }, 'AUTH_AUDIENCE is missing'],
    [{ AUTH: 'on', AUTH_AUDIENCE: 'orders' }, 'AUTH_ISSUER is missing'],
    [
      { AUTH: 'on', ...tokens, AUTH_ISSUER: 'http://issuer.example' },
      'AUTH_ISSUER=http://issuer.example cannot',
    ],
  ])('refuses %j', (env, message) => expect(() => readConfig(env)).toThrow(message));
});

describe('TLS towards Temporal', () => {
  const folder = mkdtempSync(join(tmpdir(), 'orders-tls-'));
  const path = join(folder, 'some.pem');
  writeFileSync(path, 'pem');
  afterAll(() => rmSync(folder, { recursive: true }));

  test('is off by default, and on with an API key', () => {
    expect(readConfig({}).temporal.tls).toBeUndefined();
    expect(readConfig({ TEMPORAL_API_KEY: 'key' }).temporal).toMatchObject({ apiKey: 'key', tls: {} });
    expect(readConfig({ TEMPORAL_API_KEY: 'key', TEMPORAL_TLS: 'false' }).temporal.tls).toBeUndefined();
  });

  test('reads the certificates', () => {
    const tls = readConfig({
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: path,
      TEMPORAL_TLS_SERVER_NAME: 'temporal',
      TEMPORAL_TLS_CLIENT_CERT_PATH: path,
      TEMPORAL_TLS_CLIENT_KEY_PATH: path,
    }).temporal.tls;
    const pem = Buffer.from('pem');
    expect(tls).toEqual({
      serverRootCACertificate: pem,
      serverNameOverride: 'temporal',
      clientCertPair: { crt: pem, key: pem },
    });
  });

  test('refuses a client certificate without its key', () => {
    expect(() => readConfig({ TEMPORAL_TLS_CLIENT_CERT_PATH: path })).toThrow(
      /^TEMPORAL_TLS_CLIENT_KEY_PATH is missing/,
    );
  });
});

describe('Kafka', () => {
  const kafka = (env: Readonly<Record<string, string>>) =>
    readConfig({ KAFKA_BROKERS: 'kafka.example:9092', SANDBOX: 'on', ...env }).kafka;
  const login = { KAFKA_USERNAME: 'orders', KAFKA_PASSWORD: 'a-password' };

  test('takes brokers by name or by address', () => {
    expect(kafka({ KAFKA_BROKERS: 'a.example:9092, 127.0.0.1:1,[::1]:65535' })?.brokers).toEqual([
      { host: 'a.example', port: 9092 },
      { host: '127.0.0.1', port: 1 },
      { host: '::1', port: 65_535 },
    ]);
  });

  test('sends a password by TLS, unless that is switched off', () => {
    expect(kafka({})?.tls).toBeUndefined();
    expect(kafka(login)).toMatchObject({ tls: {}, sasl: { mechanism: 'SCRAM-SHA-512' } });
    expect(kafka({ ...login, KAFKA_TLS: 'false' })?.tls).toBeUndefined();
    const plain = { ...login, KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_TLS: 'false' };
    expect(() => kafka(plain)).toThrow(/^KAFKA_TLS=false cannot be used with KAFKA_SASL_MECHANISM=PLAIN/);
    expect(kafka({ ...plain, KAFKA_BROKERS: 'localhost:9092' })?.tls).toBeUndefined();
  });

  test.each([
    [{ KAFKA_BROKERS: 'a:0' }, 'KAFKA_BROKERS=a:0 cannot be used'],
    [{ KAFKA_BROKERS: 'a:99999' }, 'KAFKA_BROKERS=a:99999 cannot be used'],
    [{ KAFKA_BROKERS: '', KAFKA_TOPIC: 'mine' }, 'KAFKA_BROKERS is missing: KAFKA_TOPIC'],
    [{ KAFKA_TOPIC: 'a b' }, 'KAFKA_TOPIC=a b cannot be used'],
    [
      { KAFKA_TOPIC: 'orders.commands' },
      'KAFKA_TOPIC=orders.commands and KAFKA_COMMANDS_TOPIC=orders.commands both need the topic orders.commands',
    ],
    [{ KAFKA_TOPIC: 'orders.commands.refused' }, 'both need the topic orders.commands.refused'],
    [{ KAFKA_COMMANDS_TOPIC: 'orders.events.checkpoints' }, 'both need the topic orders.events.checkpoints'],
    [{ KAFKA_BROKERS: '', ROLES: 'kafka' }, 'KAFKA_BROKERS is missing: the role kafka'],
    [{ KAFKA_BROKERS: '', KAFKA_TAGS: 'vip' }, 'KAFKA_BROKERS is missing: KAFKA_TAGS'],
    [
      { KAFKA_EVENTS: 'OrderConfirmed,order.confirmed.v1' },
      /^KAFKA_EVENTS=OrderConfirmed,order.confirmed.v1 cannot be used: expected types of events, of OrderCreated, .*, separated by commas; unset it for all\.$/,
    ],
    [{ KAFKA_CUSTOMERS: 'c-1, c 2' }, 'KAFKA_CUSTOMERS=c-1, c 2 cannot be used: expected ids of customers'],
    [{ KAFKA_TAGS: ',' }, 'KAFKA_TAGS=, cannot be used: expected tags of at most 64 characters'],
    [
      { KAFKA_TAGS: 'vip,"gift, wrapped' },
      'KAFKA_TAGS=vip,"gift, wrapped cannot be used: expected tags of at most 64 characters, one that has a comma in double quotes',
    ],
    [{ KAFKA_PAYLOAD: 'fat' }, 'KAFKA_PAYLOAD=fat cannot be used: expected one of thin, event, order'],
    [{ KAFKA_SASL_MECHANISM: 'PLAIN' }, 'KAFKA_USERNAME is missing'],
    [{ KAFKA_USERNAME: 'orders' }, 'KAFKA_PASSWORD is missing'],
    [{ KAFKA_PASSWORD: 'a-password' }, 'KAFKA_USERNAME is missing'],
  ])('refuses %j', (env, message) => expect(() => kafka(env)).toThrow(message));

  test('takes the types, tags and customers to publish', () => {
    const env = {
      KAFKA_EVENTS: 'OrderConfirmed, OrderCancelled',
      KAFKA_CUSTOMERS: 'c-1',
      KAFKA_TAGS: 'vip,"gift, wrapped"',
      KAFKA_PAYLOAD: 'order',
    };
    expect(kafka(env)?.selection).toEqual({
      eventTypes: ['OrderConfirmed', 'OrderCancelled'],
      customers: ['c-1'],
      tags: ['vip', 'gift, wrapped'],
      payload: 'order',
    });
  });

  test.each(['KAFKA_EVENTS', 'KAFKA_CUSTOMERS', 'KAFKA_TAGS', 'KAFKA_PAYLOAD'])(
    'Compose passes %s on',
    (name) => {
      expect(readFileSync('docker-compose.yml', 'utf8')).toContain(`${name}: \${${name}:-}`);
    },
  );

  // The first list has values that an endpoint's schema accepts.
  test.each([
    ['KAFKA_EVENTS', 'events', ['OrderCreated', 'Nope', 'constructor']],
    ['KAFKA_CUSTOMERS', 'customers', ['c-1', 'é', '-c', 'c'.repeat(65)]],
    ['KAFKA_TAGS', 'tags', ['🎁'.repeat(64), '🎁'.repeat(65), 'a\u0007b', '\u200b', '\ud800']],
  ] as const)('%s accepts what an endpoint of webhooks accepts', (name, setting, items) => {
    const schema = Compile(settings[setting]);
    const isTaken = (item: string) => {
      try {
        return kafka({ [name]: item }) !== undefined;
      } catch {
        return false;
      }
    };
    expect(items.map(isTaken)).toEqual(items.map((item) => schema.Check([item])));
    expect(items.map(isTaken)).toEqual(items.map((_, index) => index === 0));
  });

  test('runs its role by default if there are brokers, and only then', () => {
    expect(readConfig({}).roles.has('kafka')).toBe(false);
    const config = readConfig({ KAFKA_BROKERS: 'one:9092, two.example:9093', SANDBOX: 'on' });
    expect(config.roles.has('kafka')).toBe(true);
    expect(config.kafka).toEqual({
      brokers: [
        { host: 'one', port: 9092 },
        { host: 'two.example', port: 9093 },
      ],
      topic: 'orders.events',
      commandsTopic: 'orders.commands',
      partitions: 6,
      selection: { eventTypes: [], customers: [], tags: [], payload: 'event' },
    });
    expect(() => readConfig({ ROLES: 'kafka' })).toThrow('KAFKA_BROKERS is missing');
  });

  test('disables the sandbox if its brokers are not on this machine', () => {
    expect(readConfig({ KAFKA_BROKERS: 'localhost:9092' }).sandbox).toBe(true);
    const elsewhere = { KAFKA_BROKERS: 'kafka.example:9092', ROLES: 'worker' };
    expect(readConfig(elsewhere).sandbox).toBe(false);
  });
});
