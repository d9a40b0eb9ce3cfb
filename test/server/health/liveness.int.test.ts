import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, expect, test } from '@jest/globals';
import { createSystem } from '../../support/system.js';
import { until } from '../../support/until.js';

const system = createSystem();
afterAll(() => system.end());

async function statusAt(address: string): Promise<unknown> {
  const response = await fetch(address);
  return { code: response.status, ...((await response.json()) as object) };
}

test('with HEALTH_PORT, a process without an API answers that it is live, and nothing else', async () => {
  const feed = await system.start('feed', { HEALTH_PORT: '0' });
  expect(feed.health).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/health\/live$/);
  expect(await statusAt(feed.health)).toEqual({ code: 200, status: 'live' });
  const { origin } = new URL(feed.health);
  expect(await statusAt(`${origin}/metrics`)).toEqual({ code: 404, status: 'not_found' });
});

test('a blocked event loop is reported after a while, and again once it runs', async () => {
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(join(process.cwd(), 'dist', 'workers', 'liveness-thread.js'), {
    workerData: { host: '127.0.0.1', port: 0, beats, stalledMs: 2_000 },
  });
  try {
    const [port] = (await once(thread, 'message')) as [number];
    const address = `http://127.0.0.1:${port}/health/live`;
    expect(await statusAt(address)).toEqual({ code: 200, status: 'live' });
    await until(async () => expect(await statusAt(address)).toEqual({ code: 503, status: 'stalled' }));
    await until(async () => {
      Atomics.add(beats, 0, 1);
      expect(await statusAt(address)).toEqual({ code: 200, status: 'live' });
    });
  } finally {
    await thread.terminate();
  }
});
