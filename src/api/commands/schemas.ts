import { Type } from 'typebox';
import { Actors, closed, IfMatch, Key } from '../schemas.js';

/** Takes other headers too: every request has many that this API does not read. */
export const CreateHeaders = Type.Object({
  'idempotency-key': Type.Optional(Key),
  prefer: Type.Optional(Type.String({ description: '`respond-async`, or `wait=<seconds>` from 0 to 30' })),
  ...Actors.properties,
  'x-correlation-id': Type.Optional(Key),
});

export const CommandHeaders = Type.Object({
  ...CreateHeaders.properties,
  'if-match': Type.Optional(IfMatch),
});

export const CommandQuery = closed({
  consistency: Type.Optional(Type.Enum(['projected'], { description: 'answer when the view has caught up' })),
});

const OrderStatus = Type.Enum(['pending', 'confirmed', 'completed', 'rejected', 'cancelled', 'expired']);

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
      { description: 'with `Prefer: wait`: where the order had got to when this was answered' },
    ),
  ),
});

export const Accepted = closed({ orderId: Type.String() });
