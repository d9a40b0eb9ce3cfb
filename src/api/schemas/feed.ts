import { Type } from 'typebox';
import { Event, Instant } from './order.js';
import { pageSchema } from './paging.js';
import { closed } from './values.js';

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
