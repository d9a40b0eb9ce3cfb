import type { Client } from '@temporalio/client';
import type { Db, Filter } from 'mongodb';
import type { KafkaTopics } from '../delivery/kafka/settings.js';
import type { AttentionCode, AttentionRow } from './rows.js';

/** What the list of attention is read from. */
export interface AttentionDeps {
  readonly client: Client;
  readonly db: Db;
  /** task queue of the order workflows */
  readonly orderTaskQueue: string;
  /** age, in ms, from which an owed effect or a pending payment is listed */
  readonly attentionAfterMs: number;
  /** undefined without Kafka */
  readonly kafka?: KafkaTopics | undefined;
}

/** Cursor of the list: the sort key of the last row that was returned. */
export interface AttentionPlace {
  readonly code: AttentionCode;
  readonly since: string;
  readonly id: string;
}

/** A row, and the id that orders rows with the same code and time. */
export interface Found {
  readonly id: string;
  readonly row: AttentionRow;
}

/** What the rows of a code are asked for. */
export interface SourceQuery extends AttentionDeps {
  /** ISO-8601 UTC; rows with a later `since` are left out */
  readonly before: string;
  /** like `before`, for rows that are listed only after `attentionAfterMs` */
  readonly owedBy: string;
  readonly after: AttentionPlace | undefined;
  readonly limit: number;
}

/** The first `limit` of them, in the sequence of the list. */
export function oldest(found: readonly Found[], limit: number): readonly Found[] {
  return found.toSorted((one, other) => (placeOf(one) < placeOf(other) ? -1 : 1)).slice(0, limit);
}

/** What sorts rows of the same code. */
export function placeOf({ id, row }: Found): string {
  return `${row.since} ${id}`;
}

/**
 * Filter for documents whose `field` is not later than `before`, starting after the cursor `after`.
 */
export function pageFilter<D extends { readonly _id: string }>(
  field: string,
  before: string,
  after: AttentionPlace | undefined,
  further: object = {},
): Filter<D> {
  const place =
    after === undefined
      ? {}
      : { $or: [{ [field]: { $gt: after.since } }, { [field]: after.since, _id: { $gt: after.id } }] };
  const range = { [field]: { $gte: after?.since ?? '', $lte: before } };
  return { ...further, ...range, ...place } as Filter<D>;
}
