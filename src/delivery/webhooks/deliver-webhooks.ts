import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { WebhookSecrets } from '../../sealing/key-store/webhook-secrets.js';
import type { Endpoint } from '../../endpoint/endpoint.js';
import { endpointLog } from '../../endpoint/endpoint-log.js';
import { feedEnd } from '../../log/feed/feed.js';
import type { FeedTail } from '../../log/feed/tail.js';
import { messageTo } from '../../log/gateway/message.js';
import type { LeasedTask } from '../../log/leases/leased-tasks.js';
import { committed } from '../../mongodb/durability.js';
import { workflowIdOf } from '../../log/entity-log/entity-log.js';
import type { Message } from '../../log/workflow/messages.js';
import { orderLog } from '../../order-log.js';
import { withTimeout } from '../../outages/timeout.js';
import { deliverDue } from './delivery-pass.js';
import { enabledEndpoints, endpointIdOf, endpointViews } from './endpoints.js';
import { isPaused, type RetryPolicy, RETRY_POLICY } from '../health.js';
import { subscriptionRows, waitingRows } from './rows.js';
import { createSender, type SenderOptions } from './sender.js';
import { forgetSubscription } from './subscription.js';

export interface WebhookDeliveryDeps extends SenderOptions {
  readonly db: Db;
  readonly client: Client;
  /** the tail of the feed of orders; woken when an endpoint was changed */
  readonly tail: FeedTail;
  readonly secrets: WebhookSecrets;
  /** Reports a failure at one endpoint that its receiver did not cause. */
  readonly failed: (endpointId: string, error: unknown) => void;
  readonly retryPolicy?: RetryPolicy;
  /** how often to look for what is due; by default every 2 s, or every minute without endpoints */
  readonly lookEveryMs?: number;
}

const LOOK_EVERY_MS = 2_000;
const LOOK_WITHOUT_ENDPOINTS_MS = 60_000;
const DISABLE_WITHIN_MS = 5_000;
const END_WITHIN_MS = 5_000;

/** The name of the task that delivers webhooks; persisted. */
export const webhookTask = 'deliver-webhooks';

/** The task that delivers the feed to the endpoints of webhooks. */
export function deliverWebhooks(deps: WebhookDeliveryDeps): LeasedTask {
  return {
    name: webhookTask,
    work: (signal, heartbeat) => deliverUntilAborted(deps, signal, heartbeat),
  };
}

/**
 * Runs the delivery passes of all endpoints at the same time, so a slow endpoint does not delay the
 * others.
 */
async function deliverUntilAborted(
  deps: WebhookDeliveryDeps,
  signal: AbortSignal,
  heartbeat: () => void,
): Promise<void> {
  const { db, client, tail, secrets, retryPolicy = RETRY_POLICY, lookEveryMs } = deps;
  const sender = createSender(deps);
  const running = new Map<string, Promise<void>>();
  // Disabling needs Temporal. If it fails, the next failed delivery of the endpoint tries it again.
  const disable = (endpoint: Endpoint, reason: string) =>
    disableEndpoint(client, endpoint, reason).catch((error: unknown) =>
      deps.failed(endpointIdOf(endpoint), error),
    );
  const ending = new AbortController();
  // Closing breaks open connections. After the abort, that does not count as a failure of the
  // receiver.
  const end = () => {
    ending.abort();
    sender.close();
  };
  signal.addEventListener('abort', end, { once: true });
  const forgetting = forgetDeleted(deps, ending.signal).catch(() => undefined);
  const nextSlots = new Map<string, number>();
  const delivering = { db, tail, secrets, sender, retryPolicy, disable, nextSlots, signal: ending.signal };
  try {
    while (!signal.aborted) {
      // The count is read before the endpoints, so that a later change of an endpoint ends the wait
      // below.
      const { wakeCount } = tail;
      const endpoints = await enabled(db);
      heartbeat();
      if (endpoints.length === 0) {
        const never = Number.POSITIVE_INFINITY;
        await tail.waitBeyond(never, signal, lookEveryMs ?? LOOK_WITHOUT_ENDPOINTS_MS, wakeCount);
        continue;
      }
      const { generations, head } = await feedEnd(orderLog, db);
      const idle = endpoints.filter((endpoint) => !running.has(endpointIdOf(endpoint)));
      for (const endpoint of await withWork(db, idle, generations.current.generation, head)) {
        const endpointId = endpointIdOf(endpoint);
        const pass = deliverDue(delivering, endpoint, generations)
          .catch((error: unknown) => deps.failed(endpointId, error))
          .finally(() => running.delete(endpointId));
        running.set(endpointId, pass);
      }
      await tail.waitBeyond(head, signal, lookEveryMs ?? LOOK_EVERY_MS, wakeCount);
    }
  } finally {
    signal.removeEventListener('abort', end);
    end();
    // A pass that hangs is given up, so that the task can end. Such a pass can send nothing more.
    await withTimeout(END_WITHIN_MS, Promise.all([forgetting, ...running.values()])).catch(() => undefined);
  }
}

/** Removes the data of deleted endpoints, because an earlier removal may have been interrupted. */
async function forgetDeleted(
  { db, secrets, failed }: WebhookDeliveryDeps,
  signal: AbortSignal,
): Promise<void> {
  const deleted = endpointViews(db).find({ finished: true }, committed).project<{ _id: string }>({ _id: 1 });
  for await (const { _id } of deleted) {
    if (signal.aborted) return;
    try {
      await secrets.removeAll(_id);
      await forgetSubscription(db, _id);
    } catch (error) {
      failed(_id, error);
    }
  }
}

async function enabled(db: Db): Promise<readonly Endpoint[]> {
  const found = await endpointViews(db)
    .find(enabledEndpoints, committed)
    .project<{ state: Endpoint }>({ _id: 0, state: 1 })
    .toArray();
  return found.map(({ state }) => state);
}

/**
 * The endpoints that need a pass. An endpoint that is new or changed, or whose checkpoint is of
 * another generation, needs one, which updates its subscription. Any other needs one if it is not
 * paused, and a waiting event is due or its checkpoint is before the head of the feed.
 */
async function withWork(
  db: Db,
  endpoints: readonly Endpoint[],
  generation: number,
  head: number,
): Promise<readonly Endpoint[]> {
  if (endpoints.length === 0) return [];
  const ids = endpoints.map(endpointIdOf);
  const [rows, due] = await Promise.all([
    subscriptionRows(db)
      .find({ _id: { $in: ids } }, committed)
      .toArray(),
    waitingRows(db).distinct('endpointId', { nextTryAt: { $lte: new Date() } }, committed),
  ]);
  const byId = new Map(rows.map(({ _id, ...row }) => [_id, row]));
  return endpoints.filter((endpoint) => {
    const endpointId = endpointIdOf(endpoint);
    const row = byId.get(endpointId);
    if (row === undefined || row.endpointVersion !== endpoint.version || row.generation !== generation)
      return true;
    if (isPaused(row.health, Date.now())) return false;
    return row.position < head || due.includes(endpointId);
  });
}

/**
 * Sends the command to disable an endpoint. Idempotent: the command has one id for each version of
 * the endpoint.
 */
async function disableEndpoint(client: Client, endpoint: Endpoint, reason: string): Promise<void> {
  const endpointId = endpointIdOf(endpoint);
  const { version } = endpoint;
  const key = `disable-${version}`;
  const message = messageTo(
    endpointId,
    'DisableEndpoint',
    { reason },
    {
      issuer: 'webhooks',
      key,
      actor: 'webhooks',
      correlationId: `${endpointId}.${key}`,
      expectedVersion: version,
    },
    key,
  );
  const workflow = client.workflow.getHandle(workflowIdOf(endpointLog, endpointId));
  try {
    await client.connection.withDeadline(Date.now() + DISABLE_WITHIN_MS, () =>
      workflow.signal<[Message]>('DisableEndpoint', message),
    );
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
