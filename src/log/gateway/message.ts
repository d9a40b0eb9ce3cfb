import { randomUUID } from 'node:crypto';
import { commandIdOf } from '../workflow/command-id.js';
import type { Message } from '../workflow/messages.js';
import { hashOf } from './derived-ids.js';

/** Who sends a command, under which key, and for which version. */
export interface CommandMeta {
  /** the scope of the key: two issuers may use the same key for different commands */
  readonly issuer: string;
  /** the `Idempotency-Key` */
  readonly key: string;
  /** true if the key was generated for this request, so it cannot be a repetition */
  readonly fresh?: boolean;
  readonly actor: string;
  /** for whom the actor acts */
  readonly onBehalfOf?: string;
  readonly correlationId: string;
  /** the id of the recorded trace that the command belongs to */
  readonly traceId?: string;
  /** refuse the command if the entity is at another version */
  readonly expectedVersion?: number;
}

/**
 * A command or a fact, as it is sent to an entity's workflow.
 *
 * @param hash the hash of the client's request; a request with the same key and another hash is
 *   refused
 */
export function messageTo<D>(
  orderId: string,
  type: string,
  data: D,
  meta: CommandMeta,
  hash = hashOf({ type, orderId, data }),
): Message<D> {
  const { actor, onBehalfOf, traceId, expectedVersion } = meta;
  return {
    data,
    ...idsOf(meta),
    hash,
    actor,
    ...(onBehalfOf !== undefined && { onBehalfOf }),
    ...(traceId !== undefined && { traceId }),
    ...(expectedVersion !== undefined && { expectedVersion }),
    requestId: randomUUID(),
  };
}

/** The ids of the message that `messageTo` makes. */
export function idsOf({
  issuer,
  key,
  correlationId,
}: CommandMeta): Pick<Message, 'commandId' | 'correlationId'> {
  return { commandId: commandIdOf(issuer, key), correlationId };
}
