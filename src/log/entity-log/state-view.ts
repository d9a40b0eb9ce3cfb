import type { Db, IndexDescription } from 'mongodb';
import { ensureIndexes, indexIfPresent } from '../../mongodb/indexes.js';
import type { State } from '../entity.js';

/**
 * A state view: one document for each entity, with its state. The document is called the entity's
 * view. `src/log/recording` writes it, and `rebuildStateView` rebuilds it. The views that are built
 * from the feed, the feed views, are in `src/log/views`.
 */
export interface StateView<S extends State> {
  /** the collection; persisted */
  readonly collection: string;
  /**
   * raised with every change of `toDocument`, of the state, or of `evolve`; the view is then
   * rebuilt beside the old one
   */
  readonly version: number;
  readonly indexes: readonly IndexDescription[];
  readonly toDocument: (state: S) => StateDocument<S>;
  /**
   * members that are not computed from the state alone, such as hashes made with a key; absent if
   * there are none
   */
  readonly extra?: ExtraMembers<S>;
}

/** Members of a document besides those of `toDocument`. `verify` does not compare them. */
export interface ExtraMembers<S> {
  readonly members: readonly string[];
  /** Reads the database, so it may fail in an outage. The document is then written by a retry. */
  readonly compute: (db: Db, state: S) => Promise<object>;
}

/** The document of a state, with its extra members. */
export async function documentOf<S extends State>(
  { view }: { readonly view: StateView<S> },
  db: Db,
  state: S,
): Promise<StateDocument<S>> {
  return { ...view.toDocument(state), ...(await view.extra?.compute(db, state)) };
}

interface Written {
  readonly lastAfterGap?: number | undefined;
  readonly writerId?: string | undefined;
}

/** The document as it is stored: `documentOf`, and the members that its writer adds (`Written`). */
export async function storedDocument<S extends State>(
  log: { readonly view: StateView<S> },
  db: Db,
  state: S,
  { lastAfterGap, writerId }: Written,
): Promise<StateDocument<S>> {
  return {
    ...(await documentOf(log, db, state)),
    ...(lastAfterGap !== undefined && { ahead: lastAfterGap }),
    ...(writerId !== undefined && { recorder: writerId }),
  };
}

/** The members that every document of a state view has. A view may add others. */
export interface StateDocument<S extends State> extends Pick<S, 'version' | 'status' | 'updatedAt'> {
  /** the entity's id */
  readonly _id: string;
  /** true if its workflow has nothing more to do; if false, a workflow must be running */
  readonly finished: boolean;
  /** the state into which the next event is folded */
  readonly state: S;
  /** the last recorded version, if there is a gap before it; the name is persisted */
  readonly ahead?: number;
  /** why the entity does not continue by itself; the next event that is folded removes it */
  readonly stopped?: Stopped;
  /**
   * id of the recorder or the rebuild that wrote the document last; the name is persisted. A
   * recorder that finds its own id here knows that its cached state is current.
   */
  readonly recorder?: string;
}

/** Why an entity does not continue by itself. */
export interface Stopped {
  /** `<entity>_forked` if its journal and its history differ */
  readonly code: 'workflow_ended' | 'workflow_rewound' | `${string}_forked`;
  /** ISO-8601 UTC, when that was found */
  readonly since: string;
  readonly detail: string;
  readonly remedy: string;
}

/** What identifies the last write of an entity's document. */
export type SeenView = Pick<StateDocument<State>, 'version' | 'ahead' | 'recorder'>;

/** A filter that matches an entity's document only if it was not written since it was seen. */
export function asSeen(id: string, { version, ahead, recorder }: SeenView) {
  const none = { $exists: false };
  return { _id: id, version, ahead: ahead ?? none, recorder: recorder ?? none };
}

interface HasStateView {
  readonly view: Pick<StateView<never>, 'collection' | 'indexes'>;
}

export function stateViews({ view }: HasStateView, db: Db) {
  return db.collection<StateDocument<State>>(view.collection);
}

export async function ensureStateViewIndexes(log: HasStateView, db: Db): Promise<void> {
  await ensureIndexes(stateViews(log, db), stateViewIndexes(log));
}

/** The filter for entities that have stopped. */
export const withStopped = { 'stopped.since': { $gt: '' } } as const;

/** The view's own indexes, and one that finds the entities that have stopped. */
export function stateViewIndexes({ view }: HasStateView): readonly IndexDescription[] {
  return [...view.indexes, indexIfPresent('stopped.since')];
}
