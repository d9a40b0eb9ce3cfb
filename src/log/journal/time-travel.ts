import type { Draft, Envelope, State } from '../entity.js';
import type { EntityLog } from '../entity-log/entity-log.js';
import { contiguous, fold } from './fold.js';

/**
 * A point in an entity's life: after the event of a version, or after all events up to a time
 * (ISO-8601 UTC).
 */
export type Moment = { readonly version: number } | { readonly at: string };

/**
 * The events of an entity up to a moment, or up to a gap.
 *
 * @param events ascending, from version 1
 */
export function eventsUntil<E extends Pick<Envelope, 'version' | 'occurredAt'>>(
  events: readonly E[],
  moment: Moment,
): readonly E[] {
  const known = contiguous(events);
  if ('version' in moment) return known.slice(0, moment.version);
  const end = known.findIndex(({ occurredAt }) => occurredAt > moment.at);
  return end === -1 ? known : known.slice(0, end);
}

/**
 * The state at a moment; undefined if the entity did not exist yet. A version beyond the last event
 * gives the latest state.
 */
export function stateAt<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  events: readonly (D & Envelope)[],
  moment: Moment,
): S | undefined {
  return fold(log, eventsUntil(events, moment));
}
