import { type Static, Type } from 'typebox';
import { endpointStatuses } from '../../endpoint/endpoint.js';
import { schemaVersions } from '../../order/events.js';
import { payloads } from '../../selection.js';
import { Instant } from './order.js';
import { closed, Id, Tag, Text } from './values.js';

const optional = Type.Optional;

/** What a client may set of an endpoint, except its URL. */
export const endpointSettings = {
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

export const EndpointUrl = Type.String({
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

/** An attempt to deliver an event or a test message. */
export const DeliveryAnswer = closed({
  eventId: Type.String({
    description: 'the `webhook-id`: `<orderId>:<version>`, or `test:<uuid>` for a test message',
  }),
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

export const endpointTags = ['webhook endpoints'];
