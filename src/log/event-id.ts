import type { Envelope } from './event.js';

/* Ids that begin with an entity's id and a colon. An entity's id has no colon. */

/** What the id of an event consists of. */
type Event = Pick<Envelope, 'orderId' | 'version'>;

/** The id of an event, in the journal and for receivers. */
export function eventId({ orderId, version }: Event): string {
  return `${orderId}:${version}`;
}

/** The parts of an event's id; undefined if it is the id of something else. */
export function eventOfId(id: string): Event | undefined {
  const [, orderId, version] = /^([^:]+):(\d+)$/.exec(id) ?? [];
  return orderId === undefined ? undefined : { orderId, version: Number(version) };
}

/**
 * MongoDB's expression for the entity's id in the id of an event.
 *
 * @param field path of the field with the event's id, such as `$_id`
 */
export function entityIdIn(field: string) {
  return { $first: { $split: [field, ':'] } };
}

/** MongoDB's filter for the ids of an entity's events, or for the keys of its effects. */
export function idsOfEntity(orderId: string) {
  // `;` is the character after `:`.
  return { $gte: `${orderId}:`, $lt: `${orderId};` };
}
