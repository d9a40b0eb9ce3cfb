import type { Draft, Envelope, State } from '../entity.js';
import type { EntityLog } from '../entity-log/entity-log.js';

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
 * The events that follow version `after`, up to the first gap. Later ones cannot be used yet.
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

/**
 * The state after these events up to the first gap, and the last version after the gap.
 *
 * @param events ascending
 */
export function foldToGap<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  events: readonly (D & Envelope)[],
  before?: S,
): { readonly state: S | undefined; readonly lastAfterGap: number | undefined } {
  const state = fold(log, contiguous(events, before?.version), before);
  const last = events.at(-1)?.version;
  const hasGap = state !== undefined && last !== undefined && last > state.version;
  return { state, lastAfterGap: hasGap ? last : undefined };
}
