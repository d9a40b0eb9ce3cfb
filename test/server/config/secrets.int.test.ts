import { execFile, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from '@jest/globals';
import { withoutSecrets } from '../../../src/redaction.js';
import { readConfig } from '../../../src/server/config.js';
import { ConfigError } from '../../../src/server/config/variables.js';
import { connectMongo } from '../../../src/server/connections.js';
import { startServers } from '../../../src/server/embedded/servers.js';
import { shared } from '../../support/servers.js';
import { until } from '../../support/until.js';

const folder = mkdtempSync(join(tmpdir(), 'orders-secrets-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a file with a secret, as a container's runtime does. */
function fileWith(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, `${content}\n`);
  return path;
}

const PASSWORD = 'swordfish/4711';
const TOKEN = 'session-token-of-the-cloud';
const API_KEY = 'temporal-api-key-0815';
const CURSOR = 'cursor secret of this test';
const WEBHOOK = `whsec_${Buffer.from('a webhook secret of this test').toString('base64')}`;
/** An address where nothing listens. */
const NOWHERE = '127.0.0.1:1';
const URI =
  `mongodb://ada:${encodeURIComponent(PASSWORD)}@${NOWHERE}/?authMechanism=PLAIN&authSource=$external` +
  `&authMechanismProperties=SERVICE_NAME:${TOKEN}`;
const secrets = [PASSWORD, encodeURIComponent(PASSWORD), TOKEN, API_KEY, CURSOR, WEBHOOK, WEBHOOK.slice(6)];

function expectNoSecret(output: string): void {
  expect(secrets.filter((secret) => output.includes(secret))).toEqual([]);
}

const variables = {
  PATH: process.env['PATH'],
  LOG_LEVEL: 'trace',
  HTTP_PORT: '0',
  TEMPORAL_ADDRESS: shared.temporalAddress,
  TEMPORAL_TLS: 'false',
  TEMPORAL_API_KEY: API_KEY,
  MONGODB_URI: URI,
  CURSOR_SECRET: CURSOR,
  PAYMENTS_WEBHOOK_SECRET: WEBHOOK,
  CARRIERS_WEBHOOK_SECRET_FILE: fileWith('carriers', WEBHOOK),
};

describe('a secret is not shown', () => {
  test.each([
    `mongo://ada:${PASSWORD}@${NOWHERE}/`,
    `mongodb://ada:${PASSWORD}@${NOWHERE}:x/`,
    `mongodb://ada:${PASSWORD}@two@${NOWHERE}/`,
    `mongodb://ada:${PASSWORD}%@${NOWHERE}`,
    `mongodb://ada:${encodeURIComponent(PASSWORD)}@${NOWHERE}/?unknownOption=1`,
    `mongodb://ada:${PASSWORD}@[/`,
  ])('in the refusal of a connection string such as %s', (uri) => {
    let refusal: unknown;
    try {
      connectMongo(readConfig({ MONGODB_URI: uri, SANDBOX: 'on' }));
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(ConfigError);
    expect(String(refusal)).toMatch(/MONGODB_URI.* cannot be used: /);
    expectNoSecret(String(refusal));
  });

  test('in the log of a process while MongoDB fails, or in its answers', async () => {
    const child = spawn(process.execPath, [join('dist', 'workers', 'main.js')], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...variables, ROLES: 'write,read' },
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => void (output += chunk));
    await until(async () => expect(output).toContain('Server listening at'));
    const address = /listening at (http:[^"]+)/.exec(output)?.[1] ?? '';
    let answers = '';
    for (const path of [
      '/health/ready',
      '/v1/system',
      '/v1/orders',
      '/v1/orders/o-1',
      '/metrics',
      '/openapi.json',
    ])
      answers += await (await fetch(`${address}${path}`)).text();
    for (const path of ['/v1/webhooks/payments', '/v1/orders'])
      answers += await (await fetch(`${address}${path}`, { method: 'POST', body: '{}' })).text();
    await until(async () => expect(output).toContain('MongoDB is not set up yet'));
    child.kill('SIGTERM');
    await ended;
    expect(answers).toContain('mongodb_unavailable');
    expectNoSecret(`${output}${answers}`);
  });

  test('in the help, or by a client script that fails', async () => {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, ['dist/workers/main.js', '--help'], { env: variables });
    expect(stdout).toContain('MONGODB_URI');
    const args = ['src/cli/orders.mjs', 'reconcile'];
    const script = spawn(process.execPath, args, { env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, complaint] = await Promise.all([text(script.stdout), text(script.stderr)]);
    expect(complaint).toMatch(/MongoDB/);
    expectNoSecret(`${stdout}${out}${complaint}`);
  });

  test('if it is the password of a URL', () => {
    expect(withoutSecrets('https://ada:pw@shop.example/a and redis://:x@h')).toBe(
      'https://***@shop.example/a and redis://***@h',
    );
  });
});

test('the data folder is readable by its owner only, even if it was open before', async () => {
  for (const dataDir of [join(folder, 'new', 'data'), mkdtempSync(join(folder, 'wide-'))]) {
    if (dataDir.includes('wide-')) chmodSync(dataDir, 0o755);
    await (await startServers({ dataDir })).stop();
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  }
});
