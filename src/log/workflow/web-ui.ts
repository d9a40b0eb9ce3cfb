import type { Draft, Effect, Entity, State, StoredEvent } from '../entity.js';
import type { Halt } from './messages.js';

const MAX_SUMMARY_LENGTH = 200;

/**
 * One line for an activity's row in the Web UI: `v2 StockReserved → authorize EUR 39.98`. At most
 * 200 characters.
 */
export function stepSummary<S extends State, D extends Draft, F extends Effect>(
  entity: Entity<S, D, F>,
  events: readonly StoredEvent[],
  effect: F | undefined,
): string {
  const recorded = events.map(({ version, type }) => `v${version} ${type}`).join(', ');
  const performed = effect === undefined ? '' : `→ ${entity.summary(effect)}`;
  const summary = `${recorded} ${performed}`.trim();
  return summary.length <= MAX_SUMMARY_LENGTH ? summary : `${summary.slice(0, MAX_SUMMARY_LENGTH - 1)}…`;
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
