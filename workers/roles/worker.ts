import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type BackOff, backOffMs } from '../../src/concurrency/back-off.js';
import { pause } from '../../src/concurrency/pause.js';
import { createForgetting } from '../../src/forgetting/activities.js';
import { temporalConnectionOptions, tlsAdvice } from '../../src/server/connections.js';
import { HEARTBEAT_EVERY_MS } from '../../src/server/health/worker-presence.js';
import { logChanges } from '../../src/server/logging/log-changes.js';
import { logFailures } from '../../src/server/logging/log-failures.js';
import type { Logger } from '../../src/server/logging/logger.js';
import { createActivities, slotsOfProviders } from './activities.js';
import type { RoleContext, RunningRole } from './role.js';

export type WorkerContext = Omit<RoleContext, 'temporal' | 'tail'>;

/** The workflows, prebuilt by `bundleWorkflowCode`. */
export type WorkflowBundle = { readonly codePath: string } | { readonly code: string };

/** What a worker polls and runs. */
export interface Work {
  readonly taskQueue: string;
  readonly activities: object;
  /** absent if the worker runs only activities; then it needs no thread for workflows */
  readonly workflowBundle?: WorkflowBundle;
  /** maximum number of activities at a time; `SLOTS_BESIDE_PROVIDERS` by default */
  readonly slots?: number;
}

export interface RunningWorker extends RunningRole {
  /** Resolves when the worker is connected and begins to poll, however long that takes. */
  readonly ready: Promise<void>;
}

/** Slots that calls to providers leave free, so that steps can always record their events. */
const SLOTS_BESIDE_PROVIDERS = 100;
const RESTART_BACK_OFF: BackOff = { firstRetryMs: 250, maxRetryMs: 10_000 };
const LOG_METHODS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** If a worker fails after it ran for this long, the pause before its restart is the first one. */
const STEADY_MS = 60_000;

/** Messages of the SDK that are not logged, because an operator does not need them. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  // The SDK logs this for each attempt. `logFailures` logs only changes.
  'Activity failed',
  // The SDK logs this for the worker of the role `feed`, which has only activities.
  'No workflows registered, not polling for workflow tasks',
]);

/**
 * Makes the SDK use our logger and leave signals to the process. Must be called once per process,
 * before any worker starts.
 */
export function installRuntime(logger: Logger): void {
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      if (!LEFT_OUT.has(message)) logger[LOG_METHODS[level]](meta ?? {}, message);
    }),
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
    shutdownSignals: [],
    workerHeartbeatInterval: HEARTBEAT_EVERY_MS,
  });
}

/**
 * The role `worker`: runs all workflows, and the activities of orders, endpoints and forgettings.
 */
export function startMainWorker(
  context: WorkerContext & { readonly workflowBundle: WorkflowBundle },
): RunningWorker {
  const { taskQueue } = context.config.temporal;
  const { mongo, providers, stepMetrics, workflowBundle } = context;
  return startWorker(context, {
    taskQueue,
    workflowBundle,
    slots: SLOTS_BESIDE_PROVIDERS + slotsOfProviders(providers),
    activities: {
      ...createActivities({
        db: mongo.db,
        ...(providers && { providers }),
        ...(stepMetrics && { stepMetrics }),
      }),
      ...createForgetting({ db: mongo.db, keyStore: mongo.keyStore, taskQueue }),
    },
  });
}

/**
 * Runs workflows and activities until stopped. A worker that fails, or cannot reach Temporal, is
 * replaced.
 */
export function startWorker(context: WorkerContext, work: Work): RunningWorker {
  const stopping = new AbortController();
  let done = Promise.resolve();
  const ready = new Promise<void>((resolve) => {
    done = keepWorking(context, work, stopping.signal, resolve);
  });
  return {
    ready,
    async stop() {
      stopping.abort();
      await done;
    },
  };
}

async function keepWorking(
  context: WorkerContext,
  work: Work,
  stopping: AbortSignal,
  onReady: () => void,
): Promise<void> {
  let failures = 0;
  let runsSince: number | undefined;
  const health = logChanges(context.logger, {
    fails: (problem) =>
      `The worker fails: ${problem}${tlsAdvice('Temporal', problem)}. It is restarted until it works.`,
    works: 'The worker works again.',
  });
  while (!stopping.aborted) {
    runsSince = undefined;
    try {
      await runWorker(context, work, stopping, () => {
        runsSince = performance.now();
        health.worked();
        onReady();
      });
    } catch (error) {
      if (stopping.aborted) return;
      health.failed(error);
      failures = failuresInARow(failures, runsSince === undefined ? 0 : performance.now() - runsSince);
      await pause(backOffMs(failures, RESTART_BACK_OFF), stopping);
    }
  }
}

/** How many workers in a row have failed soon, when one has failed that ran for `ranMs`. */
export function failuresInARow(before: number, ranMs: number): number {
  return ranMs < STEADY_MS ? before + 1 : 1;
}

/** A hash of the workflow code, in eight characters; `activities` if there is none. */
async function buildId(bundle: WorkflowBundle | undefined): Promise<string> {
  if (bundle === undefined) return 'activities';
  const code = 'code' in bundle ? bundle.code : await readFile(bundle.codePath);
  return createHash('sha256').update(code).digest('hex').slice(0, 8);
}

/** Runs one worker until it is stopped or fails. */
async function runWorker(
  { config, logger }: WorkerContext,
  { taskQueue, activities, workflowBundle, slots = SLOTS_BESIDE_PROVIDERS }: Work,
  stopping: AbortSignal,
  onRunning: () => void,
): Promise<void> {
  const connection = await NativeConnection.connect(temporalConnectionOptions(config));
  try {
    const worker = await Worker.create({
      connection,
      namespace: config.temporal.namespace,
      taskQueue,
      ...(workflowBundle && { workflowBundle }),
      activities,
      interceptors: { activity: [logFailures(logger)] },
      // The SDK's default build id has 90 characters and is in a third of all history events. It
      // would be a sixth of a history's size.
      workerDeploymentOptions: {
        version: { deploymentName: 'orders', buildId: await buildId(workflowBundle) },
        useWorkerVersioning: false,
      },
      maxConcurrentActivityTaskExecutions: slots,
      // All workflows run in one thread. Eight tasks keep it busy; further tasks would wait for it
      // in this process while their time-out runs.
      maxConcurrentWorkflowTaskExecutions: 8,
      workflowTaskPollerBehavior: { type: 'autoscaling' },
      activityTaskPollerBehavior: { type: 'autoscaling' },
      shutdownGraceTime: '1500ms',
      shutdownForceTime: '3s',
    });
    const stop = (): void => worker.shutdown();
    const run = worker.run();
    onRunning();
    if (stopping.aborted) stop();
    stopping.addEventListener('abort', stop, { once: true });
    try {
      await run;
    } finally {
      stopping.removeEventListener('abort', stop);
    }
  } finally {
    await connection.close();
  }
}
