import { Client, type Connection } from '@temporalio/client';
import { msToTs, optionalTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import type { Db } from 'mongodb';
import type { BackOff } from '../concurrency/back-off.js';
import { retryUntilDone } from '../concurrency/retry-until-done.js';
import type { DetectDatabaseLoss } from '../databases.js';
import type { Config } from './config.js';
import { type Mongo, tlsAdvice } from './connections.js';
import { logChanges } from './logging/log-changes.js';
import type { Logger } from './logging/logger.js';
import { SEARCH_ATTRIBUTES } from './search-attributes.js';

const DAY_MS = 86_400_000;
/** Retention of the embedded server for closed workflows. */
const RETENTION_MS = 90 * DAY_MS;
const BACK_OFF: BackOff = { firstRetryMs: 250, maxRetryMs: 10_000 };

const { IndexedValueType } = proto.temporal.api.enums.v1;
const indexedTypes = {
  Keyword: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  Bool: IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
  Int: IndexedValueType.INDEXED_VALUE_TYPE_INT,
};

export interface SetUpOptions {
  readonly config: Config;
  readonly temporal: Connection;
  readonly mongo: Mongo;
  readonly logger: Logger;
  /** Each prepares a part of MongoDB, such as the indexes of one view. */
  readonly setUpSteps: readonly ((db: Db) => Promise<unknown>)[];
  /** Compares MongoDB with Temporal, once both are set up. */
  readonly detectDatabaseLoss: DetectDatabaseLoss;
  readonly abort: AbortSignal;
}

/**
 * Prepares both servers for the roles. Temporal gets its search attributes and, if it is embedded,
 * its retention; MongoDB gets its indexes. Then compares the two servers, and logs how old a backup
 * may be. May be repeated. Resolves when all is done, however long a server is unavailable, or when
 * it is aborted.
 */
export async function setUp({
  config,
  temporal,
  mongo,
  logger,
  setUpSteps,
  detectDatabaseLoss,
  abort,
}: SetUpOptions): Promise<void> {
  const { namespace, taskQueue } = config.temporal;
  const untilDone = async (title: string, done: string, work: () => Promise<unknown>): Promise<void> => {
    const health = logChanges(logger, {
      fails: (problem) => `${title} is not ${done} yet: ${problem}${tlsAdvice(title, problem)}`,
      works: `${title} is ${done}.`,
    });
    await retryUntilDone(work, { signal: abort, backOff: BACK_OFF, health });
  };
  await Promise.all([
    untilDone('Temporal', 'set up', async () => {
      await registerSearchAttributes(temporal, namespace);
      if (config.embedded.temporal) await extendRetention(temporal, namespace);
    }),
    untilDone('MongoDB', 'set up', () => Promise.all(setUpSteps.map((step) => step(mongo.db)))),
  ]);
  const client = new Client({ connection: temporal, namespace });
  await untilDone('The identity of the database', 'compared', () =>
    detectDatabaseLoss({ client, db: mongo.db, taskQueue }),
  );
  await untilDone('The retention of Temporal', 'known', async () =>
    logger.info(await oldestBackup(temporal, namespace)),
  );
}

async function registerSearchAttributes({ operatorService }: Connection, namespace: string): Promise<void> {
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !(name in (customAttributes ?? {})));
  if (missing.length === 0) return;
  await operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, indexedTypes[type]])),
  });
}

/**
 * Says how old a backup of MongoDB may be. Temporal deletes closed workflows after the retention,
 * so events that an older backup lacks cannot be recovered.
 */
async function oldestBackup({ workflowService }: Connection, namespace: string): Promise<string> {
  const { config } = await workflowService.describeNamespace({ namespace });
  const days = Math.floor((optionalTsToMs(config?.workflowExecutionRetentionTtl) ?? 0) / DAY_MS);
  return `Temporal keeps closed orders for ${days} days: a backup of MongoDB must not be older than that.`;
}

async function extendRetention({ workflowService }: Connection, namespace: string): Promise<void> {
  await workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: msToTs(RETENTION_MS) },
  });
}
