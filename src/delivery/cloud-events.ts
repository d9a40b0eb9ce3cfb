import { createHash } from 'node:crypto';
import { eventId } from '../log/event-id.js';
import type { PositionedEvent } from '../log/feed/feed.js';
import type { Payload } from '../selection.js';

/** An event in the JSON format of CloudEvents 1.0. */
export interface CloudEvent {
  readonly specversion: '1.0';
  /** `<orderId>:<version>` */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** the order's id */
  readonly subject: string;
  readonly time: string;
  /** the position in the feed, as text (CloudEvents' extension `sequence`) */
  readonly sequence: string;
  /** the generation of the feed to which the position belongs */
  readonly generation: number;
  /**
   * the event as a span of the trace of its command (CloudEvents' extension for distributed
   * tracing)
   */
  readonly traceparent?: string;
  readonly datacontenttype: 'application/json';
  readonly data: object;
}

export const cloudEventsType = 'application/cloudevents+json; charset=utf-8';

/** @param order the order after the event; only for the payload `order` */
export function cloudEventOf(
  event: PositionedEvent,
  generation: number,
  payload: Payload,
  order?: object,
): CloudEvent {
  const { orderId, version, type, schemaVersion, occurredAt, position, traceId } = event;
  const id = eventId(event);
  const data = { thin: { orderId, version }, event, order: { event, order } }[payload];
  return {
    specversion: '1.0',
    id,
    source: '/v1/orders',
    type: cloudEventType(type, schemaVersion),
    subject: orderId,
    time: occurredAt,
    sequence: String(position),
    generation,
    ...(traceId !== undefined && { traceparent: traceparentOf(traceId, id) }),
    datacontenttype: 'application/json',
    data,
  };
}

/**
 * `OrderConfirmed` of schema version 1 is `order.confirmed.v1`, `CaptureWrittenOff` is
 * `capture.written_off.v1`.
 */
export function cloudEventType(type: string, schemaVersion: number): string {
  const name = names.get(type) ?? nameOf(type);
  names.set(type, name);
  return `${name}.v${schemaVersion}`;
}

const names = new Map<string, string>();

function nameOf(type: string): string {
  const [subject = '', ...what] = type
    .replaceAll(/(?<=.)[A-Z]/g, (letter) => `_${letter}`)
    .toLowerCase()
    .split('_');
  return `${subject}.${what.join('_')}`;
}

/** A `traceparent` (W3C Trace Context), whose span id is derived from the event's id. */
function traceparentOf(traceId: string, id: string): string {
  const spanId = createHash('sha256').update(id).digest('hex').slice(0, 16);
  return `00-${traceId}-${spanId}-01`;
}
