import { type Draft, NewerEvent, type State, type StoredEvent } from '../../entity.js';
import type { AnyLog, EntityLog } from '../../journal/entity-log.js';
import type { View } from '../view.js';

/** An entity after an event, and its document in a view that is keyed by entity. */
export interface Folded<S extends State> {
  readonly orderId: string;
  readonly version: number;
  readonly state: S;
  readonly document?: object | undefined;
}

/** The journal lacks an entity's next event. */
export class Gap extends Error {
  override readonly name = 'Gap';
}

/** Earlier events of an entity are lost for good, so no view can fold the later ones. */
export class LostPast extends Error {
  override readonly name = 'LostPast';
}

/**
 * The entity after an event; an error if it cannot be computed.
 *
 * @throws NewerEvent if a newer version of the code wrote the event: a worker of that version
 *   continues
 */
export function stateAfter<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  before: S | undefined,
  event: StoredEvent,
): S | Error {
  const version = (before?.version ?? 0) + 1;
  if (event.version !== version) return gapAt(log, event.orderId, version);
  try {
    return log.entity.evolve(before, log.entity.upcast(event));
  } catch (error) {
    if (error instanceof NewerEvent) throw error;
    return error instanceof Error ? error : new Error(String(error));
  }
}

/**
 * The state after an event that the view has. If the fold throws, the view has skipped the event.
 */
export function refold<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  view: View<S, D>,
  before: Folded<S> | undefined,
  event: StoredEvent,
): Folded<S> | Error {
  const state = stateAfter(log, before?.state, event);
  if (state instanceof Error) return state;
  const { orderId, version } = state;
  try {
    return { orderId, version, state, document: documentAfter(log, view, before, event, state) };
  } catch {
    return { orderId, version, state, document: before?.document };
  }
}

/** An entity's document after an event; undefined in a view that is not keyed by entity. */
export function documentAfter<S extends State, D extends Draft>(
  { entity }: EntityLog<S, D>,
  view: View<S, D>,
  before: Folded<S> | undefined,
  event: StoredEvent,
  state: S,
): object | undefined {
  return view.keyedBy === undefined ? undefined : view.fold(before?.document, entity.upcast(event), state);
}

export function gapAt({ entity }: Pick<AnyLog, 'entity'>, id: string, version: number): Gap {
  return new Gap(`The journal of ${entity.name} ${id} lacks version ${version}.`);
}

/**
 * Splits events into parts in which the versions of each entity are consecutive. A lost event that
 * was restored after later ones starts a new part: the entity's state before it is read from the
 * journal.
 */
export function* consecutive<E extends Pick<StoredEvent, 'orderId' | 'version'>>(
  events: readonly E[],
): Generator<readonly E[], void> {
  const last = new Map<string, number>();
  let from = 0;
  for (const [index, { orderId, version }] of events.entries()) {
    if ((last.get(orderId) ?? version - 1) !== version - 1) {
      yield events.slice(from, index);
      from = index;
      last.clear();
    }
    last.set(orderId, version);
  }
  if (from < events.length) yield events.slice(from);
}
