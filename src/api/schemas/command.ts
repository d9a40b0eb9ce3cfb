import { Type } from 'typebox';
import { orderStatuses } from '../../order/order.js';
import { UpcomingDeadline } from './deadline.js';
import { ShownEffect } from './effect.js';
import { Commands, Event, Minor, Order } from './order.js';
import { Actors, closed, IfMatch, Key } from './values.js';

/** Takes other headers too: every request has many that this API does not read. */
export const CreateHeaders = Type.Object({
  'idempotency-key': Type.Optional(Key),
  prefer: Type.Optional(Type.String({ description: '`respond-async`, or `wait=<seconds>` from 0 to 30' })),
  ...Actors.properties,
  'x-correlation-id': Type.Optional(Key),
  traceparent: Type.Optional(
    Type.String({
      description: 'as in W3C Trace Context; the id of a sampled trace is kept in the events, as `traceId`',
    }),
  ),
});

export const CommandHeaders = Type.Object({
  ...CreateHeaders.properties,
  'if-match': Type.Optional(IfMatch),
});

export const CommandQuery = closed({
  consistency: Type.Optional(Type.Enum(['projected'], { description: 'answer when the view has caught up' })),
  preview: Type.Optional(
    Type.Enum(['true', 'false'], {
      description:
        'true: tells what the command would do, and changes nothing; needs `orders:read` too, and ignores `Prefer`',
    }),
  ),
});

const OrderStatus = Type.Enum([...orderStatuses]);

export const CommandAnswer = closed({
  orderId: Type.String(),
  version: Type.Integer(),
  status: OrderStatus,
  events: Type.Array(closed({ version: Type.Integer(), type: Type.String() })),
  shipmentId: Type.Optional(Type.String()),
  returnId: Type.Optional(Type.String()),
  reached: Type.Optional(
    closed(
      { version: Type.Integer(), status: OrderStatus },
      { description: 'with `Prefer: wait`: version and status of the order at the time of the answer' },
    ),
  ),
});

const Money = closed({
  total: Minor,
  authorized: Minor,
  captured: Minor,
  refunded: Minor,
  paymentStatus: Order.properties.paymentStatus,
});

export const Preview = closed(
  {
    orderId: Type.String(),
    version: Type.Integer({
      description:
        'of the order now, as in `ETag`; 0 for a create. With it as `If-Match`, the command does just this, or is answered 412',
    }),
    events: Type.Array(Event),
    effects: Type.Array(ShownEffect, {
      description: 'what the order would owe the outside world because of it',
    }),
    money: closed(
      { before: Money, after: Money },
      { description: 'after the events, and before any effect is performed' },
    ),
    deadlines: Type.Array(UpcomingDeadline, {
      description: 'those that would then be ahead, the earliest first',
    }),
    allowedCommands: Commands,
    blockedCommands: Order.properties.blockedCommands,
    order: Order,
  },
  { description: 'with `preview=true`: what the command would do' },
);

export const Accepted = closed({ orderId: Type.String() });
