import type { ClientSession, Db } from 'mongodb';
import { inTransaction } from '../../../mongodb/transaction.js';
import { committed } from '../../../mongodb/durability.js';
import type { PositionedEvent } from '../../feed/feed.js';
import { streamStoredEvents } from '../../journal/read-journal.js';
import { foldBatch, type FoldedBatch } from './fold-batch.js';
import { EntityBatches } from './entity-batches.js';
import { gapAt } from './gap.js';
import { type ParkedEvent, parkedEvents, toParked } from '../parked-events.js';
import { viewBuilds } from '../view-builds.js';
import type { Draft, State } from '../../entity.js';
import type { AnyLog, EntityLog } from '../../entity-log/entity-log.js';
import { type AnyView, documents, type View } from '../view.js';

/** What an operator did about a parked event, and why. */
export interface ParkedAudit {
  readonly view: string;
  readonly collection: string;
  readonly orderId: string;
  /** the event that was retried or skipped */
  readonly version: number;
  readonly action: 'retry' | 'skip';
  readonly actor: string;
  /** for whom the actor acted; absent if the actor acted for itself */
  readonly onBehalfOf?: string;
  readonly reason: string;
  /** ISO-8601 UTC */
  readonly at: string;
  /** how many events of the entity were applied; events that `foldBatch` leaves out do not count */
  readonly applied: number;
  /** why a retry failed again */
  readonly error?: string;
}

export interface Intervention {
  readonly action: 'retry' | 'skip';
  readonly orderId: string;
  /** nothing is done unless the entity's first parked event has this version; any by default */
  readonly version?: number;
  readonly actor: string;
  /** for whom the actor acted; absent if the actor acted for itself */
  readonly onBehalfOf?: string;
  readonly reason: string;
}

/** An intervention that was made: a parked event was retried or skipped. */
export interface Intervened {
  readonly kind: 'done';
  /** how many events of the entity were applied */
  readonly applied: number;
  /** how many events of the entity are still parked */
  readonly remaining: number;
  /** the event that failed, if one did */
  readonly parked?: { readonly version: number; readonly error: string };
}

/** Why nothing was done. */
export type NotIntervened =
  | { readonly kind: 'nothing_parked' }
  /** another event is the entity's first parked one */
  | { readonly kind: 'other_version'; readonly version: number }
  /** the view was built by another version of its fold than this process has */
  | { readonly kind: 'other_view_version'; readonly version: number };

/** Maximum number of events in one transaction. An entity with more takes several transactions. */
const BATCH_SIZE = 500;

export function parkedAudit(db: Db) {
  return db.collection<ParkedAudit>('parked_audit');
}

/**
 * Retries or skips the first parked event of an entity, then applies the events that wait for it,
 * up to the next one that fails. Documents, parked events and the audit are written in one
 * transaction, which also lowers the active build's count of parked events. A feeder that runs at
 * the same time notices that, and reads the build again.
 */
export async function intervene<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  view: View<S, D>,
  intervention: Intervention,
): Promise<Intervened | NotIntervened> {
  let step = await untilUncontended(log, db, view, intervention);
  let applied = 0;
  // An entity may have more events than one transaction takes.
  while (step.kind === 'done' && step.parked === undefined && step.remaining > 0) {
    applied += step.applied;
    const { version: _, ...rest } = intervention;
    step = await untilUncontended(log, db, view, { ...rest, action: 'retry' });
    if (step.kind === 'nothing_parked') return { kind: 'done', applied, remaining: 0 };
  }
  return step.kind === 'done' ? { ...step, applied: applied + step.applied } : step;
}

/** Attempts the intervention until the active build does not change during the attempt. */
async function untilUncontended<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  view: View<S, D>,
  intervention: Intervention,
): Promise<Intervened | NotIntervened> {
  for (;;) {
    const done = await attempt(log, db, view, intervention);
    if (done !== undefined) return done;
  }
}

/** Undefined if the view has changed since it was read. */
async function attempt<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  view: View<S, D>,
  { action, orderId, version, actor, onBehalfOf, reason }: Intervention,
): Promise<Intervened | NotIntervened | undefined> {
  const state = await viewBuilds(db).findOne({ _id: view.name }, committed);
  if (state === null) return { kind: 'nothing_parked' };
  if (state.version !== view.version) return { kind: 'other_view_version', version: state.version };
  const { collection } = state;
  const parked = await parkedEvents(db)
    .find({ collection, orderId }, committed)
    .sort({ version: 1 })
    .limit(BATCH_SIZE)
    .toArray();
  const [first] = parked;
  if (first === undefined) return { kind: 'nothing_parked' };
  if (version !== undefined && version !== first.version)
    return { kind: 'other_version', version: first.version };

  const tried = action === 'skip' ? parked.slice(1) : parked;
  const events = await eventsOf(log, db, tried);
  // From the first parked event on, the view has parked all events of the entity that it received.
  const firstParked = Math.min(...parked.map(({ position }) => position));
  const batches = new EntityBatches(log, db, view).of(events, firstParked - 1);
  const folded = await foldBatch(log, db, view, collection, batches);
  const done = events.length - folded.parked.length;
  const applied = done - folded.leftOut;
  const gone = parked.slice(0, parked.length - tried.length + done).map(({ _id }) => _id);
  // The first event that the journal no longer has.
  const lost = tried[events.length];
  const stuck =
    folded.parked[0] ?? (lost && toParked(view.name, collection, lost, gapAt(log, orderId, lost.version)));
  const audit: ParkedAudit = {
    view: view.name,
    collection,
    orderId,
    version: first.version,
    action,
    actor,
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    reason,
    at: new Date().toISOString(),
    applied,
    ...(stuck?.error === undefined ? {} : { error: stuck.error }),
  };
  return await save(db, view, { audit, gone, stuck, writes: folded.writes, collection });
}

interface InterventionWrites {
  readonly audit: ParkedAudit;
  /** ids of the parked events that were applied, skipped, or left out */
  readonly gone: readonly string[];
  /** the first event that could not be applied, if there is one */
  readonly stuck: ParkedEvent | undefined;
  readonly writes: FoldedBatch<State>['writes'];
  readonly collection: string;
}

/** Writes an outcome in one transaction. Undefined if the view has changed since it was read. */
async function save(
  db: Db,
  view: AnyView,
  { audit, gone, stuck, writes, collection }: InterventionWrites,
): Promise<Intervened | undefined> {
  const { orderId, applied } = audit;
  return await inTransaction(db, async (session) => {
    const guard = { _id: view.name, collection, version: view.version, parked: { $gte: gone.length } };
    // The feeder writes the same document, so the later of the two writes finds it changed.
    const { matchedCount } = await viewBuilds(db).updateOne(
      guard,
      { $inc: { parked: -gone.length } },
      { session },
    );
    if (matchedCount === 0) return undefined;
    const { deletedCount } = await parkedEvents(db).deleteMany({ _id: { $in: gone } }, { session });
    if (deletedCount !== gone.length) {
      await session.abortTransaction();
      return undefined;
    }
    if (writes.length > 0) await documents(db, collection).bulkWrite(writes, { session });
    if (stuck !== undefined) {
      const { _id, ...renewed } = stuck;
      await parkedEvents(db).replaceOne({ _id }, renewed, { session });
    }
    await parkedAudit(db).insertOne({ ...audit }, { session });
    const remaining = await countOf(db, collection, orderId, session);
    if (stuck?.error === undefined) return { kind: 'done', applied, remaining };
    return { kind: 'done', applied, remaining, parked: { version: stuck.version, error: stuck.error } };
  });
}

/**
 * Reads the events themselves from the journal, because a parked event is only a reference. Ends
 * before the first event that the journal has lost.
 */
async function eventsOf(
  log: AnyLog,
  db: Db,
  parked: readonly ParkedEvent[],
): Promise<readonly PositionedEvent[]> {
  const [first] = parked;
  if (first === undefined) return [];
  const versions = parked.map(({ version }) => version);
  const events: PositionedEvent[] = [];
  for await (const event of streamStoredEvents(log, db, {
    orderId: first.orderId,
    version: { $in: versions },
  })) {
    const next = parked[events.length];
    if (next?.version !== event.version) break;
    events.push({ ...event, position: next.position });
  }
  return events;
}

async function countOf(db: Db, collection: string, orderId: string, session: ClientSession): Promise<number> {
  return await parkedEvents(db).countDocuments({ collection, orderId }, { session });
}
