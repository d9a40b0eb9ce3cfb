/* The thread that `startLiveness` starts. It answers while the process's event loop is busy. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { LivenessThread } from './liveness.js';

const LOOK_EVERY_MS = 1_000;

const { host, port, beats, stalledMs } = workerData as LivenessThread;
let seen = Atomics.load(beats, 0);
let seenAt = performance.now();

setInterval(() => {
  const now = Atomics.load(beats, 0);
  if (now === seen) return;
  seen = now;
  seenAt = performance.now();
}, LOOK_EVERY_MS);

const codes = { live: 200, stalled: 503, not_found: 404 };

const server = createServer(({ method, url }, response) => {
  const isAsked = (method === 'GET' || method === 'HEAD') && url === '/health/live';
  const isLive = performance.now() - seenAt < stalledMs;
  const status = !isAsked ? 'not_found' : isLive ? 'live' : 'stalled';
  response.statusCode = codes[status];
  response.setHeader('content-type', 'application/json').setHeader('cache-control', 'no-store');
  response.end(JSON.stringify({ status }));
});
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- this is not a window
server.listen({ host, port }, () => parentPort?.postMessage((server.address() as AddressInfo).port));
