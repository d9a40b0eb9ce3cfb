import type { Collection, Db, Filter } from 'mongodb';
import { batches, prefetch } from '../../concurrency/async-iterables.js';
import { insertMissing } from '../../mongodb/duplicates.js';
import { committed, durable } from '../../mongodb/durability.js';
import { type Draft, NewerEvent, type State } from '../entity.js';
import { feedHead } from '../feed/feed.js';
import type { AnyLog, EntityLog } from '../entity-log/entity-log.js';
import { foldToGap } from '../journal/fold.js';
import { type JournalDocument, journal, type StoredRecordedEvent } from '../journal/journal.js';
import { notJournaled, streamStoredLogs, upcastRecord } from '../journal/read-journal.js';
import {
  type StateDocument,
  stateViews,
  type Stopped,
  storedDocument,
  withStopped,
} from '../entity-log/state-view.js';
import { viewedIds } from '../entity-log/viewed-ids.js';
import type { RebuildAttempt } from './rebuild-attempt.js';
import type { Exceptions, StateViewRebuild, StoreRebuilder } from './store-rebuild.js';

/* How a rebuild of a state view folds the documents from the journal, and writes them. */

const BATCH_SIZE = 200;
/** Catching up ends when a round finds fewer entities than this. The swap follows. */
const FEW_ENTITIES = 100;
/** The swap follows after this many rounds anyway. What is left is folded after the swap. */
const MAX_ROUNDS = 10;

/** Where a rebuild writes, and under which name. */
export interface RebuildTarget<S extends State, D extends Draft> {
  readonly log: EntityLog<S, D>;
  readonly db: Db;
  /** Its name has the rebuild's id, so that a late worker of another rebuild cannot swap it in. */
  readonly next: Collection<StateDocument<State>>;
  /**
   * Written as `recorder`. So a worker that has cached a state of the replaced view finds another
   * id than its own, even at the same version, and reads the state again.
   */
  readonly rebuildId: string;
}

/**
 * Writes every entity, by id, from the rebuild's checkpoint on.
 *
 * @returns false if `signal` ended it before it was done
 */
export async function fill<S extends State, D extends Draft>(
  target: RebuildTarget<S, D>,
  rebuilder: StoreRebuilder<StateViewRebuild>,
  { db, signal, heartbeat }: RebuildAttempt,
): Promise<boolean> {
  const { place: after } = rebuilder.state;
  for await (const batch of prefetch(
    foldedStates(target.log, db, after === undefined ? {} : { orderId: { $gt: after } }),
  )) {
    if (signal.aborted) return false;
    await write(target, batch);
    const exceptions = rebuilder.exceptionsWith(batch.unfoldable);
    const done = rebuilder.state.done + batch.ids.length;
    await rebuilder.advance({ place: batch.ids.at(-1) ?? '', done, exceptions });
    heartbeat(done);
  }
  return true;
}

/**
 * Copies from the replaced view the entities of which the journal has no event: the journal lost
 * them, and their histories have expired.
 *
 * @returns the exceptions, including these entities; undefined if `signal` ended it before it was
 *   done
 */
export async function copyUnjournaled<S extends State, D extends Draft>(
  target: RebuildTarget<S, D>,
  rebuilder: StoreRebuilder<StateViewRebuild>,
  { db, signal, heartbeat }: RebuildAttempt,
): Promise<Exceptions | undefined> {
  const { log } = target;
  const unjournaled: string[] = [];
  for await (const orderIds of notJournaled(log, db, viewedIds(log, db))) {
    if (signal.aborted) return undefined;
    await copyReplaced(target, orderIds);
    unjournaled.push(...orderIds);
    heartbeat(rebuilder.state.done);
  }
  return rebuilder.exceptionsWith(unjournaled);
}

/**
 * Folds what was recorded since the rebuild began, until few entities are left.
 *
 * @returns false if `signal` ended it before it was done
 */
export async function catchUp<S extends State, D extends Draft>(
  target: RebuildTarget<S, D>,
  rebuilder: StoreRebuilder<StateViewRebuild>,
  { db, signal, heartbeat }: RebuildAttempt,
): Promise<boolean> {
  const { log } = target;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const head = await feedHead(log, db);
    let touched = 0;
    for await (const orderIds of touchedAfter(log, db, rebuilder.state.since)) {
      if (signal.aborted) return false;
      for await (const batch of foldedStates(log, db, { orderId: { $in: orderIds } }))
        await write(target, batch);
      heartbeat(rebuilder.state.done);
      touched += orderIds.length;
    }
    await rebuilder.advance({ since: head });
    if (touched < FEW_ENTITIES) break;
  }
  return true;
}

/**
 * Copies the marks of stopped entities from the view that is about to be replaced. An entity with
 * events that the replaced view lacks gets no mark, because these events remove it.
 *
 * It only updates documents, so that a late worker cannot create the collection again after its
 * swap.
 */
export async function copyStops<S extends State, D extends Draft>({
  log,
  db,
  next,
}: RebuildTarget<S, D>): Promise<void> {
  // Marks that were copied earlier may have been removed from the view since.
  await next.updateMany(withStopped, { $unset: { stopped: '' } }, durable);
  const stops = stateViews(log, db)
    .find(withStopped, committed)
    .project<{ _id: string; version: number; stopped: Stopped }>({ version: 1, stopped: 1 });
  for await (const some of batches(stops, BATCH_SIZE))
    await next.bulkWrite(
      some.map(({ _id, version, stopped }) => ({
        updateOne: { filter: { _id, version }, update: { $set: { stopped } } },
      })),
      { ordered: false, ...durable },
    );
}

/** An entity, folded up to the first gap in its log. */
interface FoldedState<S extends State> {
  readonly state: S;
  readonly lastAfterGap: number | undefined;
}

/** A batch of entities. */
interface FoldedStates<S extends State> {
  /** the ids of all entities in the batch, ascending */
  readonly ids: readonly string[];
  readonly folded: readonly FoldedState<S>[];
  /** the ids of entities that cannot be folded from their first event on */
  readonly unfoldable: readonly string[];
}

/** The entities of the events that match, each folded up to its first gap. */
async function* foldedStates<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  filter: Filter<JournalDocument>,
): AsyncGenerator<FoldedStates<S>, void> {
  const entities = streamStoredLogs(log, db, filter);
  for await (const some of batches(entities, BATCH_SIZE)) {
    const folded: FoldedState<S>[] = [];
    const unfoldable: string[] = [];
    for (const [id, events] of some) {
      const one = foldOne(log, events);
      if (one === undefined) unfoldable.push(id);
      else folded.push(one);
    }
    yield { ids: some.map(([id]) => id), folded, unfoldable };
  }
}

/**
 * @returns undefined if the entity cannot be folded from its first event on
 * @throws NewerEvent if newer code wrote an event; the rebuild is retried until a worker with that
 *   code takes it
 */
function foldOne<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  events: readonly StoredRecordedEvent[],
): FoldedState<S> | undefined {
  try {
    const { state, lastAfterGap } = foldToGap(
      log,
      events.map((event) => upcastRecord(log, event)),
    );
    return state && { state, lastAfterGap };
  } catch (error) {
    if (error instanceof NewerEvent) throw error;
    return undefined;
  }
}

/**
 * Writes the documents of a batch. Entities that cannot be folded keep the documents of the view
 * that is replaced.
 */
async function write<S extends State, D extends Draft>(
  target: RebuildTarget<S, D>,
  { folded, unfoldable }: FoldedStates<S>,
): Promise<void> {
  const { log, db, next, rebuildId } = target;
  const made = folded.map(({ state, lastAfterGap }) =>
    storedDocument(log, db, state, { lastAfterGap, writerId: rebuildId }),
  );
  await insertOrReplace(next, await Promise.all(made));
  await copyReplaced(target, unfoldable);
}

/** Copies the documents of these entities from the view that is replaced. */
async function copyReplaced<S extends State, D extends Draft>(
  { log, db, next, rebuildId }: RebuildTarget<S, D>,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  const found = await stateViews(log, db)
    .find({ _id: { $in: [...ids] } }, committed)
    .toArray();
  await insertOrReplace(
    next,
    found.map((document) => ({ ...document, recorder: rebuildId })),
  );
}

/** Writes documents, unless the same or newer ones are there. */
async function insertOrReplace(
  next: Collection<StateDocument<State>>,
  documents: readonly StateDocument<State>[],
): Promise<void> {
  if (documents.length === 0) return;
  const there = await insertMissing(next, documents);
  if (there.length > 0) await replaceOlder(next, there);
}

/** Of two documents with the same version, the one with the greater `ahead` is newer. */
async function replaceOlder(
  next: Collection<StateDocument<State>>,
  documents: readonly StateDocument<State>[],
): Promise<void> {
  await next.bulkWrite(
    documents.map(({ _id, ...replacement }) => {
      const { version, ahead } = replacement;
      const fewerAfterGap = ahead === undefined ? [] : [{ version, ahead: { $not: { $gte: ahead } } }];
      const isOlder = { $or: [{ version: { $lt: version } }, ...fewerAfterGap] };
      return { replaceOne: { filter: { _id, ...isOlder }, replacement } };
    }),
    { ordered: false, ...durable },
  );
}

/**
 * Entities with events that have no position yet, then entities with events after `position`. In
 * this order, the second query finds an event that gets its position during the first.
 */
export async function* touchedAfter(
  log: AnyLog,
  db: Db,
  position: number,
): AsyncGenerator<readonly string[], void> {
  for (const filter of [{ unsequenced: true } as const, { position: { $gt: position } }]) {
    let touched = new Set<string>();
    const found = journal(log, db)
      .find(filter, committed)
      .project<{ orderId: string }>({ _id: 0, orderId: 1 });
    for await (const { orderId } of found) {
      touched.add(orderId);
      if (touched.size < BATCH_SIZE) continue;
      yield [...touched];
      touched = new Set();
    }
    if (touched.size > 0) yield [...touched];
  }
}
