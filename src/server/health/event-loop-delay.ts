import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 50;
const WINDOW_MS = 500;
const NS_PER_MS = 1_000_000;

/** Recent delay of this process's event loop, in milliseconds. */
export interface LoopDelay {
  readonly mean: number;
  readonly most: number;
}

let histogram: IntervalHistogram | undefined;
let last: LoopDelay = { mean: 0, most: 0 };

/**
 * The delay over the last complete window of half a second; `most` also covers the current one.
 * Measuring starts with the first call.
 */
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

/**
 * Converts a delay from the histogram to milliseconds. The mean of an empty histogram is NaN. Every
 * sample includes the resolution, so it is subtracted.
 */
function inMs(ns: number): number {
  return Math.max(0, (ns || 0) / NS_PER_MS - RESOLUTION_MS);
}
