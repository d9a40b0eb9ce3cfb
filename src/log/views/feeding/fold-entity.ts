import type { AnyBulkWriteOperation } from 'mongodb';
import { type Draft, NewerEvent, type State, type StoredEvent } from '../../entity.js';
import type { PositionedEvent } from '../../feed/feed.js';
import type { EntityLog } from '../../entity-log/entity-log.js';
import type { EntityView, SummaryView, View, ViewChange, ViewDocument } from '../view.js';
import { gapAt } from './gap.js';

/** The events of one entity in a batch, and what they are folded with. */
export interface EntityBatch<S extends State> {
  /** the entity's id; the name is persisted */
  readonly orderId: string;
  /** by version, at least one; versions between them may be missing */
  readonly events: readonly PositionedEvent[];
  /** the entity right before these events; undefined if it is folded from version 1 on */
  readonly before: Folded<S> | undefined;
  /** events of the journal that are not in the batch, and are folded with it */
  readonly fromJournal: readonly StoredEvent[];
}

/** An entity after an event, and its document in a view that is keyed by entity. */
export interface Folded<S extends State> {
  readonly orderId: string;
  readonly version: number;
  readonly state: S;
  readonly document?: object | undefined;
}

/** The result of folding the events of one entity into a view. */
export interface FoldedEntity<S extends State> {
  /** changes of a summary view */
  readonly changes?: readonly ViewChange[];
  /** the write of the entity's document; absent if the document does not change */
  readonly write?: AnyBulkWriteOperation<ViewDocument>;
  /** the entity after all events; absent if one failed */
  readonly after?: Folded<S> | undefined;
  readonly failure?: Failure | undefined;
}

/** An event that could not be folded. */
export interface Failure {
  readonly orderId: string;
  readonly version: number;
  readonly error: unknown;
  /**
   * the events of the batch that were not applied: the one that failed, and later ones; empty if an
   * event after the batch failed
   */
  readonly events: readonly PositionedEvent[];
}

/** @throws NewerEvent */
export function foldEntity<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  view: View<S, D>,
  batch: EntityBatch<S>,
): FoldedEntity<S> {
  return view.keyedBy === undefined ? foldChanges(log, view, batch) : foldDocument(log, view, batch);
}

/** The changes of each event of the batch, made from the entity right before it. */
function foldChanges<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  view: SummaryView<S, D>,
  batch: EntityBatch<S>,
): FoldedEntity<S> {
  const inBatch = new Set<StoredEvent>(batch.events);
  const changes: ViewChange[] = [];
  const { after, failure } = foldByVersion(log, batch, (event, before, state) => {
    if (inBatch.has(event)) changes.push(...view.fold(log.entity.upcast(event), before?.state, state));
    return undefined;
  });
  return { changes, failure, ...(failure === undefined && { after }) };
}

/** The document, folded from the events of the batch and those from the journal. */
function foldDocument<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  view: EntityView<S, D>,
  batch: EntityBatch<S>,
): FoldedEntity<S> {
  const { orderId, events, fromJournal } = batch;
  const inBatch = new Set<StoredEvent>(events);
  const { after, failure } = foldByVersion(log, batch, (event, before, state) => {
    try {
      return view.fold(before?.document, log.entity.upcast(event), state);
    } catch (error) {
      if (inBatch.has(event)) throw error;
      // The event is not in the batch. It was skipped after it failed, or it is parked when the
      // feed reaches it. Either way it changes nothing here.
      return before?.document;
    }
  });
  // An event after the batch failed. The document already has that event, so it also has those of
  // the batch, which come before it.
  if (failure?.events.length === 0) return {};
  const isUnchanged =
    failure?.events.length === events.length ||
    (fromJournal.length === 0 && after?.document === batch.before?.document);
  return {
    failure,
    ...(failure === undefined && { after }),
    ...(!isUnchanged && { write: toWrite(orderId, after?.document) }),
  };
}

/**
 * Folds the events of a batch and those from the journal, by version, until one fails.
 *
 * @param apply returns the entity's document after an event
 */
function foldByVersion<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { events, before, fromJournal }: EntityBatch<S>,
  apply: (event: StoredEvent, before: Folded<S> | undefined, state: S) => object | undefined,
): { readonly after: Folded<S> | undefined; readonly failure?: Failure } {
  let after = before;
  for (const event of [...fromJournal, ...events].toSorted((one, other) => one.version - other.version)) {
    const { orderId, version } = event;
    try {
      const next = (after?.version ?? 0) + 1;
      if (version !== next) throw gapAt(log, orderId, next);
      const state = log.entity.evolve(after?.state, log.entity.upcast(event));
      after = { orderId, version, state, document: apply(event, after, state) };
    } catch (error) {
      if (error instanceof NewerEvent) throw error;
      const left = events.filter((one) => one.version >= version);
      return { after, failure: { orderId, version, error, events: left } };
    }
  }
  return { after };
}

function toWrite(_id: string, document: object | undefined): AnyBulkWriteOperation<ViewDocument> {
  if (document === undefined) return { deleteOne: { filter: { _id } } };
  return { replaceOne: { filter: { _id }, replacement: document, upsert: true } };
}
