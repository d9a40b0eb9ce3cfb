/** Where on the line events stand. */
import type { Step } from './story.js';

export type Scale = 'versions' | 'clock';

export interface Gap {
  /** the middle of it, 0 to 1 */
  readonly at: number;
  readonly ms: number;
  readonly share: number;
}

export interface Places {
  /** of each step, 0 to 1 */
  readonly steps: readonly number[];
  readonly now: number;
  /** spans between events in which nothing happened */
  readonly gaps: readonly Gap[];
}

/** Space for what is to come, also while nothing is: stepping through the versions moves no event. */
const AHEAD = 0.22;
const MARGIN = 0.015;

/** Idle time is squeezed: a gap grows with the logarithm of its length. */
function widthOf(ms: number): number {
  return 0.25 + Math.log10(1 + Math.max(0, ms) / 1_000);
}

export function placesOf(steps: readonly Step[], scale: Scale, nowMs: number): Places {
  const times = steps.map(({ event }) => Date.parse(event.occurredAt));
  const spans = times.map((time, index) => Math.max(0, (times[index + 1] ?? nowMs) - time));
  const widths = spans.map((ms, index) =>
    scale === 'clock' ? widthOf(ms) : index === spans.length - 1 ? 0.6 : 1,
  );
  const end = 1 - AHEAD;
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

/** Where so many things that are to come stand, beyond now. */
export function placesAhead(many: number): readonly number[] {
  const apart = (AHEAD - MARGIN * 2) / Math.max(1, many);
  return Array.from({ length: many }, (_, index) => 1 - AHEAD + apart * (index + 0.8));
}

/** The index of the place that is nearest. */
export function nearest(places: readonly number[], at: number): number {
  let best = 0;
  for (const [index, place] of places.entries())
    if (Math.abs(place - at) < Math.abs((places[best] ?? 0) - at)) best = index;
  return best;
}
