import { type Static, Type } from 'typebox';
import { attentionCodes } from '../../attention/rows.js';
import { Instant, Order } from './order.js';
import { closed } from './values.js';

const optional = Type.Optional;

/** One thing that needs an operator. */
export const AttentionRow = closed({
  orderId: optional(Type.String({ description: 'absent if it is not about a single order' })),
  code: Type.Enum([...attentionCodes]),
  since: Instant,
  detail: Type.String({ description: 'what it is' }),
  remedy: Type.String({ description: 'what to do about it' }),
  attempts: optional(
    Type.Integer({
      description: 'how many times an effect was tried; absent while Temporal cannot be asked',
    }),
  ),
  nextTryAt: optional(Instant),
});
export type AttentionRow = Static<typeof AttentionRow>;

/** An order as it is now, with the list of what needs an operator. */
export const OrderWithAttention = closed({
  ...Order.properties,
  attention: optional(Type.Array(AttentionRow, { description: 'absent if nothing needs an operator' })),
});
