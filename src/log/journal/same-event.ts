import { isDeepStrictEqual } from 'node:util';
import type { StoredEvent } from '../entity.js';
import { asStored } from '../../mongodb/as-stored.js';
import type { AnyLog } from '../entity-log/entity-log.js';

/**
 * True if two events have the same content in their current shape. The order of keys, the journal's
 * own fields, the schema version in which each was written, and the trace do not count. A worker
 * that replays an older worker's decision makes the event in its own schema version, and with a
 * trace that the older worker did not know.
 */
export function isSameEvent(
  { entity }: Pick<AnyLog, 'entity'>,
  one: StoredEvent,
  other: StoredEvent,
): boolean {
  return isDeepStrictEqual(content(entity, one), content(entity, other));
}

const CONTENT = [
  'orderId',
  'version',
  'type',
  'data',
  'occurredAt',
  'commandId',
  'correlationId',
  'causationId',
  'actor',
  'onBehalfOf',
] as const;

function content(entity: AnyLog['entity'], stored: StoredEvent): unknown {
  const event = entity.upcast(stored);
  return asStored(Object.fromEntries(CONTENT.map((name) => [name, event[name]])));
}
