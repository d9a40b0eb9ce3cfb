import type { EndpointSettings } from '../endpoint/endpoint.js';
import type { PositionedEvent } from '../log/feed/feed.js';

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
  /** of the feed, to which the position belongs */
  readonly generation: number;
  readonly datacontenttype: 'application/json';
  readonly data: object;
}

export const cloudEventsType = 'application/cloudevents+json; charset=utf-8';

/**
 * @param order after the event; for the payload `order`
 */
export function cloudEventOf(
  event: PositionedEvent,
  generation: number,
  payload: EndpointSettings['payload'],
  order?: object,
): CloudEvent {
  const { orderId, version, type, schemaVersion, occurredAt, position } = event;
  const data = { thin: { orderId, version }, event, order: { event, order } }[payload];
  return {
    specversion: '1.0',
    id: `${orderId}:${version}`,
    source: '/v1/orders',
    type: cloudEventType(type, schemaVersion),
    subject: orderId,
    time: occurredAt,
    sequence: String(position),
    generation,
    datacontenttype: 'application/json',
    data,
  };
}

/** `OrderConfirmed` of schema version 1 is `order.confirmed.v1`, `CaptureWrittenOff` is `capture.written_off.v1`. */
export function cloudEventType(type: string, schemaVersion: number): string {
  const [subject = '', ...what] = type
    .replaceAll(/(?<=.)[A-Z]/g, (letter) => `_${letter}`)
    .toLowerCase()
    .split('_');
  return `${subject}.${what.join('_')}.v${schemaVersion}`;
}
