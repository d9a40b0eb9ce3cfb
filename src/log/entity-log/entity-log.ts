import type { WorkflowStartOptions } from '@temporalio/client';
import type { Decider, Draft, Effect, Entity, State } from '../entity.js';
import { type CliLines, cliLinesOf } from './cli-lines.js';
import type { Shape } from './differences.js';
import type { StateView } from './state-view.js';
import { statusKey } from '../search-attribute-names.js';

/**
 * The log of any kind of entity, without the types of its state and events. Its collections have
 * the entity's name: `<name>_events` is the journal, `<name>_forks` and `<name>_events_set_aside`
 * are beside it.
 */
export interface AnyLog {
  readonly entity: Pick<Decider<never, Draft>, 'name' | 'upcast' | 'resumption'>;
  /** the id of its feed's state; the name of its sequencer task contains this id; persisted */
  readonly feedId: string;
  /** the name under which its journal is rebuilt from the histories; persisted */
  readonly journalRebuild: string;
  readonly view: Pick<StateView<never>, 'collection' | 'version' | 'indexes'>;
  /** name of the collection with its reconciliation reports; the name is persisted */
  readonly reconciliations: string;
  /** command lines in remedies for operators */
  readonly cliLines: CliLines;
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
 * A log whose collections, feed and command lines have the entity's name. The names of collections
 * and of the feed are persisted.
 *
 * @param startOptions further options of each run
 */
export function namedLog<S extends State, D extends Draft>(
  entity: Entity<S, D, Effect>,
  { version }: Pick<StateView<S>, 'version'>,
  startOptions: (state: S) => StartOptions = () => ({}),
): EntityLog<S, D> {
  const { name } = entity;
  return {
    entity,
    feedId: `${name}-feed`,
    journalRebuild: `${name}-journal`,
    reconciliations: `${name}_reconciliations`,
    view: {
      version,
      collection: `${name}s`,
      indexes: [{ key: { finished: 1, _id: 1 }, partialFilterExpression: { finished: false } }],
      toDocument: (state) => ({
        ...state,
        _id: state.orderId,
        finished: entity.isFinished(state),
        state,
      }),
    },
    shape: { of: (state) => state, ids: [] },
    startOptions: (state, { commandId, hash }) => ({
      typedSearchAttributes: [{ key: statusKey, value: state.status }],
      memo: { hash, commandId },
      ...startOptions(state),
    }),
    cliLines: cliLinesOf(name),
  };
}

/** What is kept of the command that created an entity. */
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

/** The stores of a log: its state view, and its journal. */
export function storesOf({
  view,
  journalRebuild,
}: Pick<AnyLog, 'view' | 'journalRebuild'>): readonly string[] {
  return [view.collection, journalRebuild];
}

export function workflowIdOf({ entity }: Pick<AnyLog, 'entity'>, id: string): string {
  return `${entity.name}-${id}`;
}

/** The id of the entity whose workflow has this id. */
export function entityIdOf({ entity }: Pick<AnyLog, 'entity'>, workflowId: string): string {
  return workflowId.slice(`${entity.name}-`.length);
}
