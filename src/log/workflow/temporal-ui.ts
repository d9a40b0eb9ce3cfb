import type { Draft, Effect, Entity, State, StoredEvent } from '../entity.js';
import type { Halt } from './messages.js';

/**
 * Limits of Temporal's `UserMetadata`, 400 and 20,000 bytes of JSON, less 40 bytes for the rest of
 * the payload. Server 1.32 does not enforce them for workflows and activities; another one may.
 */
const MAX_SUMMARY_BYTES = 360;
const MAX_DETAILS_BYTES = 19_960;

/** The text as a summary in the Web UI: cut off if it is too long for Temporal. */
export function asSummary(text: string): string {
  return cutOff(text, MAX_SUMMARY_BYTES);
}

/** The text as fixed details in the Web UI: cut off if it is too long for Temporal. */
export function asDetails(text: string): string {
  return cutOff(text, MAX_DETAILS_BYTES);
}

function cutOff(text: string, maxBytes: number): string {
  const bytes = (part: string) => new TextEncoder().encode(JSON.stringify(part)).length;
  if (bytes(text) <= maxBytes) return text;
  let kept = '';
  let size = bytes('…');
  for (const character of text) {
    size += bytes(character) - bytes('');
    if (size > maxBytes) break;
    kept += character;
  }
  return `${kept}…`;
}

/** One line for an activity's row in the Web UI: `v2 StockReserved → authorize EUR 39.98`. */
export function stepSummary<S extends State, D extends Draft, F extends Effect>(
  entity: Entity<S, D, F>,
  events: readonly StoredEvent[],
  effect: F | undefined,
): string {
  const recorded = events.map(({ version, type }) => `v${version} ${type}`).join(', ');
  const performed = effect === undefined ? '' : `→ ${entity.summary(effect)}`;
  return asSummary(`${recorded} ${performed}`.trim());
}

/** The workflow's current details in the Web UI: a summary of the state, as Markdown. */
export function details<S extends State, D extends Draft, F extends Effect>(
  entity: Entity<S, D, F>,
  state: S,
  halted: Halt | undefined,
): string {
  const shown = entity.details(state);
  return halted === undefined ? shown : `**Halted: ${halted.message}**\n\n${shown}`;
}
