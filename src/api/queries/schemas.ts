import { type TSchema, Type } from 'typebox';
import { attentionCodes } from '../../attention/rows.js';
import { Event, Instant, Order } from '../order-shapes.js';
import { closed } from '../schemas.js';

const optional = Type.Optional;

/** A page of a collection. */
export function page<T extends TSchema>(item: T) {
  return closed({
    data: Type.Array(item),
    nextCursor: optional(Type.String({ description: 'absent on the last page' })),
  });
}

/** A page of the feed. */
export const FeedPage = closed({
  generation: Type.Integer({ description: 'of the feed; a position belongs to one of them' }),
  commonUntil: Type.Integer({
    description: 'up to this position, the feed is the same as in the generation before',
  }),
  ...page(Event).properties,
});

/** One thing that needs a person. */
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

/** An order as it is now, with what about it needs a person. */
export const OrderWithAttention = closed({
  ...Order.properties,
  attention: optional(Type.Array(AttentionRow, { description: 'absent if nothing needs a person' })),
});
