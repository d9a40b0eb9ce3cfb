import { type TSchema, Type } from 'typebox';
import { attentionCodes } from '../../attention/rows.js';
import { closed } from '../schemas.js';

const Minor = Type.Integer({ description: 'minor units of the currency' });
const Time = Type.String({ description: 'ISO-8601 UTC' });
const optional = Type.Optional;

const LineQuantities = Type.Array(closed({ sku: Type.String(), quantity: Type.Integer() }));
const Commands = Type.Array(Type.String(), { description: 'path segments of commands that are allowed now' });

/** An order, as every query returns it. */
export const Order = closed({
  orderId: Type.String(),
  version: Type.Integer(),
  status: Type.Enum(['pending', 'confirmed', 'completed', 'rejected', 'cancelled', 'expired']),
  held: Type.Boolean(),
  holdReason: optional(Type.String()),
  cancelReason: optional(Type.String()),
  customer: closed(
    { id: Type.String(), name: Type.String(), email: optional(Type.String()) },
    {
      description:
        'Name, e-mail address, shipping address and notes begin with `sealed:` for clients without `persons:read`, ' +
        'and are `forgotten` if the person was.',
    },
  ),
  currency: Type.String(),
  lines: Type.Array(
    closed({
      sku: Type.String(),
      quantity: Type.Integer(),
      unitPrice: Minor,
      name: optional(Type.String()),
      cancelled: Type.Integer(),
      shipped: Type.Integer(),
      delivered: Type.Integer(),
      returned: Type.Integer(),
    }),
  ),
  shippingFee: Minor,
  tax: Minor,
  discount: Minor,
  total: Minor,
  shippingAddress: optional(
    closed({
      name: optional(Type.String()),
      street: Type.String(),
      city: Type.String(),
      postalCode: optional(Type.String()),
      region: optional(Type.String()),
      country: Type.String(),
    }),
  ),
  paymentStatus: Type.Enum([
    'none',
    'pending',
    'authorized',
    'partially_captured',
    'captured',
    'partially_refunded',
    'refunded',
    'voided',
  ]),
  authorized: Minor,
  captured: Minor,
  refunded: Minor,
  fulfillmentStatus: Type.Enum(['none', 'partially_shipped', 'shipped', 'partially_delivered', 'delivered']),
  shipments: Type.Array(
    closed({
      shipmentId: Type.String(),
      status: Type.Enum(['created', 'dispatched', 'delivered', 'cancelled']),
      lines: LineQuantities,
      carrier: optional(Type.String()),
      trackingNumber: optional(Type.String()),
      amount: optional(Minor),
      charge: optional(Type.Enum(['due', 'captured', 'declined', 'written_off'])),
      allowedCommands: Commands,
    }),
  ),
  returns: Type.Array(
    closed({
      returnId: Type.String(),
      status: Type.Enum(['requested', 'received']),
      lines: LineQuantities,
      reason: Type.String(),
      allowedCommands: Commands,
    }),
  ),
  refunds: Type.Array(
    closed({
      refundId: Type.String(),
      amount: Minor,
      reason: Type.String(),
      status: Type.Enum(['owed', 'refunded']),
      returnId: optional(Type.String()),
    }),
  ),
  amendment: optional(closed({ total: Minor })),
  notes: Type.Array(closed({ text: Type.String(), at: Time, actor: Type.String() })),
  tags: Type.Array(Type.String()),
  returnsUntil: optional(Time),
  allowedCommands: Commands,
  blockedCommands: Type.Record(Type.String(), Type.String(), {
    description: 'command → why it is not allowed now',
  }),
  createdAt: Time,
  updatedAt: Time,
});

/** An event of an order's log. Only the journal has `recordedAt` and `position`. */
export const Event = closed({
  orderId: Type.String(),
  version: Type.Integer(),
  type: Type.String(),
  schemaVersion: Type.Integer(),
  data: Type.Record(Type.String(), Type.Unknown()),
  occurredAt: Time,
  commandId: Type.String(),
  correlationId: Type.String(),
  causationId: Type.String(),
  actor: Type.String(),
  onBehalfOf: optional(Type.String({ description: 'for whom the actor did it; absent if for itself' })),
  recordedAt: optional(Time),
  position: optional(Type.Integer()),
});

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
  since: Time,
  detail: Type.String({ description: 'what it is' }),
  remedy: Type.String({ description: 'what to do about it' }),
  attempts: optional(
    Type.Integer({ description: 'how often an effect was tried; absent while Temporal cannot be asked' }),
  ),
  nextTryAt: optional(Time),
});

/** An order as it is now, with what about it needs a person. */
export const OrderWithAttention = closed({
  ...Order.properties,
  attention: optional(Type.Array(AttentionRow, { description: 'absent if nothing needs a person' })),
});
