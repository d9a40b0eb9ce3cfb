import type { Db } from 'mongodb';
import { type BackOff, backOffMs } from '../../../concurrency/back-off.js';
import { pause } from '../../../concurrency/pause.js';
import { createSemaphore } from '../../../concurrency/semaphore.js';
import type { CommittedRecord } from '../../../kafka/committed-records.js';
import { kafkaProblem } from '../../../kafka/kafka-problem.js';
import type { Logger } from '../../../server/logging/logger.js';
import { HttpProblem, encodedProblem } from '../../problem.js';
import type { Gateway } from '../gateway/gateway.js';
import { correlationIdOf, recordIdOf } from './command-record.js';
import { attemptCommand } from './attempt-command.js';
import type { Membership } from './membership.js';
import type { PartitionProgress } from './partition-progress.js';
import { markWritten, storeRefusal } from './refusal-rows.js';
import type { PartitionId } from '../../../kafka/command-rows.js';
import type { RefusalTopic } from './refusal-topic.js';

export interface RunDeps {
  readonly db: Db;
  readonly gateway: Gateway;
  readonly logger: Logger;
  readonly membership: Pick<Membership, 'isHeld'>;
  readonly refusals: Pick<RefusalTopic, 'write'>;
}

/** Delays before a command is sent again, and before a new client joins the group. */
export const RETRY_BACK_OFF: BackOff = { firstRetryMs: 100, maxRetryMs: 10_000 };
/** Maximum number of commands in flight. */
const CONCURRENCY = 32;
/** Maximum number of errors in a problem that is written to the topic of refusals. */
const MAX_ERRORS = 20;

/**
 * Runs commands until each is durable, or refused. A command without an answer is tried again
 * without limit.
 *
 * @param ending aborted when no further attempt may be started
 * @returns a function that runs the command of a record: true if the record is done; false if
 *   `ending` was aborted before
 */
export function createRunUntilDone(
  deps: RunDeps,
  { topic, topicId }: { readonly topic: string; readonly topicId: string },
  ending: AbortSignal,
): (record: CommittedRecord, progress: PartitionProgress) => Promise<boolean> {
  const { db, gateway, logger, membership, refusals } = deps;
  const limited = createSemaphore(CONCURRENCY);

  /** How logs and the topic of refusals name a record. */
  const idsOf = (record: CommittedRecord) => ({
    record: recordIdOf(topic, record),
    correlationId: correlationIdOf(topic, record),
  });

  /** Marks a record that is not done as waiting, and logs the first time. */
  function markWaiting(record: CommittedRecord, progress: PartitionProgress, why: string): void {
    if (!progress.markWaiting(record.offset, why)) return;
    logger.warn(
      { ...idsOf(record), why },
      'a command of Kafka waits, and later ones with its key wait for it',
    );
  }

  /** The problem in the form that is written to the topic of refusals. */
  function refusalProblem(record: CommittedRecord, { status, code, message, members }: HttpProblem): string {
    const { errors, ...others } = members;
    const shown = { ...others, ...(errors && { errors: errors.slice(0, MAX_ERRORS) }) };
    const { record: recordId, correlationId } = idsOf(record);
    return encodedProblem(new HttpProblem(status, code, message, shown), correlationId, recordId).body;
  }

  /**
   * Stores a refusal, then writes it to the topic of refusals. Stops if another member may have the
   * partition now, because then that member decides the command.
   *
   * @returns whether the record is done
   */
  async function refuse(
    record: CommittedRecord,
    progress: PartitionProgress,
    problem: string,
  ): Promise<boolean> {
    const { partition, refused } = progress;
    const id: PartitionId = { topicId, partition };
    try {
      if (!membership.isHeld) return false;
      if (!refused.has(record.offset)) await storeRefusal(db, id, record.offset, problem);
      refused.set(record.offset, { problem });
      if (!membership.isHeld) return false;
      await refusals.write(record, recordIdOf(topic, record), problem);
    } catch (error) {
      markWaiting(record, progress, `the refusal cannot be written: ${kafkaProblem(error)}`);
      return false;
    }
    // If this fails and the record is read again, the topic of refusals gets the refusal twice.
    await markWritten(db, id, record.offset).catch(() => undefined);
    refused.delete(record.offset);
    return true;
  }

  return async (record, progress) => {
    const { offset } = record;
    const stored = progress.refused.get(offset);
    if (stored === 'written') return true;
    let problem = stored?.problem;
    for (let attempt = 1; !ending.aborted; attempt += 1) {
      const isDone = await limited(async () => {
        if (ending.aborted || !membership.isHeld) return false;
        if (problem === undefined) {
          const outcome = await attemptCommand(gateway, topic, record, attempt);
          if (outcome === 'durable') return true;
          if (!(outcome instanceof HttpProblem)) {
            markWaiting(record, progress, outcome.retryBecause);
            return false;
          }
          const { code, message } = outcome;
          logger.warn({ ...idsOf(record), code }, `a command of Kafka is refused: ${message}`);
          problem = refusalProblem(record, outcome);
        }
        return await refuse(record, progress, problem);
      });
      if (isDone) return true;
      await pause(backOffMs(attempt, RETRY_BACK_OFF), ending);
    }
    return false;
  };
}
