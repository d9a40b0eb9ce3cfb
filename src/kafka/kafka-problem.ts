import { messageOf } from '../outages/message-of.js';

/** Whether the error is, or contains, this error of Kafka's protocol. */
export function hasCode(error: unknown, apiId: string): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if ('apiId' in error && error.apiId === apiId) return true;
  return 'errors' in error && Array.isArray(error.errors) && error.errors.some((one) => hasCode(one, apiId));
}

function reasonsOf(error: unknown): readonly unknown[] {
  const isList = error instanceof AggregateError && error.errors.length > 0;
  return isList ? error.errors.flatMap(reasonsOf) : [error];
}

/** The rights that `docs/guides/kafka.md` lists, by the resource in Kafka's message. */
const rights = {
  Topic:
    'read and write the topic of the events and the one of its checkpoints, read the topic of the commands, and write the one of the refused commands',
  Group: 'read the consumer group that has the name of the topic of the commands',
  'Transactional Id': 'write with the transactional id that has the name of the topic of the events',
  Cluster: 'create topics, unless all are there',
} as const;

/**
 * The reason of a failure in words. The client nests errors in lists, one for each attempt and each
 * part of a request.
 */
export function kafkaProblem(error: unknown): string {
  const reasons = reasonsOf(error);
  // If a request is refused for one topic, its other topics have this error.
  const reason = reasons.findLast((one) => !hasCode(one, 'OPERATION_NOT_ATTEMPTED')) ?? reasons.at(-1);
  const problem = messageOf(reason);
  const lacking = Object.entries(rights).find(([kind]) => problem.startsWith(`${kind} authorization failed`));
  return lacking === undefined ? problem : `${problem} KAFKA_USERNAME needs the right to ${lacking[1]}.`;
}
