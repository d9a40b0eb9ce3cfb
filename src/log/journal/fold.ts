import type { Draft, Envelope, State } from '../entity.js';
import type { EntityLog } from './entity-log.js';

/** The state after these events; undefined if there are neither events nor an earlier state. */
export function fold<S extends State, D extends Draft>(
  { entity: { evolve } }: EntityLog<S, D>,
  events: Iterable<D & Envelope>,
  before?: S,
): S | undefined {
  let state = before;
  for (const event of events) state = evolve(state, event);
  return state;
}

/**
 * The events after version `after` up to the first gap. Later ones cannot be used yet.
 *
 * @param events ascending
 */
export function contiguous<E extends Pick<Envelope, 'version'>>(
  events: readonly E[],
  after = 0,
): readonly E[] {
  const end = events.findIndex(({ version }, index) => version !== after + 1 + index);
  return end === -1 ? events : events.slice(0, end);
}
