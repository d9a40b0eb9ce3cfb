import type { KafkaSettings } from '../src/delivery/kafka/connection.js';
import { publishFeed } from '../src/delivery/kafka/publishing.js';
import { runLeasedTasks } from '../src/log/feed/leased-tasks.js';
import type { RoleContext, RunningRole } from './role.js';
import { healthIn } from './task-health.js';

/**
 * The role `kafka`: publishes the feed in Kafka. Any number of processes may run: one publishes, the
 * others stand by.
 */
export function startKafka({ logger, mongo, tail }: RoleContext, settings: KafkaSettings): RunningRole {
  const { db } = mongo;
  const stopping = new AbortController();
  const { signal } = stopping;
  const tasks = [publishFeed({ db, tail, settings })];
  const publishing = runLeasedTasks({ db, tasks, signal, healthOf: healthIn(logger) });
  return {
    async stop() {
      stopping.abort();
      await publishing;
    },
  };
}
