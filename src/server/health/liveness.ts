import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** The `workerData` that the liveness thread starts with. */
export interface LivenessThread {
  readonly host: string;
  /** 0 for any free port */
  readonly port: number;
  /** its first element changes while the event loop runs */
  readonly beats: Int32Array;
  readonly stalledMs: number;
}

const BEAT_EVERY_MS = 1_000;
/** Overload delays the event loop by a second or two. Only a fault blocks it this long. */
const STALLED_MS = 30_000;

/**
 * Answers `GET /health/live` from a separate thread, so that an orchestrator does not kill a
 * process because it is busy. The answer is 200, or 503 if the event loop was blocked for
 * `stalledMs`.
 */
export async function startLiveness(
  host: string,
  port: number,
  stalledMs = STALLED_MS,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const workerData: LivenessThread = { host, port, beats, stalledMs };
  const thread = new Worker(new URL('./liveness-thread.js', import.meta.url), { workerData });
  thread.unref();
  const beating = setInterval(() => Atomics.add(beats, 0, 1), BEAT_EVERY_MS).unref();
  // Rejects if the thread fails, such as when the port is taken.
  const [listening] = (await once(thread, 'message')) as [number];
  return {
    port: listening,
    async close() {
      clearInterval(beating);
      await thread.terminate();
    },
  };
}
