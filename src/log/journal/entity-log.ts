import type { WorkflowStartOptions } from '@temporalio/client';
import type { Db, IndexDescription } from 'mongodb';
import type { Decider, Draft, Effect, Entity, State } from '../entity.js';

/**
 * The log of any kind of entity, without the types of its state and events. Its collections have
 * the entity's name: `<name>_events` is the journal, `<name>_forks` and `<name>_events_set_aside`
 * are beside it.
 */
export interface AnyLog {
  readonly entity: Pick<Decider<never, Draft>, 'name' | 'upcast' | 'resumption'>;
  /** the id of its feed's state, and the name of the task that gives its positions; persisted */
  readonly feedId: string;
  /** the name under which its journal is rebuilt from the histories; persisted */
  readonly journalRebuild: string;
  readonly view: Pick<StateView<never>, 'collection' | 'version' | 'indexes'>;
  /** the collection of the reports of its reconciliations; persisted */
  readonly reconciliations: string;
  /** command lines, for the remedies that are shown to people */
  readonly commands: {
    readonly resume: (id: string) => string;
    readonly verify: (id: string) => string;
    /** prints the events of an entity; absent if no command does */
    readonly events?: (id: string) => string;
  };
}

/**
 * The log of one kind of entity: all that journal, history, feed, views and proof know of the
 * entity. The functions of the log take it as their first argument.
 *
 * @typeParam D its events, without their envelopes
 */
export interface EntityLog<S extends State, D extends Draft> extends AnyLog {
  readonly entity: Decider<S, D> & Pick<Entity<S, D, Effect>, 'effects'>;
  readonly view: StateView<S>;
  readonly shape: Shape<S>;
  /** how each run of its workflow is found and shown in Temporal */
  readonly startOptions: (state: S, creation: Creation) => StartOptions;
}

/**
 * A log whose collections, feed and command lines have the entity's name. Each name is persisted.
 *
 * @param startOptions further options of each run
 */
export function namedLog<S extends State, D extends Draft>(
  entity: Entity<S, D, Effect>,
  view: Pick<StateView<S>, 'version' | 'indexes'>,
  startOptions: (state: S) => StartOptions = () => ({}),
): EntityLog<S, D> {
  const { name } = entity;
  return {
    entity,
    feedId: `${name}-feed`,
    journalRebuild: `${name}-journal`,
    reconciliations: `${name}_reconciliations`,
    view: {
      ...view,
      collection: `${name}s`,
      toDocument: (state) => ({
        ...state,
        _id: state.orderId,
        finished: entity.isFinished(state),
        state,
      }),
    },
    shape: { of: (state) => state, ids: [] },
    startOptions: (state, { commandId, hash }) => ({ memo: { hash, commandId }, ...startOptions(state) }),
    commands: {
      resume: (id) => `npx orders resume ${id} --entity ${name}`,
      verify: (id) => `npx orders verify --order ${id} --entity ${name}`,
    },
  };
}

/** The view that recording keeps: one document for each entity, with its state. */
export interface StateView<S extends State> {
  /** the collection; persisted */
  readonly collection: string;
  /**
   * Raise it with every change of `toDocument`, the state or `evolve`: the view is then rebuilt
   * beside the old one.
   */
  readonly version: number;
  readonly indexes: readonly IndexDescription[];
  readonly toDocument: (state: S) => StateDocument<S>;
  /**
   * members that are not computed from the state alone, such as hashes made with a key; absent if
   * there are none
   */
  readonly further?: Further<S>;
}

/** Members of a document beside those of `toDocument`. `verify` does not compare them. */
export interface Further<S> {
  readonly members: readonly string[];
  /** Reads the database, so it may fail in an outage. The document is then written by a retry. */
  readonly make: (db: Db, state: S) => Promise<object>;
}

/** The document of a state, with its further members. */
export async function documentOf<S extends State>(
  { view }: { readonly view: StateView<S> },
  db: Db,
  state: S,
): Promise<StateDocument<S>> {
  return { ...view.toDocument(state), ...(await view.further?.make(db, state)) };
}

/** The members that every document of a state view has. A view may add others. */
export interface StateDocument<S extends State> extends Pick<S, 'version' | 'status' | 'updatedAt'> {
  /** the entity's id */
  readonly _id: string;
  /** its workflow has nothing more to do; if false, a workflow must be running */
  readonly finished: boolean;
  /** the state into which the next event is folded */
  readonly state: S;
  /** the highest recorded version after a gap; absent if there is no gap */
  readonly ahead?: number;
  /** why the entity does not continue by itself; the next event that is folded removes it */
  readonly stopped?: Stopped;
  /**
   * the recorder or rebuild that wrote the document last. If it is the caller itself, its cached
   * state is current.
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

/** How the differences of two states are reported (`diff`). */
export interface Shape<S> {
  /** the public shape of a state */
  readonly of: (state: S) => object;
  /** members that name an entry in its list */
  readonly ids: readonly string[];
}

/** Facts about the command that created an entity. */
export interface Creation {
  readonly commandId: string;
  /** the hash of the command's body */
  readonly hash: string;
  readonly actor: string;
  readonly onBehalfOf?: string;
}

export type StartOptions = Pick<
  WorkflowStartOptions,
  'priority' | 'typedSearchAttributes' | 'memo' | 'staticSummary' | 'staticDetails'
>;

export function workflowIdOf({ entity }: Pick<AnyLog, 'entity'>, id: string): string {
  return `${entity.name}-${id}`;
}

export function stateViews({ view }: AnyLog, db: Db) {
  return db.collection<StateDocument<State>>(view.collection);
}

/** How a person compares the journal of an entity with its history; for remedies. */
export function comparedByHand({ commands }: AnyLog, id: string): string {
  const events = commands.events?.(id);
  return events === undefined
    ? 'compare its journal with its history'
    : `compare \`${events}\` with \`${events} --source history\``;
}
