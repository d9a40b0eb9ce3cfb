import { spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { afterEach, describe, expect, test } from '@jest/globals';
import { addressOf } from './connections/serving.js';

/* How the process of a script ends: its exit code, and what it prints before. */

const SCRIPT = 'src/cli/orders.mjs';
/** An address where nothing listens. */
const NOWHERE = 'http://127.0.0.1:1';

const started = new Set<ReturnType<typeof spawn>>();
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
});

interface Start {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdio?: StdioOptions;
}

function start(command: readonly string[], { env = {}, stdio = ['ignore', 'pipe', 'pipe'] }: Start = {}) {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio });
  started.add(child);
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => ({
    code: code ?? signal,
    out,
    err,
  }));
  return { child, ended };
}

function orders(line: string, more?: Start) {
  return start([process.execPath, SCRIPT, ...line.split(' ')], more);
}

describe('in a checkout that is not built', () => {
  test('only `demo` builds it', async () => {
    const checkout = await mkdtemp(join(tmpdir(), 'orders-cli-'));
    try {
      const script = join(checkout, 'src/cli/orders.mjs');
      await mkdir(dirname(script), { recursive: true });
      await copyFile(SCRIPT, script);
      const inCheckout = async (line: string) =>
        await start([process.execPath, script, ...line.split(' ')]).ended;
      for (const line of ['get demo', `--url ${NOWHERE} get demo`])
        expect(await inCheckout(line)).toEqual({
          code: 5,
          out: '',
          err: 'orders is not built yet: run `npm start` or `npm run build` first.\n',
        });
      // This checkout lacks what builds it.
      for (const line of ['demo', `--json --url ${NOWHERE} demo`])
        expect(await inCheckout(line)).toMatchObject({ err: expect.stringContaining('prepare.mjs') });
    } finally {
      await rm(checkout, { recursive: true });
    }
  });
});

describe('when the reader of the output is gone', () => {
  test('a script ends with its own exit code', async () => {
    const { child, ended } = orders(`load --count 1 --url ${NOWHERE}`);
    child.stdout?.destroy();
    expect(await ended).toMatchObject({ code: 4, err: expect.stringContaining('no order was accepted') });
  });

  test('a script that only shows ends', async () => {
    const url = await addressOf((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const timer = setInterval(() => response.write('id: 1\ndata: {"type":"OrderCreated"}\n\n'), 10);
      response.on('close', () => clearInterval(timer));
    });
    const { child, ended } = orders(`watch --json --url ${url}`);
    child.stdout?.once('data', () => child.stdout?.destroy());
    expect(await ended).toMatchObject({ code: 0, err: '' });
  });

  test('complaints are lost, and the exit code is not', async () => {
    const { child, ended } = orders(`get o-1 --url ${NOWHERE}`);
    child.stderr?.destroy();
    expect(await ended).toMatchObject({ code: 4 });
  });

  test.each([
    ['EPIPE', 0],
    ['EIO', 'SIGHUP'],
  ])('what is to be cleaned up is cleaned up: %s', async (error, code) => {
    const program = `
      import { withCleanUp, endWhenInterrupted, endWithReader } from './dist/src/cli/script/interrupt.js';
      endWhenInterrupted();
      endWithReader();
      await withCleanUp(
        async () => {
          process.stdout.emit('error', Object.assign(new Error('gone'), { code: '${error}' }));
          throw new Error('its servers were stopped');
        },
        async () => void process.stderr.write('cleaned up'),
      );`;
    const { ended } = start([process.execPath, '--input-type=module', '--eval', program]);
    expect(await ended).toMatchObject({ code, err: 'cleaned up' });
  });
});

const ifFull = existsSync('/dev/full') ? test : test.skip;
ifFull('an output that cannot be written ends with 5, not as a refusal', async () => {
  const full = openSync('/dev/full', 'w');
  const { ended } = orders('completion bash', { stdio: ['ignore', full, 'pipe'] });
  expect(await ended).toMatchObject({ code: 5, err: expect.stringContaining('ENOSPC') });
  expect(await orders(`get o-1 --url ${NOWHERE}`, { stdio: ['ignore', 'pipe', full] }).ended).toMatchObject({
    code: 5,
  });
});

describe('a script that is interrupted', () => {
  const keyed = { env: { ORDERS_KEY: 'a-key' } };

  /** Interrupts a script when the API has received a request that it does not answer. */
  async function interrupted(line: string, answerTo: RequestListener = () => undefined) {
    const requests: IncomingMessage[] = [];
    let interrupt = () => {};
    const url = await addressOf((request, response) => {
      requests.push(request);
      answerTo(request, response);
      if (!response.writableEnded) interrupt();
    });
    const { child, ended } = orders(`${line} --url ${url}`, keyed);
    interrupt = () => child.kill('SIGINT');
    return { ...(await ended), key: requests[0]?.headers['idempotency-key'] };
  }

  test.each(['create', 'webhooks delete e-1', 'forget c-1 --reason x', 'stock set A-1 5'])(
    'while it sends prints the key to send it again with: %s',
    async (line) => {
      const { code, out, err, key } = await interrupted(line);
      expect({ code, out }).toEqual({ code: 130, out: '' });
      expect(err).toBe(`interrupted: it may still take effect; to try again, add --key ${key as string}\n`);
    },
  );

  test('while it waits prints what it has sent', async () => {
    const { code, err } = await interrupted('create --wait 30', ({ method }, response) => {
      const answer = { orderId: 'o-1', version: 1, status: 'pending', events: [] };
      if (method === 'POST') response.writeHead(201).end(JSON.stringify(answer));
    });
    expect({ code, err }).toEqual({
      code: 130,
      err: 'interrupted while waiting; sent: order o-1 · pending at version 1\n',
    });
  });

  test('during a load prints the result until then', async () => {
    const { code, out } = await interrupted('load --count 5');
    expect({ code, out }).toEqual({ code: 130, out: expect.stringMatching(/^accepted +0 of \d order/) });
  });
});

test.each([
  [503, 4],
  [500, 5],
])(
  'a request that may still take effect prints the key to send it again with: HTTP %i',
  async (status, exitCode) => {
    let key: unknown;
    const url = await addressOf((request, response) => {
      key = request.headers['idempotency-key'];
      response.writeHead(status).end();
    });
    const { code, err } = await orders(`webhooks delete e-1 --url ${url}`).ended;
    expect({ code, err }).toEqual({
      code: exitCode,
      err: expect.stringMatching(new RegExp(`; to try again, add --key ${key as string}\n$`)),
    });
  },
);

test('the key may come from a pipe', async () => {
  let authorization: string | undefined;
  const url = await addressOf((request, response) => {
    ({ authorization } = request.headers);
    response.end(
      JSON.stringify({ endpointId: 'e-1', status: 'deleted', url: '', events: [], payload: 'thin' }),
    );
  });
  const line = `exec "$0" ${SCRIPT} webhooks delete e-1 --url ${url} --key-file <(echo a-secret-key)`;
  const { code, err } = await start(['bash', '-c', line, process.execPath]).ended;
  expect({ code, err, authorization }).toEqual({ code: 0, err: '', authorization: 'Bearer a-secret-key' });
});
