import { randomUUID } from 'node:crypto';
import { commandIdOf } from '../../../log/workflow/command-id.js';
import type { Message } from '../../../log/workflow/messages.js';
import type { CommandType, Fact } from '../../../order/commands.js';
import type { CommandMeta } from './gateway.js';
import { hashOf } from './identity.js';

/**
 * A client's message to an entity's workflow.
 *
 * @param hash the hash of the client's request; a request with the same key and another hash is
 *   refused
 */
export function messageWith<D>(data: D, hash: string, meta: CommandMeta): Message<D> {
  const { issuer, key, correlationId, actor, onBehalfOf, traceId, expectedVersion } = meta;
  return {
    data,
    commandId: commandIdOf(issuer, key),
    hash,
    correlationId,
    actor,
    ...(onBehalfOf !== undefined && { onBehalfOf }),
    ...(traceId !== undefined && { traceId }),
    ...(expectedVersion !== undefined && { expectedVersion }),
    requestId: randomUUID(),
  };
}

/** A command or a fact, as it is sent to an order's workflow. */
export function messageTo<D>(
  orderId: string,
  type: CommandType | Fact['type'],
  data: D,
  meta: CommandMeta,
): Message<D> {
  return messageWith(data, hashOf({ type, orderId, data }), meta);
}

/** The ids of the message that `messageWith` makes. */
export function idsOf({
  issuer,
  key,
  correlationId,
}: CommandMeta): Pick<Message, 'commandId' | 'correlationId'> {
  return { commandId: commandIdOf(issuer, key), correlationId };
}
