import { msToTs } from '@temporalio/common/lib/time.js';
import { temporal } from '@temporalio/proto';
import type { Connection } from '@temporalio/client';
import type { Db } from 'mongodb';
import { searchAttributes } from '../workflows/messages.js';

/** Names of the search attributes of an order's workflow. All of them are keywords. */
export const SEARCH_ATTRIBUTES: readonly string[] = Object.values(searchAttributes);

/** How long the embedded server keeps the history of a closed order. */
const RETENTION_MS = 90 * 86_400_000;

const { INDEXED_VALUE_TYPE_KEYWORD } = temporal.api.enums.v1.IndexedValueType;

/**
 * Registers the search attributes that the namespace lacks. Idempotent.
 * @throws ServiceError when Temporal is away or does not permit it
 */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = SEARCH_ATTRIBUTES.filter((name) => !(name in (customAttributes ?? {})));
  if (missing.length === 0) return;
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map((name) => [name, INDEXED_VALUE_TYPE_KEYWORD])),
  });
}

/** Keeps closed histories for 90 days instead of the development server's one. For the embedded server only. */
export async function extendRetention(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: msToTs(RETENTION_MS) },
  });
}

/** Creates the indexes that the views and activities need, where they are missing. Idempotent. */
export async function ensureIndexes(db: Db, each: readonly ((db: Db) => Promise<unknown>)[]): Promise<void> {
  await Promise.all(each.map((ensure) => ensure(db)));
}
