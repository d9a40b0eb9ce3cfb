import { Type } from 'typebox';
import { cloudEventType } from '../../delivery/cloud-events.js';
import { testEventType } from '../../delivery/webhooks/operator-actions.js';
import { eventMeanings, type EventType, schemaVersions } from '../../order/events.js';
import { Event, Order } from '../schemas/order.js';
import { closed } from '../schemas/values.js';
import { Problem } from '../problem.js';
import { type AsyncChannels, kafkaChannels, messagesOf } from './asyncapi-kafka.js';
import { eventSchemas } from './event-schemas.js';

/**
 * The AsyncAPI document: every event, and the channels that deliver events. Events, orders and
 * problems have the same schemas as in the OpenAPI document, so the two cannot differ.
 */
export function asyncApi(): object {
  const parts: readonly AsyncChannels[] = [
    streams,
    webhooks,
    kafkaChannels(types.map((type) => [type, { ...eventMessage(type), payload: anyPayload(type) }])),
  ];
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Orders',
      version: '1',
      description:
        'The events of orders, in each channel that delivers them. An event has the same position in each. Personal data is sealed. ' +
        'Requests and their answers are in `/openapi.json`, where `/docs` has the meaning of each error.',
    },
    defaultContentType: 'application/json',
    channels: Object.assign({}, ...parts.map(({ channels }) => channels)),
    operations: Object.assign({}, ...parts.map(({ operations }) => operations)),
    components: {
      schemas: {
        ...eventSchemas,
        ...Object.fromEntries(types.map((type) => [`${type}.event`, event(type)])),
        Order,
        Problem,
      },
      messages: Object.assign({}, ...parts.map(({ messages }) => messages)),
    },
  };
}

// The keys of the catalogue are the types of events.
const types = Object.keys(schemaVersions) as EventType[];

function cloudTypeOf(type: EventType): string {
  return cloudEventType(type, schemaVersions[type]);
}

/** An event with its data, as the feed has it. */
function event(type: EventType): object {
  return closed({
    ...Event.properties,
    type: Type.Literal(type),
    schemaVersion: Type.Literal(schemaVersions[type]),
    data: Type.Unsafe({ $ref: `#/components/schemas/${type}` }),
  });
}

function eventMessage(type: EventType): object {
  return {
    name: type,
    title: type,
    summary: eventMeanings[type],
    contentType: 'application/json',
    correlationId: { location: '$message.payload#/correlationId' },
    payload: { $ref: `#/components/schemas/${type}.event` },
  };
}

/** The data of an event, in each form that `payload` can select. */
function anyPayload(type: EventType) {
  const stored = Type.Unsafe({ $ref: `#/components/schemas/${type}.event` });
  const order = Type.Unsafe({ $ref: '#/components/schemas/Order' });
  return Type.Union([
    closed({ orderId: Type.String(), version: Type.Integer() }, { description: 'payload `thin`' }),
    stored,
    closed(
      { event: stored, order: Type.Optional(order) },
      { description: 'payload `order`: the order after the event; absent if it cannot be read' },
    ),
  ]);
}

function cloudEventMessage(type: EventType): object {
  return {
    name: cloudTypeOf(type),
    title: `${type} as a CloudEvent`,
    summary: eventMeanings[type],
    contentType: 'application/cloudevents+json',
    payload: closed({
      ...cloudEvent(cloudTypeOf(type), '/v1/orders'),
      sequence: Type.String({ description: 'the position in the feed' }),
      generation: Type.Integer({ description: 'the generation of the feed, to which the position belongs' }),
      traceparent: Type.Optional(
        Type.String({
          description: 'as in W3C Trace Context; absent if the command belonged to no sampled trace',
        }),
      ),
      data: anyPayload(type),
    }),
  };
}

const testMessage = {
  name: testEventType,
  title: 'A test message, which somebody has requested',
  contentType: 'application/cloudevents+json',
  payload: closed({ ...cloudEvent(testEventType, '/v1/webhook-endpoints'), data: closed({}) }),
};

/** The members of every message in the JSON format of CloudEvents 1.0. */
function cloudEvent(type: string, source: string) {
  return {
    specversion: Type.Literal('1.0'),
    id: Type.String({
      description:
        '`<orderId>:<version>` for an event, `test:<uuid>` for a test message; the same in each delivery',
    }),
    source: Type.Literal(source),
    type: Type.Literal(type),
    subject: Type.String({ description: 'the id of the order, or of the endpoint' }),
    time: Type.String({ format: 'date-time' }),
    datacontenttype: Type.Literal('application/json'),
  };
}

const httpGet = { http: { method: 'GET', bindingVersion: '0.3.0' } };

/** Server-Sent Events. */
const streams: AsyncChannels = {
  channels: {
    feed: {
      address: '/v1/events/stream',
      title: 'The feed, live',
      description:
        'Server-Sent Events. The `id` of each is its position, or `<position>@<generation>` in a later generation ' +
        'of the feed; the stream continues after `Last-Event-ID`. With `payload`, events come as CloudEvents; `types`, ' +
        '`customers` and `tags` filter them.',
      messages: messagesOf([...types, ...types.map(cloudTypeOf)]),
    },
    order: {
      address: '/v1/orders/{orderId}/stream',
      title: 'The log of an order, live',
      description:
        'Server-Sent Events. The `id` of each is its version; the stream continues after `Last-Event-ID`.',
      parameters: { orderId: { description: 'the id of the order' } },
      messages: messagesOf(types),
    },
  },
  operations: {
    streamFeed: { action: 'send', channel: { $ref: '#/channels/feed' }, bindings: httpGet },
    streamOrder: { action: 'send', channel: { $ref: '#/channels/order' }, bindings: httpGet },
  },
  messages: Object.fromEntries(types.map((type) => [type, eventMessage(type)])),
};

const webhooks: AsyncChannels = {
  channels: {
    webhooks: {
      address: null,
      title: 'Webhooks out',
      description:
        'The URL of each endpoint (`/v1/webhook-endpoints`). Messages are signed by the scheme of Standard Webhooks; ' +
        'any status from 200 to 299 acknowledges. At least once, and in order within an order.',
      messages: messagesOf([...types.map(cloudTypeOf), testEventType]),
    },
  },
  operations: {
    deliverWebhooks: {
      action: 'send',
      channel: { $ref: '#/channels/webhooks' },
      bindings: { http: { method: 'POST', bindingVersion: '0.3.0' } },
    },
  },
  messages: Object.fromEntries([
    ...types.map((type) => [cloudTypeOf(type), cloudEventMessage(type)]),
    [testEventType, testMessage],
  ]),
};
