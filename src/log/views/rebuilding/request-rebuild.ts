import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowStartOptions,
} from '@temporalio/client';
import type { Db } from 'mongodb';
import { committed } from '../../journal/durability.js';
import { settleReturns } from '../../feed/feed.js';
import { within } from '../../../outages/timeout.js';
import { rebuildWorkflow, rebuildWorkflowId, rollBackWorkflow } from '../../workflow/rebuild-messages.js';
import { feedTaskQueue } from '../../workflow/singleton-messages.js';
import { projectionState } from '../feeding/state.js';
import { views } from '../../../views/views.js';
import { storeNames, storeRebuilds } from './store-rebuild.js';

interface Starting {
  readonly client: Client;
  /** of the role `feed` */
  readonly taskQueue: string;
}

interface Requesting extends Starting {
  readonly db: Db;
}

/** How long a rebuild that has done all may take to be over. */
const ENDS_WITHIN_MS = 5_000;

/**
 * Has a view or a store rebuilt, as a workflow.
 *
 * @returns the id of the rebuild; undefined where one is under way already
 */
export async function requestRebuild(starting: Starting, name: string): Promise<string | undefined> {
  return await start(starting, name, rebuildWorkflow, { args: [name], staticSummary: `rebuild ${name}` });
}

/** As `requestRebuild`, for whoever wants another one than that of which all is done. */
export async function requestAnotherRebuild(
  requesting: Requesting,
  name: string,
): Promise<string | undefined> {
  return await another(requesting, name, () => requestRebuild(requesting, name));
}

/** Has the view `orders` taken back to what its last rebuild replaced; otherwise as `requestAnotherRebuild`. */
export async function requestRollBack(requesting: Requesting): Promise<string | undefined> {
  return await another(requesting, 'orders', () =>
    start(requesting, 'orders', rollBackWorkflow, { staticSummary: 'roll back orders' }),
  );
}

/** Whoever has seen that the one before is done need not know that its workflow has a step to go. */
async function another(
  { db, client, taskQueue }: Requesting,
  name: string,
  request: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const rebuildId = await request();
  if (rebuildId !== undefined) return rebuildId;
  const workflowId = rebuildWorkflowId(name, taskQueue);
  const { runId } = await client.workflow.getHandle(workflowId).describe();
  if (!(await isDone(db, name, runId))) return undefined;
  await within(ENDS_WITHIN_MS, client.workflow.getHandle(workflowId, runId).result()).catch(() => undefined);
  return await request();
}

async function start(
  { client, taskQueue }: Starting,
  name: string,
  workflow: string,
  options: Partial<WorkflowStartOptions>,
): Promise<string | undefined> {
  const workflowId = rebuildWorkflowId(name, taskQueue);
  try {
    const started = await client.workflow.start(workflow, { ...options, workflowId, taskQueue });
    return started.firstExecutionRunId;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

async function isDone(db: Db, name: string, rebuildId: string): Promise<boolean> {
  const store = storeNames.find((one) => one === name);
  if (store === undefined) return (await projectionState(db, name))?.rebuildId === rebuildId;
  return (await storeRebuilds(db).countDocuments({ _id: store, rebuildId, phase: 'done' }, committed)) > 0;
}

/** Has every view across orders rebuilt, where it may have events twice that were lost and came back (`noteReturn`). */
export async function requestRebuildsAfterLoss(
  {
    db,
    client,
    orderTaskQueue,
  }: { readonly db: Db; readonly client: Client; readonly orderTaskQueue: string },
  beat: () => void,
): Promise<void> {
  const requesting = { db, client, taskQueue: feedTaskQueue(orderTaskQueue) };
  await settleReturns(db, beat, async () => {
    const begun = await Promise.all(views.map(({ name }) => requestAnotherRebuild(requesting, name)));
    // One that is under way may have begun before the loss.
    return begun.every((rebuildId) => rebuildId !== undefined);
  });
}
