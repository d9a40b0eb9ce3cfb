import type { ClientSession, Db } from 'mongodb';
import type { Draft, State } from '../entity.js';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { committed, durable } from '../../mongodb/durability.js';
import type { AnyLog, EntityLog } from '../entity-log/entity-log.js';
import { foldToGap } from '../journal/fold.js';
import { readJournal } from '../journal/read-journal.js';
import {
  asSeen,
  type SeenView,
  type StateDocument,
  stateViews,
  storedDocument,
} from '../entity-log/state-view.js';

/**
 * Brings the view of an entity up to date with the journal: folds the contiguous events after the
 * view's version. Any number of callers may do so concurrently. When it resolves, the view has
 * every contiguous event that the journal held at the call.
 *
 * @param writerId id of the recorder or the rebuild that calls; absent for other callers
 * @param isNew true if there is probably no view yet, so that one is inserted without a read
 * @returns the state as it is in the view; undefined if the journal lacks the first event
 */
export async function updateStateView<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  id: string,
  { isNew = false, ...options }: WriteOptions & { readonly isNew?: boolean } = {},
): Promise<S | undefined> {
  let view = isNew ? null : await readSeen<S>(log, db, id, options);
  for (;;) {
    const updated = await tryUpdate(log, db, id, view, options);
    if (updated !== undefined) return updated.state;
    view = await readSeen<S>(log, db, id, options);
  }
}

type KnownView<S extends State> = SeenView & Pick<StateDocument<S>, 'state'>;

interface WriteOptions {
  readonly writerId?: string;
  readonly session?: ClientSession;
}

async function readSeen<S extends State>(
  log: AnyLog,
  db: Db,
  id: string,
  { session }: WriteOptions,
): Promise<KnownView<S> | null> {
  const projection = { _id: 0, version: 1, state: 1, ahead: 1, recorder: 1 };
  return await stateViews(log, db).findOne<KnownView<S>>(
    { _id: id },
    { ...(session && { session }), ...committed, projection },
  );
}

/** One attempt of `updateStateView`; undefined if the view has changed since it was read. */
async function tryUpdate<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  id: string,
  view: KnownView<S> | null,
  { writerId, ...options }: WriteOptions,
): Promise<{ readonly state: S | undefined } | undefined> {
  const seen = view?.version ?? 0;
  const recorded = await readJournal(log, db, id, { ...options, from: seen + 1 });
  const { state, lastAfterGap } = foldToGap(log, recorded, view?.state);
  if (state === undefined) return { state };
  if (state.version === seen && lastAfterGap === view?.ahead) return { state };
  const document = await storedDocument(log, db, state, { lastAfterGap, writerId });
  const isWritten =
    view === null
      ? await insertIfAbsent(log, db, document, options)
      : await replaceIfSeen(log, db, document, view, options);
  return isWritten ? { state } : undefined;
}

async function insertIfAbsent(
  log: AnyLog,
  db: Db,
  document: StateDocument<State>,
  options: { session?: ClientSession },
): Promise<boolean> {
  try {
    await stateViews(log, db).insertOne(document, { ...options, ...durable });
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

async function replaceIfSeen(
  log: AnyLog,
  db: Db,
  document: StateDocument<State>,
  seen: SeenView,
  options: { session?: ClientSession },
): Promise<boolean> {
  const { _id: id } = document;
  const before = asSeen(id, seen);
  const { matchedCount } = await stateViews(log, db).replaceOne(before, document, { ...options, ...durable });
  return matchedCount === 1;
}
