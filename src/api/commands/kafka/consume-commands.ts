/*
 * Takes commands from Kafka, in four layers: `consumeCommands` joins the group; an `AssignmentRun`
 * reads this member's partitions; `createRunUntilDone` runs the command of a record until it is
 * durable or refused; `attemptCommand` sends it once.
 */
import { once } from 'node:events';
import type { Db } from 'mongodb';
import { backOffMs } from '../../../concurrency/back-off.js';
import { pause } from '../../../concurrency/pause.js';
import { clientOptions, closeClient } from '../../../kafka/connection.js';
import { ensureTopics } from '../../../kafka/topics.js';
import { kafkaProblem } from '../../../kafka/kafka-problem.js';
import { type KafkaSettings, topicsOf } from '../../../kafka/settings.js';
import type { Logger } from '../../../server/logging/logger.js';
import type { Gateway } from '../gateway/gateway.js';
import { GroupConsumer } from './group-consumer.js';
import { HEARTBEAT_MS, Membership, SESSION_MS } from './membership.js';
import { RefusalTopic } from './refusal-topic.js';
import { RETRY_BACK_OFF } from './run-until-done.js';
import { clearConsumingFailure, storeConsumingFailure } from './store-progress.js';
import { AssignmentRun } from './assignment-run.js';

export interface ConsumeDeps {
  readonly db: Db;
  readonly settings: KafkaSettings;
  readonly gateway: Gateway;
  readonly logger: Logger;
  readonly health: { failed(error: unknown): void; worked(): void };
  readonly signal: AbortSignal;
}

/**
 * Takes commands from their topic until `signal` aborts. Several processes share its partitions. An
 * offset is committed when each command before it, or its refusal, is durable. After a failure,
 * records are read again. An accepted command does not take effect again, because its key is the
 * same, and a refused one stays refused.
 */
export async function consumeCommands(deps: ConsumeDeps): Promise<void> {
  const { db, health, settings, signal } = deps;
  const { commands: topic } = topicsOf(settings);
  for (let failures = 0; !signal.aborted; failures += 1) {
    let isWorking = false;
    try {
      await consumeUntilFailure(deps, () => {
        failures = 0;
        health.worked();
        if (!isWorking) void clearConsumingFailure(db, topic).catch(() => undefined);
        isWorking = true;
      });
    } catch (error) {
      if (signal.aborted) return;
      const problem = kafkaProblem(error);
      health.failed(new Error(problem, { cause: error }));
      void storeConsumingFailure(db, topic, problem).catch(() => undefined);
    }
    await pause(backOffMs(failures + 1, RETRY_BACK_OFF), signal);
  }
}

async function consumeUntilFailure(deps: ConsumeDeps, onProgress: () => void): Promise<void> {
  const { settings, signal } = deps;
  const { commands, refused } = topicsOf(settings);
  await ensureTopics(settings, [{ name: commands, isDecompressed: true }, { name: refused }], signal);
  const consumer = new GroupConsumer({
    ...clientOptions(settings),
    groupId: commands,
    sessionTimeout: SESSION_MS,
    rebalanceTimeout: SESSION_MS,
    heartbeatInterval: HEARTBEAT_MS,
    // With retries, the client could commit late, when another member has the partitions.
    retries: 0,
  });
  const membership = new Membership(consumer);
  const refusals = new RefusalTopic(settings, refused);
  let run: AssignmentRun | undefined;
  try {
    consumer.topics.track(commands);
    await orAborted(consumer.joinGroup(), signal);
    while (!signal.aborted) {
      if (membership.whileHeld.aborted) await membership.rejoined(signal);
      else {
        run = new AssignmentRun({ ...deps, topic: commands, consumer, membership, refusals, onProgress });
        await run.work();
        membership.check();
      }
    }
  } finally {
    membership.end();
    await Promise.all([closeClient(consumer), refusals.close()]);
    await run?.allDone();
  }
}

/** Waits for `pending`. @throws if `signal` aborts first */
async function orAborted(pending: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const aborted = once(signal, 'abort', { signal: ended.signal });
  try {
    signal.throwIfAborted();
    await Promise.race([pending, aborted]);
    signal.throwIfAborted();
  } finally {
    ended.abort();
    aborted.catch(() => undefined);
    pending.catch(() => undefined);
  }
}
