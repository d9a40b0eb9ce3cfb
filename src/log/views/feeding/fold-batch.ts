import type { AnyBulkWriteOperation, Db } from 'mongodb';
import type { Draft, State } from '../../entity.js';
import type { EntityLog } from '../../entity-log/entity-log.js';
import { truncationPoints } from '../../journal/truncated-log.js';
import { type ParkedEvent, toParked } from '../parked-events.js';
import type { View, ViewDocument } from '../view.js';
import { type EntityBatch, type Failure, type Folded, foldEntity } from './fold-entity.js';
import { Gap } from './gap.js';
import { MergedChanges } from './merged-changes.js';

/** The result of folding a batch of events into a view. */
export interface FoldedBatch<S extends State> {
  /** one for each document that changes */
  readonly writes: AnyBulkWriteOperation<ViewDocument>[];
  readonly parked: readonly ParkedEvent[];
  /** how many events were left out, because earlier events of their entity are lost */
  readonly leftOut: number;
  /** the entities as they are after the batch; the next batch continues from them */
  readonly states: readonly Folded<S>[];
}

/**
 * Folds a batch into writes. An event that fails is parked, and later events of its entity wait for
 * it. All other events are applied. Events of an entity whose earlier events are lost are left out.
 *
 * @throws NewerEvent if newer code wrote an event; and any error of MongoDB
 */
export async function foldBatch<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  view: View<S, D>,
  collection: string,
  batches: AsyncIterable<EntityBatch<S>>,
): Promise<FoldedBatch<S>> {
  const changes = new MergedChanges();
  const writes: AnyBulkWriteOperation<ViewDocument>[] = [];
  const states: Folded<S>[] = [];
  const failures: Failure[] = [];
  for await (const batch of batches) {
    const folded = foldEntity(log, view, batch);
    for (const change of folded.changes ?? []) changes.merge(change);
    if (folded.write !== undefined) writes.push(folded.write);
    if (folded.after !== undefined) states.push(folded.after);
    if (folded.failure !== undefined) failures.push(folded.failure);
  }
  const lost = await lostPasts(log, db, failures);
  const parked = failures.flatMap((failure) =>
    lost.has(failure)
      ? []
      : failure.events.map((event, index) =>
          toParked(view.name, collection, event, index === 0 ? failure.error : undefined),
        ),
  );
  const leftOut = [...lost].flatMap((failure) => failure.events).length;
  return { writes: [...changes.toWrites(), ...writes], parked, leftOut, states };
}

/** The failures of entities whose earlier events are lost for good. */
async function lostPasts<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  failures: readonly Failure[],
): Promise<ReadonlySet<Failure>> {
  const gaps = failures.filter(({ error }) => error instanceof Gap);
  const orderIds = gaps.map(({ orderId }) => orderId);
  const points = await truncationPoints(log, db, orderIds);
  return new Set(gaps.filter(({ orderId, version }) => version >= (points.get(orderId) ?? Infinity)));
}
