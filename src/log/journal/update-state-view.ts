import type { ClientSession, Db } from 'mongodb';
import type { Draft, Envelope, State, StoredEvent } from '../entity.js';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { committed, durable } from '../../mongodb/durability.js';
import type { AnyLog, EntityLog } from './entity-log.js';
import { documentOf, type StateDocument, stateViews } from './state-view.js';
import { contiguous, fold } from './fold.js';
import { readJournal, readJournals, upcastRecord } from './read-journal.js';

/* How the state view follows the journal. */

/**
 * Brings the view of an entity up to its journal: folds the contiguous events after the version it
 * has. Any number of callers may do so at once. When it resolves, the view has every contiguous
 * event that the journal held at the call.
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
    const advanced = await advance(log, db, id, view, options);
    if (advanced !== undefined) return advanced.state;
    view = await readSeen<S>(log, db, id, options);
  }
}

interface WriteOptions {
  readonly writerId?: string;
  readonly session?: ClientSession;
}

async function readSeen<S extends State>(
  log: AnyLog,
  db: Db,
  id: string,
  { session }: WriteOptions,
): Promise<Known<S> | null> {
  const projection = { _id: 0, version: 1, state: 1, ahead: 1, recorder: 1 };
  return await stateViews(log, db).findOne<Known<S>>(
    { _id: id },
    { ...(session && { session }), ...committed, projection },
  );
}

/** One attempt of `updateStateView`; undefined if the view has changed since it was read. */
async function advance<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  id: string,
  view: Known<S> | null,
  { writerId, ...options }: WriteOptions,
): Promise<{ readonly state: S | undefined } | undefined> {
  const seen = view?.version ?? 0;
  const recorded = await readJournal(log, db, id, { ...options, from: seen + 1 });
  const { state, ahead } = folded(log, view?.state, recorded);
  if (state === undefined) return { state };
  if (state.version === seen && ahead === view?.ahead) return { state };
  const document = await documentWith(log, db, state, { ahead, writerId });
  const isWritten =
    view === null
      ? await insert(log, db, document, options)
      : await replace(log, db, document, view, options);
  return isWritten ? { state } : undefined;
}

/**
 * Inserts the views of entities whose first events were just recorded. Each view has the events of
 * the journal up to the first gap.
 *
 * @returns the states; undefined if one of the entities had a view already. The caller then needs
 *   `updateStateView`.
 */
export async function insertViews<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  ids: readonly string[],
  { writerId, ...options }: WriteOptions,
): Promise<ReadonlyMap<string, S> | undefined> {
  const recorded = new Map<string, (D & Envelope)[]>();
  for await (const event of readJournals(log, db, { orderId: { $in: [...ids] } }, options)) {
    const { orderId } = event;
    recorded.set(orderId, [...(recorded.get(orderId) ?? []), upcastRecord(log, event)]);
  }
  const states = new Map<string, S>();
  const views = [...recorded].map(async ([id, events]) => {
    const { state, ahead } = folded(log, undefined, events);
    if (state === undefined) throw new Error(`The journal of ${id} cannot be read yet.`);
    states.set(id, state);
    return await documentWith(log, db, state, { ahead, writerId });
  });
  try {
    await stateViews(log, db).insertMany(await Promise.all(views), {
      ...options,
      ...durable,
      ordered: false,
    });
    return states;
  } catch (error) {
    if (isDuplicateKey(error)) return undefined;
    throw error;
  }
}

/** The state after these events; undefined if they do not follow it without a gap. */
export function foldFollowing<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  state: S,
  events: readonly StoredEvent[],
): S | undefined {
  const upcast = events.map((event) => log.entity.upcast(event));
  const after = fold(log, contiguous(upcast, state.version), state);
  return after?.version === state.version + events.length ? after : undefined;
}

export interface Replacement<S extends State> {
  readonly state: S;
  /** the version that its view must have */
  readonly seen: number;
}

/**
 * Brings views up to states whose last events were just recorded, without reading view or journal.
 * A view is only replaced if this recorder wrote it last, it has the version `seen`, and the
 * journal had no gap then (`ahead`).
 *
 * @returns false if a view was not replaced. The caller then needs `updateStateView`.
 */
export async function replaceViews<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  replacements: readonly Replacement<S>[],
  writerId: string,
): Promise<boolean> {
  const writes = replacements.map(async ({ state, seen }) => ({
    replaceOne: {
      filter: guardOf(state.orderId, { version: seen, recorder: writerId }),
      replacement: { ...(await documentOf(log, db, state)), recorder: writerId },
    },
  }));
  const { matchedCount } = await stateViews(log, db).bulkWrite(await Promise.all(writes), {
    ...durable,
    ordered: false,
  });
  return matchedCount === replacements.length;
}

/** The state after these events; `ahead` is the last version after a gap. */
function folded<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  before: S | undefined,
  recorded: readonly (D & Envelope)[],
): { readonly state: S | undefined; readonly ahead: number | undefined } {
  const state = fold(log, contiguous(recorded, before?.version), before);
  const last = recorded.at(-1)?.version;
  const hasGap = state !== undefined && last !== undefined && last > state.version;
  return { state, ahead: hasGap ? last : undefined };
}

async function documentWith<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  state: S,
  { ahead, writerId }: { readonly ahead: number | undefined; readonly writerId: string | undefined },
): Promise<StateDocument<S>> {
  return {
    ...(await documentOf(log, db, state)),
    ...(ahead !== undefined && { ahead }),
    ...(writerId !== undefined && { recorder: writerId }),
  };
}

async function insert(
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

async function replace(
  log: AnyLog,
  db: Db,
  document: StateDocument<State>,
  seen: Seen,
  options: { session?: ClientSession },
): Promise<boolean> {
  const { _id: id } = document;
  const guard = guardOf(id, seen);
  const { matchedCount } = await stateViews(log, db).replaceOne(guard, document, { ...options, ...durable });
  return matchedCount === 1;
}

type Seen = Pick<StateDocument<State>, 'version' | 'ahead' | 'recorder'>;
type Known<S extends State> = Seen & Pick<StateDocument<S>, 'state'>;

/** A filter for the view of an entity, if it has not changed since it was seen. */
function guardOf(id: string, { version, ahead, recorder }: Seen) {
  const none = { $exists: false };
  return { _id: id, version, ahead: ahead ?? none, recorder: recorder ?? none };
}
