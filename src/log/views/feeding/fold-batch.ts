import type { AnyBulkWriteOperation } from 'mongodb';
import { type Draft, NewerEvent, type State } from '../../entity.js';
import type { PositionedEvent } from '../../feed/feed.js';
import type { EntityLog } from '../../journal/entity-log.js';
import { MergedChanges } from './merged-changes.js';
import type { View, ViewDocument } from '../view.js';
import type { BatchStart } from './entity-states.js';
import { documentAfter, type Folded, LostPast, stateAfter } from './folding.js';
import { type ParkedEvent, toParked } from '../parked-events.js';

/** The result of folding a batch of events into a view. */
export interface FoldedBatch<S extends State> {
  /** one for each document that changes */
  readonly writes: AnyBulkWriteOperation<ViewDocument>[];
  readonly parked: readonly ParkedEvent[];
  /** the entities after the batch, to continue from */
  readonly states: readonly Folded<S>[];
}

/**
 * Folds a batch into writes. An event that fails is parked, and later events of its entity wait for
 * it. All other events are applied. Events of an entity whose past is lost are left out.
 *
 * @param blocked ids of entities that have a parked event already
 * @throws NewerEvent
 */
export function foldBatch<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  view: View<S, D>,
  collection: string,
  events: readonly PositionedEvent[],
  { states: before, overtaken, refolded }: BatchStart<S>,
  blocked: ReadonlySet<string>,
): FoldedBatch<S> {
  const changes = new MergedChanges();
  const documents = new Map<string, object | undefined>();
  const parked: ParkedEvent[] = [];
  const states = new Map<string, Folded<S>>();
  const stale = new Set<string>();
  const waiting = new Set(blocked);
  for (const event of events) {
    const { orderId, version } = event;
    if (waiting.has(orderId)) {
      parked.push(toParked(view.name, collection, event));
      continue;
    }
    try {
      const known = orThrow(states.get(orderId) ?? before.get(orderId));
      const state = orThrow(stateAfter(log, known?.state, event));
      const document = documentAfter(log, view, known, event, state);
      if (view.keyedBy === undefined)
        for (const change of view.fold(log.entity.upcast(event), known?.state, state)) changes.merge(change);
      else if (!overtaken.has(event.position)) documents.set(orderId, document);
      states.set(orderId, { orderId, version, state, document });
      if (overtaken.has(event.position)) stale.add(orderId);
      else stale.delete(orderId);
    } catch (error) {
      if (error instanceof NewerEvent) throw error;
      if (error instanceof LostPast) continue;
      parked.push(toParked(view.name, collection, event, error));
      waiting.add(orderId);
      states.delete(orderId);
    }
  }
  const changed = [...documents].filter(
    ([orderId, document]) => refolded.has(orderId) || document !== documentOf(before, orderId),
  );
  return {
    writes: [...changes.toWrites(), ...changed.map(([orderId, document]) => toWrite(orderId, document))],
    parked,
    states: [...states.values()].filter(({ orderId }) => !stale.has(orderId)),
  };
}

function documentOf(states: BatchStart<State>['states'], orderId: string): object | undefined {
  const state = states.get(orderId);
  return state instanceof Error ? undefined : state?.document;
}

function toWrite(_id: string, document: object | undefined): AnyBulkWriteOperation<ViewDocument> {
  if (document === undefined) return { deleteOne: { filter: { _id } } };
  return { replaceOne: { filter: { _id }, replacement: document, upsert: true } };
}

function orThrow<T>(value: T | Error): T {
  if (value instanceof Error) throw value;
  return value;
}
