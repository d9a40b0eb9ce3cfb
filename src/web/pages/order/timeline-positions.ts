/* Positions of events on the timeline, from 0 at its start to 1 at its end. */
import type { Step } from './steps.js';

/** By version, events are equally far apart; by clock, the time between them counts. */
export type Scale = 'versions' | 'clock';

/** A span in which nothing happened: between two events, or between the last event and now. */
export interface Gap {
  /** the position of its middle */
  readonly at: number;
  readonly ms: number;
  readonly share: number;
}

/** Where everything on the timeline is. */
export interface Positions {
  /** the position of each step */
  readonly steps: readonly number[];
  readonly now: number;
  readonly gaps: readonly Gap[];
}

/**
 * Space for expected events. It is kept even if there are none, so that no event moves while the
 * reader steps through the versions.
 */
const EXPECTED_SHARE = 0.22;
const MARGIN = 0.015;

/** Idle time is compressed: the width of a gap grows with the logarithm of its length. */
function widthOf(ms: number): number {
  return 0.25 + Math.log10(1 + Math.max(0, ms) / 1_000);
}

/** The positions of the steps by version, or by clock with idle time compressed. */
export function positionsOf(steps: readonly Step[], scale: Scale, nowMs: number): Positions {
  const times = steps.map(({ event }) => Date.parse(event.occurredAt));
  const spans = times.map((time, index) => Math.max(0, (times[index + 1] ?? nowMs) - time));
  const widths = spans.map((ms, index) =>
    scale === 'clock' ? widthOf(ms) : index === spans.length - 1 ? 0.6 : 1,
  );
  const end = 1 - EXPECTED_SHARE;
  const whole = widths.reduce((sum, width) => sum + width, 0) || 1;
  const length = end - MARGIN;
  const at: number[] = [];
  const gaps: Gap[] = [];
  let passed = 0;
  for (const [index, width] of widths.entries()) {
    at.push(MARGIN + (passed / whole) * length);
    const share = (width / whole) * length;
    if (scale === 'clock') gaps.push({ at: (at[index] ?? 0) + share / 2, ms: spans[index] ?? 0, share });
    passed += width;
  }
  return { steps: at, now: end, gaps };
}

/** The positions of this many expected events, after now. */
export function positionsOfExpected(many: number): readonly number[] {
  const apart = (EXPECTED_SHARE - MARGIN * 2) / Math.max(1, many);
  return Array.from({ length: many }, (_, index) => 1 - EXPECTED_SHARE + apart * (index + 0.8));
}

/** The index of the position that is nearest to `at`. */
export function nearest(positions: readonly number[], at: number): number {
  let best = 0;
  for (const [index, position] of positions.entries())
    if (Math.abs(position - at) < Math.abs((positions[best] ?? 0) - at)) best = index;
  return best;
}
