import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 20;
const WINDOW_MS = 500;
const NS_PER_MS = 1_000_000;

/** How late the event loop of this process was of late, in milliseconds. */
export interface LoopDelay {
  readonly mean: number;
  readonly most: number;
}

let histogram: IntervalHistogram | undefined;
let last: LoopDelay = { mean: 0, most: 0 };

/** The delay in the last whole window of half a second and in the one that runs. Measured from the first call on. */
export function loopDelay(): LoopDelay {
  histogram ??= measure();
  return { mean: last.mean, most: Math.max(last.most, inMs(histogram.max)) };
}

function measure(): IntervalHistogram {
  const measured = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  measured.enable();
  setInterval(() => {
    last = { mean: inMs(measured.mean), most: inMs(measured.max) };
    measured.reset();
  }, WINDOW_MS).unref();
  return measured;
}

/** An empty histogram has NaN for a mean, and the resolution is in every sample. */
function inMs(ns: number): number {
  return Math.max(0, (ns || 0) / NS_PER_MS - RESOLUTION_MS);
}
