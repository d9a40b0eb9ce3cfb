import { Admin } from '@platformatic/kafka';
import { clientOptions, withClient } from './connection.js';
import { hasCode } from './kafka-problem.js';
import type { KafkaSettings } from './settings.js';

/**
 * Maximum size of an event: the content of a request of up to one megabyte, a third more for sealed
 * values, and what the domain adds.
 */
const MAX_RECORD_BYTES = 4 * 1_048_576;

interface TopicToMake {
  readonly name: string;
  readonly isCompacted?: true;
  /**
   * Whether brokers store its records decompressed. Otherwise, producers choose the compression:
   * this client may be unable to decompress a batch, or a small batch may decompress to a huge one.
   */
  readonly isDecompressed?: true;
}

/** Creates the topics that are missing, with the brokers' default number of replicas. */
export async function ensureTopics(
  settings: KafkaSettings,
  topics: readonly TopicToMake[],
  signal?: AbortSignal,
): Promise<void> {
  await withClient(new Admin(clientOptions(settings)), signal, async (admin) => {
    const existing = new Set(await admin.listTopics());
    for (const { name, isCompacted, isDecompressed } of topics) {
      if (existing.has(name)) continue;
      await admin
        .createTopics({
          topics: [name],
          partitions: isCompacted ? 1 : settings.partitions,
          replicas: -1,
          configs: [
            isCompacted
              ? { name: 'cleanup.policy', value: 'compact' }
              : { name: 'max.message.bytes', value: String(MAX_RECORD_BYTES) },
            ...(isDecompressed ? [{ name: 'compression.type', value: 'uncompressed' }] : []),
          ],
        })
        .catch((error: unknown) => {
          // Another process has just created the topic.
          if (!hasCode(error, 'TOPIC_ALREADY_EXISTS')) throw error;
        });
    }
  });
}
