import { randomUUID } from 'node:crypto';
import type { Db } from 'mongodb';
import type { Draft, State, StoredEvent } from '../entity.js';
import type { EntityLog } from '../entity-log/entity-log.js';
import { appendToJournal, insertIntoJournal, refuseReplacedRun } from '../journal/append-to-journal.js';
import { LogIncomplete } from '../journal/journal.js';
import { holdsTruncatedLog } from '../journal/truncated-log.js';
import { createBatcher } from '../../concurrency/batcher.js';
import { isMongoOutage } from '../../outages/mongo-outage.js';
import { RecentStates } from '../journal/recent-states.js';
import { updateStateView } from './update-state-view.js';
import { foldFollowing, insertViews, type Replacement, replaceViews } from './view-batches.js';

/** About the number of workflows that a worker caches with a heap of 2 GB. */
const MAX_REMEMBERED = 1_000;
const BATCH_SIZE = 50;

/**
 * Records events of one entity, ascending: first in the journal, then in the view. Idempotent, also
 * if calls overlap or arrive out of order. When it resolves, the journal has the events, and so has
 * the view, unless an earlier event is still missing.
 *
 * @param options `writerId`: id of the recorder that calls; `resumption`: see `EntityStep`
 * @returns the state as the view has it; undefined if there is no view, or `events` is empty
 * @throws ApplicationFailure of type `EventFork` or `Superseded` (see `appendToJournal`)
 */
export async function record<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  events: readonly StoredEvent[],
  {
    resumption = 0,
    ...writer
  }: { readonly writerId?: string; readonly resumption?: number | undefined } = {},
): Promise<S | undefined> {
  const [first] = events;
  const last = events.at(-1);
  if (first === undefined || last === undefined) return undefined;
  // The session is causally consistent, so that the view is updated from the journal as it was just
  // written, even after a failover.
  return await db.client.withSession({ causalConsistency: true }, async (session) => {
    await refuseReplacedRun(log, db, events, resumption, { session });
    await appendToJournal(log, db, events, { session });
    return await updateStateView(log, db, first.orderId, {
      session,
      isNew: first.version === 1,
      ...writer,
    });
  });
}

export interface Recorder {
  /** See the function `record`. */
  readonly record: (events: readonly StoredEvent[], resumption?: number) => Promise<void>;
  /**
   * Like `record`, but resolves only if the journal holds the entity's log without a gap up to
   * `version`.
   *
   * @throws LogIncomplete if it does not: then the effect that `version` made owed must wait
   */
  readonly recordUpTo: (
    id: string,
    version: number,
    events: readonly StoredEvent[],
    resumption?: number,
  ) => Promise<void>;
}

/**
 * `record` with a cache of recent states, for a worker. Events that directly follow a cached state
 * take two writes and no read, and share these writes with other entities (micro-batches). The
 * first events of entities share their writes, too. In every other case they are recorded by
 * `record`.
 */
export function createRecorder<S extends State, D extends Draft>(log: EntityLog<S, D>, db: Db): Recorder {
  const writerId = randomUUID();
  const recent = new RecentStates<S>(MAX_REMEMBERED);
  const insertEvents = createBatcher({ size: BATCH_SIZE }, (steps: readonly (readonly StoredEvent[])[]) =>
    tryBatch(steps, () => insertIntoJournal(log, db, steps.flat())),
  );
  const replaceStates = createBatcher({ size: BATCH_SIZE }, (replacements: readonly Replacement<S>[]) =>
    tryBatch(replacements, () => replaceViews(log, db, replacements, writerId)),
  );
  const beginLogsTogether = createBatcher(
    { size: BATCH_SIZE },
    (steps: readonly (readonly StoredEvent[])[]) => tryBatch(steps, () => beginLogs(steps.flat())),
  );

  /** @returns the states by id; undefined if some of the events or views existed already */
  async function beginLogs(events: readonly StoredEvent[]): Promise<ReadonlyMap<string, S> | undefined> {
    const ids = [...new Set(events.map(({ orderId }) => orderId))];
    return await db.client.withSession({ causalConsistency: true }, async (session) =>
      (await insertIntoJournal(log, db, events, { session }))
        ? await insertViews(log, db, ids, { session, writerId })
        : undefined,
    );
  }

  async function recordFirst(events: readonly StoredEvent[]): Promise<S | undefined> {
    const [first] = events;
    return first?.version === 1 ? (await beginLogsTogether(events))?.get(first.orderId) : undefined;
  }

  async function recordNext(
    known: S,
    events: readonly StoredEvent[],
    resumption: number | undefined,
  ): Promise<S | undefined> {
    if (events[0]?.version !== known.version + 1 || known.resumed?.version !== resumption) return undefined;
    if (!(await insertEvents(events))) return undefined;
    const state = foldFollowing(log, known, events);
    return state !== undefined && (await replaceStates({ state, seen: known.version })) ? state : undefined;
  }

  /** @returns the state as the view has it now */
  async function recordAndRemember(
    events: readonly StoredEvent[],
    resumption: number | undefined,
  ): Promise<S | undefined> {
    const known = events[0] && recent.get(events[0].orderId);
    const state =
      (await (known ? recordNext(known, events, resumption) : recordFirst(events))) ??
      (await record(log, db, events, { writerId, resumption }));
    if (state !== undefined) recent.keep(state);
    return state;
  }

  return {
    async record(events, resumption) {
      await recordAndRemember(events, resumption);
    },
    async recordUpTo(id, version, events, resumption) {
      const state =
        (await recordAndRemember(events, resumption)) ?? (await updateStateView(log, db, id, { writerId }));
      if (state !== undefined && state.version >= version) return;
      if (await holdsTruncatedLog(log, db, id, version)) return;
      const { name } = log.entity;
      throw new LogIncomplete(`the journal lacks events of ${name} ${id} up to version ${version}`);
    },
  };
}

/** Undefined if one item makes a batch fail. The caller then records each item by itself. */
async function tryBatch<T>(batch: readonly unknown[], write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write();
  } catch (error) {
    if (batch.length === 1 || isMongoOutage(error)) throw error;
    return undefined;
  }
}
