import { publishFeed } from '../src/delivery/kafka/publishing.js';
import type { KafkaSettings } from '../src/delivery/kafka/connection.js';
import { doStanding } from '../src/log/feed/standing.js';
import { logChanges } from '../src/server/log-changes.js';
import type { RoleContext } from './role.js';
import type { RunningWorker } from './worker.js';

/**
 * The role `kafka`: publishes the feed in Kafka. Any number of processes may run: one publishes, the
 * others stand by.
 */
export function startKafka({ logger, mongo, tail }: RoleContext, settings: KafkaSettings): RunningWorker {
  const { db } = mongo;
  const stopping = new AbortController();
  const { signal } = stopping;
  const report = (task: string) =>
    logChanges(logger, {
      fails: (problem) => `The task ${task} fails: ${problem}. It is tried again until it works.`,
      works: `The task ${task} works again.`,
    });
  const stood = doStanding({ db, tasks: [publishFeed({ db, tail, settings })], signal, report });
  return {
    ready: Promise.resolve(),
    async stop() {
      stopping.abort();
      await stood;
    },
  };
}
