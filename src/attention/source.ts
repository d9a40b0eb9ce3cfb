import type { KafkaTopics } from '../kafka/settings.js';
import type { Databases } from '../databases.js';
import type { AttentionCursor, SourceRow } from './cursor.js';

/** What the list of attention is read from. */
export interface AttentionDeps extends Databases {
  /**
   * minimum age, in ms, of a row about something that is owed, pending, undecided, failing or
   * waiting
   */
  readonly attentionAfterMs: number;
  /** undefined if Kafka is not used */
  readonly kafka?: KafkaTopics | undefined;
}

/** A query for the rows of one code. */
export interface SourceQuery extends AttentionDeps {
  /** ISO-8601 UTC; rows with a later `since` are left out */
  readonly before: string;
  /** like `before`, for rows that are listed only if they are older than `attentionAfterMs` */
  readonly overdueBefore: string;
  readonly after: AttentionCursor | undefined;
  readonly limit: number;
}

/** Reads the rows of one code, the oldest first. */
export type Source = (query: SourceQuery) => Promise<readonly SourceRow[]>;
