import type { ConnectionLike } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import type { Db } from 'mongodb';
import type { StepMetrics } from '../../../log/recording/step-metrics.js';
import { committedInTime } from '../../../mongodb/durability.js';
import { journal } from '../../../log/journal/journal.js';
import { ageOf } from '../../../log/time.js';
import { notBegun } from '../../../log/history/workflow-list.js';
import { rebuildWorkflow, reconcileWorkflow } from '../../../log/workflow/system-workflow-names.js';
import { withTimeout } from '../../../outages/timeout.js';
import { orderLog } from '../../../order-log.js';

/**
 * Orders with acknowledged events or messages that are not recorded yet. These would be lost if
 * Temporal's database were lost.
 */
export interface Exposure {
  /** how many orders */
  readonly count: number;
  /** age of their oldest acknowledged event or message, in milliseconds */
  readonly oldestMs: number;
}

export interface ExposureDeps {
  readonly db: Db;
  /** the step metrics of the workers in this process; absent if it has none */
  readonly stepMetrics: StepMetrics | undefined;
  readonly undecided: () => Promise<Exposure>;
}

const READ_WITHIN_MS = 1_000;
const MAX_LOOKED_UP = 1_000;

const { TASK_QUEUE_TYPE_WORKFLOW: ofWorkflows } = proto.temporal.api.enums.v1.TaskQueueType;

/**
 * Orders with a message that no worker has decided yet. Counts the workflow tasks that wait in the
 * entities' task queue, so endpoints are counted, too. An order has one such task at most, however
 * many messages wait. Rebuilds and reconciliations that wait for their first task are not counted.
 * Temporal's count is approximate.
 */
export async function undecidedOrders(
  connection: ConnectionLike,
  namespace: string,
  taskQueue: string,
): Promise<Exposure> {
  const { stats } = await connection.withDeadline(Date.now() + READ_WITHIN_MS, () =>
    connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: ofWorkflows,
      reportStats: true,
    }),
  );
  const waiting = Number(stats?.approximateBacklogCount ?? 0);
  if (waiting === 0) return { count: 0, oldestMs: 0 };
  const query = notBegun([rebuildWorkflow, reconcileWorkflow], taskQueue);
  const others = await connection.withDeadline(Date.now() + READ_WITHIN_MS, () =>
    connection.workflowService.countWorkflowExecutions({ namespace, query }),
  );
  const count = Math.max(0, waiting - Number(others.count));
  return { count, oldestMs: count === 0 ? 0 : (optionalTsToMs(stats?.approximateBacklogAge) ?? 0) };
}

/**
 * Orders with events that were given to a worker of this process to record, and are not recorded
 * yet. Events that another worker has recorded are not counted, unless MongoDB is unavailable or
 * more than `MAX_LOOKED_UP` steps are open.
 */
export async function unrecordedOrders(db: Db, stepMetrics: StepMetrics): Promise<Exposure> {
  const open = stepMetrics.unrecorded();
  if (open.length === 0) return { count: 0, oldestMs: 0 };
  const ids = open.slice(0, MAX_LOOKED_UP).map(({ id }) => id);
  const found = await withTimeout(
    READ_WITHIN_MS,
    journal(orderLog, db)
      .find({ _id: { $in: ids } }, { ...committedInTime, projection: { _id: 1 } })
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
 * Describes what is exposed for longer than `limitMs`; undefined if nothing is. Fails while
 * Temporal is unavailable.
 */
export async function exposureConcern(
  { db, stepMetrics, undecided }: ExposureDeps,
  limitMs: number,
): Promise<string | undefined> {
  const [waiting, decided] = await Promise.all([
    undecided(),
    stepMetrics && unrecordedOrders(db, stepMetrics),
  ]);
  const inWords = (what: string, { count, oldestMs }: Exposure) =>
    oldestMs > limitMs ? [`${count} ${what}, the oldest for ${Math.round(oldestMs / 1_000)} s`] : [];
  const concerns = [
    ...inWords('orders wait for a worker', waiting),
    ...(decided === undefined ? [] : inWords('orders decided and not recorded', decided)),
  ];
  return concerns.length === 0 ? undefined : concerns.join('; ');
}
