import { Client } from '@temporalio/client';
import { deliverWebhooks } from '../../src/delivery/webhooks/deliver-webhooks.js';
import { endpointLog } from '../../src/endpoint/endpoint-log.js';
import { runLeasedTasks } from '../../src/log/leases/leased-tasks.js';
import { watchBuildsAndFeeds } from '../../src/log/views/feeding/watch-builds-and-feeds.js';
import { feedTaskQueue } from '../../src/log/workflow/system-workflow-names.js';
import { healthIn } from '../../src/server/logging/log-changes.js';
import { startUpkeep } from '../../src/upkeep/upkeep.js';
import { createFeedWork } from './feed-work.js';
import type { RoleContext } from './role.js';
import { type RunningWorker, startWorker } from './worker.js';

/**
 * The role `feed`: gives positions to events, updates the feed views, and delivers webhooks. Any
 * number of processes may run. Usually one of them does all of this, and the others stand by.
 */
export function startFeed(context: RoleContext): RunningWorker {
  const { taskQueue } = context.config.temporal;
  const client = new Client({
    connection: context.temporal,
    namespace: context.config.temporal.namespace,
  });
  const { config, logger, tail } = context;
  const { db, webhookSecrets } = context.mongo;
  const { leased, activities } = createFeedWork({ db, client, tail, taskQueue });
  const webhooks = deliverWebhooks({
    db,
    client,
    tail,
    secrets: webhookSecrets,
    allowPrivate: config.webhooksAllowPrivate,
    failed: (endpointId, err) => logger.warn({ err, endpointId }, 'cannot deliver to a webhook endpoint yet'),
  });
  const worker = startWorker(context, { taskQueue: feedTaskQueue(taskQueue), activities });
  const stopping = new AbortController();
  const { signal } = stopping;
  const leasing = runLeasedTasks({ db, tasks: [...leased, webhooks], signal, healthOf: healthIn(logger) });
  // Changes of a build, of a feed's state or of an endpoint wake the readers of the tail, too.
  const watching = watchBuildsAndFeeds(db, [endpointLog.view.collection], signal, () => tail.wake());
  const { reconcileEveryMs } = config;
  const upkeep = startUpkeep({ db, client, taskQueue, reconcileEveryMs, logger, signal });
  return {
    ready: Promise.all([worker.ready, upkeep.scheduled]).then(() => undefined),
    async stop() {
      stopping.abort();
      await Promise.all([worker.stop(), leasing, watching, upkeep.ended]);
    },
  };
}
