import { type Static, Type } from 'typebox';
import { attentionCodes } from '../../attention/rows.js';
import { Event, Instant, Order } from '../schemas/order.js';
import { closed } from '../schemas/values.js';
import { pageSchema } from './paging.js';

const optional = Type.Optional;

/** The smallest and the greatest number that a generation of the feed may have. */
const generations = { minimum: 1, maximum: Number.MAX_SAFE_INTEGER };
const ofPosition = 'the generation of the feed in which the position was received';

export const FeedGeneration = Type.Integer({ ...generations, description: ofPosition });

/** The query parameter with the generation of `after`. */
export const GenerationParameter = optional(
  Type.Integer({ ...generations, description: `${ofPosition}; by default, the current one` }),
);

/** An event as webhooks have it. */
const CloudEvent = Type.Object(
  {
    specversion: Type.Literal('1.0'),
    id: Type.String({ description: '`<orderId>:<version>`' }),
    source: Type.String(),
    type: Type.String({ description: 'such as `order.confirmed.v1`' }),
    subject: Type.String({ description: "the order's id" }),
    time: Instant,
    sequence: Type.String({ description: 'the position' }),
    generation: Type.Integer(),
    traceparent: optional(Type.String()),
    datacontenttype: Type.Literal('application/json'),
    data: Type.Object({}, { description: 'by `payload`' }),
  },
  { description: 'an event as a CloudEvent 1.0, if the request has `payload`' },
);

export const FeedPage = closed({
  generation: Type.Integer({ description: 'the generation of the feed, to which the positions belong' }),
  commonUntil: Type.Integer({
    description: 'up to this position, the feed is the same as in the generation before',
  }),
  upTo: Type.Integer({
    description: 'the page has all chosen events up to this position: continue after it',
  }),
  ...pageSchema(Type.Union([Event, CloudEvent])).properties,
});

/** One thing that needs an operator. */
export const AttentionRow = closed({
  orderId: optional(Type.String({ description: 'absent if it is not about a single order' })),
  code: Type.Enum([...attentionCodes]),
  since: Instant,
  detail: Type.String({ description: 'what it is' }),
  remedy: Type.String({ description: 'what to do about it' }),
  attempts: optional(
    Type.Integer({ description: 'how often an effect was tried; absent while Temporal cannot be asked' }),
  ),
  nextTryAt: optional(Instant),
});
export type AttentionRow = Static<typeof AttentionRow>;

/** An order as it is now, with the list of what needs an operator. */
export const OrderWithAttention = closed({
  ...Order.properties,
  attention: optional(Type.Array(AttentionRow, { description: 'absent if nothing needs an operator' })),
});
