import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { isServerError } from '../../outages/server-error.js';
import { type Draft, NewerEvent, type State } from '../entity.js';
import { mapInOrder } from '../../concurrency/async-iterables.js';
import { type AnyLog, type EntityLog, workflowIdOf } from '../entity-log/entity-log.js';
import type { DetectDatabaseLoss, Deployment } from '../../databases.js';
import { foldHistory, readHistoryLog } from '../history/history.js';
import { ensureJournalIndexes } from '../journal/journal.js';
import type { OutsideRestore } from '../history/outside-restore.js';
import { ensureStateViewIndexes } from '../entity-log/state-view.js';
import { countWorkflows, listWorkflows, type ListPage } from '../history/workflow-list.js';
import type { RebuildAttempt } from './rebuild-attempt.js';
import { type FromHistory, restoreEntities } from './restore-entities.js';
import { type JournalRebuild, StoreRebuilder } from './store-rebuild.js';

export interface JournalRebuildAttempt<S extends State, D extends Draft> extends RebuildAttempt, Deployment {
  readonly detectDatabaseLoss: DetectDatabaseLoss;
  /** see `restoreEntities` */
  readonly outside?: OutsideRestore<S, D> | undefined;
  /** number of entities between two checkpoints; by default a page of Temporal's list */
  readonly pageSize?: number;
}

const CONCURRENCY = 8;
const LOOK_AGAIN_MS = 500;
/**
 * How long to wait for workflow tasks: longer than the 10 s after which Temporal gives the task of
 * a killed worker to another.
 */
const DECIDED_WITHIN_MS = 20_000;
const BATCH_SIZE = 500;

/**
 * Restores the journal, the state view and the outside systems from the workflow histories, while
 * entities are recorded as usual. What exists is left as it is. The restored events get positions
 * and reach the feed views like any other event.
 *
 * If Temporal no longer has an entity's first runs, only its later events are restored. Its view is
 * restored from the state that its oldest run took over. Such entities are counted and named as
 * exceptions, and so are those whose journal differs from the history, or whose history cannot be
 * read as a log. The comment in `rebuilds.ts` says how this differs from a rebuild of a view.
 *
 * @returns false if `signal` ended it before it was done
 * @throws Fenced if another worker has taken the rebuild over; and any error of the servers.
 *   Another call continues from the checkpoint.
 */
export async function rebuildJournal<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  attempt: JournalRebuildAttempt<S, D>,
): Promise<boolean> {
  const { db, client, taskQueue, detectDatabaseLoss, outside } = attempt;
  await detectDatabaseLoss({ db, client, taskQueue });
  await outside?.beginRestore(db);
  if (!(await restoreAll(log, attempt))) return false;
  await outside?.endRestore(db);
  return true;
}

async function restoreAll<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  attempt: JournalRebuildAttempt<S, D>,
): Promise<boolean> {
  const { db, client, taskQueue, signal, heartbeat, rebuildId } = attempt;
  await Promise.all([ensureJournalIndexes(log, db), ensureStateViewIndexes(log, db)]);
  const name = log.journalRebuild;
  const rebuilder = await StoreRebuilder.takeOver<JournalRebuild>(db, name, rebuildId, async (begun) => ({
    ...begun,
    total: await countWorkflows(log, client, taskQueue),
  }));
  if (rebuilder.state.phase === 'done') return true;
  let { done } = rebuilder.state;
  const alive = (): void => heartbeat(done);
  let exceptions: string[] = [];

  async function restoreBatch({ entities, page }: Batch<S, D>): Promise<void> {
    const read = entities.flatMap(({ fromHistory }) => fromHistory ?? []);
    const broken = entities.flatMap(({ orderId, isBroken }) => (isBroken ? [orderId] : []));
    exceptions.push(...broken, ...(await restoreEntities(log, attempt, read, alive)));
    done += entities.length;
    alive();
    if (page === undefined) return;
    await rebuilder.advance({
      done,
      exceptions: rebuilder.exceptionsWith(exceptions),
      ...(page.next === undefined ? { phase: 'done' } : { place: page.next }),
    });
    exceptions = [];
  }

  let restoring = Promise.resolve();
  try {
    for await (const batch of readBatches(log, attempt, rebuilder.state.place, alive)) {
      await restoring;
      if (signal.aborted) return false;
      // This batch is written while the next one is read.
      restoring = restoreBatch(batch);
      restoring.catch(() => undefined);
    }
  } finally {
    await restoring;
  }
  return true;
}

/** An entity of Temporal's list. */
interface ListedHistory<S extends State, D extends Draft> {
  readonly orderId: string;
  /**
   * absent if `isBroken`, or if the workflow has decided nothing yet: then its events will be
   * recorded as usual
   */
  readonly fromHistory?: FromHistory<S, D>;
  /** its history cannot be read as a log */
  readonly isBroken: boolean;
}

interface Batch<S extends State, D extends Draft> {
  readonly entities: readonly ListedHistory<S, D>[];
  /** the page of Temporal's list that this batch completes; absent if it completes none */
  readonly page?: ListPage;
}

/** @param from token of the page of Temporal's list that an earlier attempt reached */
async function* readBatches<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { client, taskQueue, pageSize }: JournalRebuildAttempt<S, D>,
  from: string | undefined,
  alive: () => void,
): AsyncGenerator<Batch<S, D>, void> {
  // All entities share one limit, because without a worker no workflow task is ever completed.
  const giveUpAt = Date.now() + DECIDED_WITHIN_MS;
  for await (const page of listWorkflows(log, client, taskQueue, { from, pageSize })) {
    let entities: ListedHistory<S, D>[] = [];
    let events = 0;
    for await (const entity of mapInOrder(page.listed, CONCURRENCY, (one) =>
      readOne(log, client, one.orderId, { giveUpAt, alive }),
    )) {
      alive();
      entities.push(entity);
      events += entity.fromHistory?.history.events.length ?? 0;
      if (events < BATCH_SIZE) continue;
      yield { entities };
      entities = [];
      events = 0;
    }
    yield { entities, page };
  }
}

async function readOne<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  client: Client,
  orderId: string,
  waiting: { readonly giveUpAt: number; readonly alive: () => void },
): Promise<ListedHistory<S, D>> {
  try {
    let fromHistory = await readFromHistory(log, client, orderId);
    // An effect that the entity owes may be performed already. Its outcome becomes an event only
    // with the next workflow task, so that task is awaited.
    if (fromHistory !== undefined && log.entity.effects(fromHistory.state).length > 0) {
      await untilDecided(log, client, orderId, waiting);
      fromHistory = await readFromHistory(log, client, orderId);
    }
    return { orderId, isBroken: false, ...(fromHistory && { fromHistory }) };
  } catch (error) {
    if (isServerError(error) || error instanceof NewerEvent) throw error;
    return { orderId, isBroken: true };
  }
}

/** @returns undefined if nothing is decided yet, or Temporal no longer knows the workflow */
async function readFromHistory<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  client: Client,
  orderId: string,
): Promise<FromHistory<S, D> | undefined> {
  const history = await readHistoryLog(log, client, orderId);
  const state = history === undefined || history.isForecast ? undefined : foldHistory(log, history);
  return history && state && { history, state };
}

/** Waits until no workflow task of the entity is pending, at most until `giveUpAt`. */
async function untilDecided(
  log: AnyLog,
  client: Client,
  orderId: string,
  { giveUpAt, alive }: { readonly giveUpAt: number; readonly alive: () => void },
): Promise<void> {
  const workflow = client.workflow.getHandle(workflowIdOf(log, orderId));
  while (Date.now() < giveUpAt && (await workflow.describe()).raw.pendingWorkflowTask) {
    alive();
    await setTimeout(LOOK_AGAIN_MS);
  }
}
