import { type Static, Type } from 'typebox';
import { endpointStatuses } from '../../endpoint/endpoint.js';
import { schemaVersions } from '../../order/events.js';
import { payloads } from '../../order/selection.js';
import { Instant } from './order.js';
import { closed, Id, Tag, Text } from './values.js';

const optional = Type.Optional;

/** What a client may set of an endpoint, except its URL. */
export const settings = {
  events: optional(
    Type.Array(Type.Enum(Object.keys(schemaVersions)), {
      maxItems: 100,
      description: 'types of events, such as OrderConfirmed; empty for all',
    }),
  ),
  customers: optional(
    Type.Array(Id, { maxItems: 1_000, description: 'only events of their orders; empty for all' }),
  ),
  tags: optional(
    Type.Array(Tag, {
      maxItems: 100,
      description: 'only events of orders with one of them; empty for all',
    }),
  ),
  payload: optional(
    Type.Enum([...payloads], {
      description: 'ids alone, the event (by default), or the event with the order after it',
    }),
  ),
  description: optional(Text),
  perSecond: optional(
    Type.Integer({ minimum: 1, maximum: 1_000, description: 'deliveries a second, at most' }),
  ),
};

export const Url = Type.String({
  maxLength: 2_000,
  description: 'absolute, https; with WEBHOOKS_ALLOW_PRIVATE=on also http',
});

export const EndpointAnswer = closed({
  endpointId: Type.String(),
  version: Type.Integer(),
  status: Type.Enum([...endpointStatuses]),
  disabledBecause: optional(Type.String()),
  url: Type.String(),
  events: Type.Array(Type.String()),
  customers: Type.Array(Type.String()),
  tags: Type.Array(Type.String()),
  payload: Type.Enum([...payloads]),
  description: optional(Type.String()),
  perSecond: optional(Type.Integer()),
  updatedAt: Instant,
});
export type EndpointAnswer = Static<typeof EndpointAnswer>;

export const EndpointWithSecret = closed({
  ...EndpointAnswer.properties,
  secret: Type.String({
    description:
      'the secret, in the format of Standard Webhooks: `whsec_` and base64; no other answer has it again',
  }),
});
export type EndpointWithSecret = Static<typeof EndpointWithSecret>;

export const EndpointPath = closed({ endpointId: Id });

/** An attempt to deliver an event. */
export const DeliveryAnswer = closed({
  eventId: Type.String({ description: '`<orderId>:<version>`, the `webhook-id`' }),
  type: Type.String(),
  position: optional(Type.Integer()),
  at: Instant,
  ms: Type.Integer({ description: 'how long it took' }),
  isDelivered: Type.Boolean(),
  status: optional(Type.Integer({ description: 'the HTTP status; absent without an answer' })),
  error: optional(Type.String({ description: 'why there is no answer' })),
  answer: optional(Type.String({ description: 'its first 1,024 bytes' })),
});
export type DeliveryAnswer = Static<typeof DeliveryAnswer>;

/** How far a subscription of the feed has come. */
export const Subscription = closed({
  name: Type.String({ description: "the endpoint's id, `kafka`, or the name of a reader" }),
  kind: Type.Enum(['webhook', 'kafka', 'reader']),
  to: Type.String({ description: 'the URL, the topic, or the client that reads' }),
  status: Type.Enum([...endpointStatuses]),
  generation: Type.Integer(),
  position: Type.Integer({ description: 'everything up to it was delivered or handled, or waits' }),
  lag: Type.Integer({ description: 'events of the feed after the position' }),
  waiting: Type.Integer({ description: 'events that are tried again later, or wait for one that is' }),
  parked: Type.Integer({ description: 'events that are not tried again by themselves' }),
  delivered: Type.Integer({ description: 'deliveries that were acknowledged; of a reader, its position' }),
  failures: Type.Integer({ description: 'attempts in a row that failed' }),
  failingSince: optional(Instant),
  lastSuccessAt: optional(Instant),
  restUntil: optional(Type.String({ description: 'nothing is sent before' })),
});
export type Subscription = Static<typeof Subscription>;

export const tags = ['webhook endpoints'];
