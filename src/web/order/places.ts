/** Where on the line events stand. */
import type { Ghost, Step } from './story.js';

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
  readonly ghosts: readonly number[];
  /** spans between events in which nothing happened */
  readonly gaps: readonly Gap[];
}

/** Space for what is to come. */
const AHEAD = 0.22;
const MARGIN = 0.015;

/** Idle time is squeezed: a gap grows with the logarithm of its length. */
function widthOf(ms: number): number {
  return 0.25 + Math.log10(1 + Math.max(0, ms) / 1_000);
}

export function placesOf(
  steps: readonly Step[],
  ghosts: readonly Ghost[],
  scale: Scale,
  nowMs: number,
): Places {
  const times = steps.map(({ event }) => Date.parse(event.occurredAt));
  const spans = times.map((time, index) => Math.max(0, (times[index + 1] ?? nowMs) - time));
  const widths = spans.map((ms, index) =>
    scale === 'clock' ? widthOf(ms) : index === spans.length - 1 ? 0.6 : 1,
  );
  const end = ghosts.length === 0 ? 1 - MARGIN : 1 - AHEAD;
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
  const apart = (AHEAD - MARGIN * 2) / Math.max(1, ghosts.length);
  return { steps: at, now: end, ghosts: ghosts.map((_, index) => end + apart * (index + 0.8)), gaps };
}

/** The index of the place that is nearest. */
export function nearest(places: readonly number[], at: number): number {
  let best = 0;
  for (const [index, place] of places.entries())
    if (Math.abs(place - at) < Math.abs((places[best] ?? 0) - at)) best = index;
  return best;
}
