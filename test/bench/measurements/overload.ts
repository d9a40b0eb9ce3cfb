import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { orderBody } from '../data/story.js';
import type { Bench, Measurement } from '../harness/bench.js';
import type { HealthProbe } from '../harness/health-probe.js';
import { type HttpAnswer, HttpConnection } from '../harness/http-connection.js';
import { percentileOf, percentiles } from '../harness/interleave.js';
import { offerLoad, type Served } from '../harness/offered-load.js';
import type { Remote } from '../harness/remote.js';
import { single } from '../harness/result.js';
import { MB, residentMemoryOf } from '../harness/usage.js';

const CREATORS = 400;
const READERS = 100;
const UNREAD_STREAMS = 100;
const OVERLOAD_FACTOR = 10;
/**
 * How many clients of each kind send requests without a pause, to find the load that can be served.
 */
const few = { creators: 8, readers: 4 };
/** A rate above the number of answers that a client can get. */
const UNLIMITED = 10_000;
const list = '/v1/orders?limit=200';
/** An answer that comes later is of no use to a client that waits. */
const USEFUL_WITHIN_MS = 2_000;
/** The system has recovered when this many requests of each kind in a row are served. */
const SERVED_IN_A_ROW = 10;
const RECOVERED_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 2_000;

interface Mixed {
  readonly created: Served;
  readonly listed: Served;
}

/**
 * Sends creates, requests pages of 200 orders, and opens streams that are never read, all beside a
 * process that keeps a core busy. First, a few clients send as fast as they get answers: that rate
 * is the load that can be served. Then ten times that rate is sent, whether it is answered or not.
 *
 * `overload.health` is requested on `HEALTH_PORT`, and `overload.health.api` on the port of the
 * API. Goodput is the number of successes within 2 s. Its baseline is the best of what was served
 * before.
 */
export const overload: Measurement = {
  name: 'overload',
  needsDataset: true,
  async run(bench) {
    const { address, health, pid } = await bench.productWith({
      MAX_STREAMS: String(UNREAD_STREAMS),
      HEALTH_PORT: '0',
    });
    const customer = { id: `overload-${randomUUID().slice(0, 8)}`, name: 'Ada Example' };
    let accepted = 0;
    const create = async (connection: HttpConnection): Promise<HttpAnswer> => {
      const answer = await connection.tryPost('/v1/orders', { ...orderBody(0), customer });
      if (answer.status === 201) accepted += 1;
      return answer;
    };
    const read = (connection: HttpConnection): Promise<HttpAnswer> => connection.get(list);
    bench.atEnd(keepBusy());
    const ms = bench.pick(20_000, 8_000);
    /**
     * Opens new connections and streams each time, because the server closes those that are idle or
     * not read.
     */
    const offer = async (
      creates: number,
      pages: number,
      clients = { creators: CREATORS, readers: READERS },
    ): Promise<Mixed> => {
      const creating = await openAll(clients.creators, () => HttpConnection.open(address));
      const reading = await openAll(clients.readers, () => HttpConnection.open(address));
      // Node accepts one connection per turn of its event loop. Until then, it sees no request on
      // the connection.
      await Promise.all([...creating, ...reading].map((connection) => connection.get('/health/live')));
      const streams = await openAll(UNREAD_STREAMS, () => openUnread(address));
      try {
        const [created, listed] = await Promise.all([
          offerLoad({ connections: creating, perSecond: creates, send: create }, ms),
          offerLoad({ connections: reading, perSecond: pages, send: read }, ms),
        ]);
        return { created, listed };
      } finally {
        for (const connection of [...creating, ...reading]) connection.close();
        for (const stream of streams) stream.destroy();
      }
    };
    bench.note('finding what it can serve');
    const alone = await offer(UNLIMITED, UNLIMITED, few);
    const [creates, pages] = [perSecond(alone.created), perSecond(alone.listed)];
    bench.note(`${creates.toFixed(1)} creates/s and ${pages.toFixed(1)} pages/s`);
    const fitting = await offer(creates, pages);
    bench.note('twice that');
    const twice = await offer(2 * creates, 2 * pages);
    const best = Math.max(goodput(alone), goodput(fitting), goodput(twice));

    bench.note(`${OVERLOAD_FACTOR} times that`);
    const memory = await residentMemoryOf(pid);
    const [probe, probeOfApi] = [await probeOf(bench), await probeOf(bench)];
    await probe.call('begin', health);
    await probeOfApi.call('begin', address);
    const flood = await offer(OVERLOAD_FACTOR * creates, OVERLOAD_FACTOR * pages);
    const [live, liveOfApi] = [await probe.call('end'), await probeOfApi.call('end')];
    const growth = (await residentMemoryOf(pid)) - memory;

    bench.note('waiting until it is as before');
    const [api] = await bench.connect(address, 1);
    const recoveredMs = await untilServed(api, [create, read]);
    bench.note('counting what was started');
    const started = await startedBy(bench.temporal, customer.id);
    process.stderr.write(`${[alone, fitting, twice, flood].map(inWords).join('\n')}\n`);
    const successes = [...flood.created.times, ...flood.listed.times];
    return [
      single('overload.goodput', goodput(flood), 'answers/s', {
        baseline: best,
        goal: { of: 'ratio', is: '≥', limit: 0.9 },
      }),
      percentiles('overload.accepted', successes, 1, {
        goal: { of: 'p99', is: '≤', limit: USEFUL_WITHIN_MS },
      }),
      percentiles('overload.health', live, 1, { goal: { of: 'p99', is: '≤', limit: 200 } }),
      percentiles('overload.health.api', liveOfApi, 1),
      single('overload.memory', growth / MB, 'MB', { baseline: memory / MB }),
      single('overload.recovery', recoveredMs / 1_000, 's', { goal: { of: 'value', is: '≤', limit: 5 } }),
      single('overload.unanswered', started - accepted, 'orders', {
        goal: { of: 'value', is: '≤', limit: 0 },
      }),
    ];
  },
};

function openAll<T>(count: number, open: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, open));
}

function perSecond({ times, ms }: Served): number {
  return (1_000 * times.length) / ms;
}

function goodput({ created, listed }: Mixed): number {
  const useful = [created, listed].flatMap(({ times }) => times.filter((time) => time <= USEFUL_WITHIN_MS));
  return (1_000 * useful.length) / created.ms;
}

function inWords({ created, listed }: Mixed): string {
  const one = (name: string, served: Served): string => {
    const at = percentileOf(served.times);
    const failed = [...served.failed].map(([what, count]) => `, ${count} × ${what}`).join('');
    return `${name}: ${perSecond(served).toFixed(1)}/s, p50 ${at(0.5).toFixed()} ms, p99 ${at(0.99).toFixed()} ms, ${served.refused} refused, ${served.unsent} unsent${failed}`;
  };
  return `    ${one('created', created)}; ${one('listed', listed)}`;
}

function probeOf(bench: Bench): Promise<Remote<HealthProbe>> {
  return bench.remote<HealthProbe>('harness/health-probe.js');
}

/** A process that keeps a core busy until it is ended. */
function keepBusy(): () => void {
  const hog = spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' });
  return () => void hog.kill('SIGKILL');
}

/** Requests the feed from its beginning, and reads nothing of the answer. */
async function openUnread(address: string): Promise<Socket> {
  const { hostname, port, host } = new URL(address);
  const socket = connect({ host: hostname, port: Number(port) });
  // The server closes the connection after a while.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET /v1/events/stream?after=0 HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  return socket;
}

type Send = (connection: HttpConnection) => Promise<HttpAnswer>;

/**
 * Milliseconds until requests are served again, one after another. @throws Error after a minute
 */
async function untilServed(api: HttpConnection, sends: readonly Send[]): Promise<number> {
  const start = performance.now();
  let since = start;
  for (let row = 0; row < SERVED_IN_A_ROW;) {
    const before = performance.now();
    const answers: HttpAnswer[] = [];
    for (const send of sends) answers.push(await send(api));
    const isServed =
      answers.every(({ status }) => status < 300) && performance.now() - before <= USEFUL_WITHIN_MS;
    row = isServed ? row + 1 : 0;
    if (!isServed) since = performance.now();
    if (performance.now() - start > RECOVERED_WITHIN_MS) throw new Error('It is not as before.');
  }
  return since - start;
}

/** The number of a customer's orders in Temporal, once it no longer grows. */
async function startedBy(temporal: Client, customer: string): Promise<number> {
  for (let known = -1; ;) {
    const { count } = await temporal.workflow.count(`CustomerId = "${customer}"`);
    if (count === known) return count;
    known = count;
    await setTimeout(LOOK_EVERY_MS);
  }
}
