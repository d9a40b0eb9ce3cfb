import { type TSchema, Type } from 'typebox';
import {
  chargeStatuses,
  type Label as OrderLabel,
  orderStatuses,
  returnStatuses,
  shipmentStatuses,
} from '../../order/order.js';
import { fulfillmentStatuses, type OrderView, paymentStatuses } from '../../order/view.js';
import { closed } from './values.js';

export const Minor = Type.Integer({ description: 'minor units of the currency' });
export const Instant = Type.String({ description: 'ISO-8601 UTC' });
const optional = Type.Optional;

const LineQuantities = Type.Array(closed({ sku: Type.String(), quantity: Type.Integer() }));
/** The state of a shipment's label; absent if none was requested. */
const Label = closed({
  status: Type.Enum(['requested', 'booked', 'refused'] satisfies OrderLabel['status'][]),
  carrier: optional(Type.String()),
  trackingNumber: optional(Type.String({ description: 'once it is booked' })),
  labelUrl: optional(
    Type.String({ description: 'the address of the label for printing; absent if the carrier gave none' }),
  ),
  code: optional(Type.String({ description: 'why it was refused' })),
});

export const Commands = Type.Array(Type.String(), {
  description: 'path segments of commands that are allowed now',
});

/** A schema for each member of a view; a member without a schema would be missing from answers. */
type Members<T> = Record<keyof T, TSchema>;

/** An order, as every query and every preview shows it. */
export const Order = closed({
  orderId: Type.String(),
  version: Type.Integer(),
  status: Type.Enum([...orderStatuses]),
  held: Type.Boolean(),
  holdReason: optional(Type.String()),
  cancelReason: optional(Type.String()),
  customer: closed(
    { id: Type.String(), name: Type.String(), email: optional(Type.String()) },
    {
      description:
        'Name, e-mail address, shipping address and notes begin with `sealed:` for clients without `persons:read`, ' +
        'and are `forgotten` if the customer was.',
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
    } satisfies Members<OrderView['lines'][number]>),
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
  paymentStatus: Type.Enum([...paymentStatuses]),
  authorized: Minor,
  captured: Minor,
  refunded: Minor,
  fulfillmentStatus: Type.Enum([...fulfillmentStatuses]),
  shipments: Type.Array(
    closed({
      shipmentId: Type.String(),
      status: Type.Enum([...shipmentStatuses]),
      lines: LineQuantities,
      label: optional(Label),
      carrier: optional(Type.String()),
      trackingNumber: optional(Type.String()),
      amount: optional(Minor),
      charge: optional(Type.Enum([...chargeStatuses])),
      allowedCommands: Commands,
    } satisfies Members<OrderView['shipments'][number]>),
  ),
  returns: Type.Array(
    closed({
      returnId: Type.String(),
      status: Type.Enum([...returnStatuses]),
      lines: LineQuantities,
      reason: Type.String(),
      allowedCommands: Commands,
    } satisfies Members<OrderView['returns'][number]>),
  ),
  refunds: Type.Array(
    closed({
      refundId: Type.String(),
      amount: Minor,
      reason: Type.String(),
      status: Type.Enum(['owed', 'refunded']),
      returnId: optional(Type.String()),
    } satisfies Members<OrderView['refunds'][number]>),
  ),
  amendment: optional(closed({ total: Minor })),
  notes: Type.Array(closed({ text: Type.String(), at: Instant, actor: Type.String() })),
  tags: Type.Array(Type.String()),
  returnsUntil: optional(Instant),
  allowedCommands: Commands,
  blockedCommands: Type.Record(Type.String(), Type.String(), {
    description: 'command → why it is not allowed now',
  }),
  createdAt: Instant,
  updatedAt: Instant,
} satisfies Members<OrderView>);

/** An event of an order's log. Only the journal has `recordedAt` and `position`. */
export const Event = closed({
  orderId: Type.String(),
  version: Type.Integer(),
  type: Type.String(),
  schemaVersion: Type.Integer(),
  data: Type.Record(Type.String(), Type.Unknown()),
  occurredAt: Instant,
  commandId: Type.String(),
  correlationId: Type.String(),
  causationId: Type.String(),
  actor: Type.String(),
  onBehalfOf: optional(Type.String({ description: 'for whom the actor did it; absent if for itself' })),
  traceId: optional(
    Type.String({
      description: 'the id of the trace that the command belongs to; absent if it belongs to none',
    }),
  ),
  recordedAt: optional(Instant),
  position: optional(Type.Integer()),
});
