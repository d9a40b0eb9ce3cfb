import { Client } from '@temporalio/client';
import { consumeCommands } from '../../src/api/commands/kafka/consume-commands.js';
import { namespaceIdOf } from '../../src/api/operations/system.js';
import { publishFeed } from '../../src/delivery/kafka/publishing.js';
import type { KafkaSettings } from '../../src/kafka/settings.js';
import { runLeasedTasks } from '../../src/log/leases/leased-tasks.js';
import { healthIn } from '../../src/server/logging/log-changes.js';
import { gatewayOf } from './gateway.js';
import type { RoleContext, RunningRole } from './role.js';

const ID_WITHIN_MS = 2_000;

/**
 * The role `kafka`: publishes the feed to Kafka, and takes commands from it. Any number of
 * processes may run. One of them publishes while the others stand by, and all of them take
 * commands.
 */
export function startKafka(context: RoleContext, settings: KafkaSettings): RunningRole {
  const { config, logger, mongo, tail, temporal: connection } = context;
  const { db } = mongo;
  const { namespace } = config.temporal;
  const stopping = new AbortController();
  const { signal } = stopping;
  const healthOf = healthIn(logger);
  const client = new Client({ connection, namespace });
  mongo.keyStore.keepSpares();
  // While Temporal is unavailable, the system's id is unknown, and publishing continues without the
  // id.
  const system = async () => {
    const id = await namespaceIdOf(connection, namespace, ID_WITHIN_MS).catch(() => undefined);
    return id && `${id}/${config.mongodb.db}`;
  };
  const tasks = [publishFeed({ db, tail, settings, system })];
  const publishing = runLeasedTasks({ db, tasks, signal, healthOf });
  const consuming = consumeCommands({
    db,
    settings,
    gateway: gatewayOf({ client, config, mongo, logger }),
    logger,
    health: healthOf('take-kafka-commands'),
    signal,
  });
  return {
    async stop() {
      stopping.abort();
      await Promise.all([publishing, consuming]);
    },
  };
}
