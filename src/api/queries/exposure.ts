import type { ConnectionLike } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import type { Db } from 'mongodb';
import type { StepTally } from '../../log/journal/step-tally.js';
import { answering } from '../../log/journal/durability.js';
import { journal } from '../../log/journal/journal.js';
import { ageOf } from '../../log/feed/lag.js';
import { withTimeout } from '../../outages/timeout.js';

/** How much was acknowledged and is not recorded yet: what would be lost with Temporal. */
export interface Exposure {
  /** orders */
  readonly count: number;
  /** age of the oldest acknowledged event or message among them, in milliseconds */
  readonly oldestMs: number;
}

export interface ExposureDeps {
  readonly db: Db;
  /** of this process's workers; absent where it has none */
  readonly tally: StepTally | undefined;
  readonly undecided: () => Promise<Exposure>;
}

const WITHIN_MS = 1_000;
const lookedUpAtMost = 1_000;

const { TASK_QUEUE_TYPE_WORKFLOW: ofWorkflows } = proto.temporal.api.enums.v1.TaskQueueType;

/**
 * Orders with something that no worker has decided yet: the workflow tasks of the orders' task
 * queue that wait for a worker. An order has one at most, however much it was sent. Temporal's own
 * count is approximate.
 */
export async function undecidedOrders(
  connection: ConnectionLike,
  namespace: string,
  taskQueue: string,
): Promise<Exposure> {
  const { stats } = await connection.withDeadline(Date.now() + WITHIN_MS, () =>
    connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: ofWorkflows,
      reportStats: true,
    }),
  );
  return {
    count: Number(stats?.approximateBacklogCount ?? 0),
    oldestMs: optionalTsToMs(stats?.approximateBacklogAge) ?? 0,
  };
}

/**
 * Orders with events that were decided, given to a worker of this process, and are not recorded.
 * What another worker has recorded meanwhile is looked up in the journal; with MongoDB away, it
 * counts.
 */
export async function unrecordedOrders(db: Db, tally: StepTally): Promise<Exposure> {
  const open = tally.unrecorded();
  if (open.length === 0) return { count: 0, oldestMs: 0 };
  const ids = open.slice(0, lookedUpAtMost).map(({ id }) => id);
  const found = await withTimeout(
    WITHIN_MS,
    journal(db)
      .find({ _id: { $in: ids } }, { ...answering, projection: { _id: 1 } })
      .toArray(),
  ).catch(() => []);
  const recorded = new Set(found.map(({ _id }) => _id));
  const left = open.filter(({ id }) => !recorded.has(id));
  return {
    count: new Set(left.map(({ orderId }) => orderId)).size,
    oldestMs: Math.max(0, ...left.map(({ occurredAt }) => ageOf(occurredAt))),
  };
}

/**
 * Says what is exposed for longer than `limitMs`; undefined where nothing is. Fails with Temporal
 * away.
 */
export async function exposureConcern(
  { db, tally, undecided }: ExposureDeps,
  limitMs: number,
): Promise<string | undefined> {
  const [waiting, decided] = await Promise.all([undecided(), tally && unrecordedOrders(db, tally)]);
  const inWords = (what: string, { count, oldestMs }: Exposure) =>
    oldestMs > limitMs ? [`${count} ${what}, the oldest for ${Math.round(oldestMs / 1_000)} s`] : [];
  const concerns = [
    ...inWords('orders wait for a worker', waiting),
    ...(decided === undefined ? [] : inWords('orders decided and not recorded', decided)),
  ];
  return concerns.length === 0 ? undefined : concerns.join('; ');
}
