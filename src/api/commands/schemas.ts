import { Type } from 'typebox';
import { limits } from '../../order/commands.js';
import {
  Amount,
  closed,
  Country,
  Currency,
  Email,
  Id,
  IfMatch,
  Key,
  Name,
  PositiveAmount,
  Quantity,
  Sku,
  Tag,
  Text,
} from '../schemas.js';

// --- bodies of commands ---

const Customer = closed({ id: Id, name: Name, email: Type.Optional(Email) });

const Address = closed({
  name: Type.Optional(Name),
  street: Name,
  city: Name,
  postalCode: Type.Optional(Name),
  region: Type.Optional(Name),
  country: Country,
});

const Payment = closed({ method: Key });

const someLines = { minItems: 1, maxItems: limits.lines };
const LineQuantities = Type.Array(closed({ sku: Sku, quantity: Quantity }), someLines);

export const CreateOrder = closed({
  id: Type.Optional(Id),
  customer: Customer,
  currency: Currency,
  lines: Type.Array(
    closed({ sku: Sku, quantity: Quantity, unitPrice: Amount, name: Type.Optional(Name) }),
    someLines,
  ),
  shippingFee: Type.Optional(Amount),
  tax: Type.Optional(Amount),
  discount: Type.Optional(Amount),
  shippingAddress: Type.Optional(Address),
  payment: Payment,
  note: Type.Optional(Text),
  tags: Type.Optional(Type.Array(Tag, { maxItems: limits.tags })),
});

export const Nothing = closed({});
export const Reason = closed({ reason: Text });
export const AmendOrder = closed({
  lines: Type.Optional(
    Type.Array(
      closed({
        sku: Sku,
        quantity: Quantity,
        unitPrice: Type.Optional(Amount),
        name: Type.Optional(Name),
      }),
      someLines,
    ),
  ),
  shippingAddress: Type.Optional(Address),
});
export const CreateShipment = closed({ lines: Type.Optional(LineQuantities) });
export const DispatchShipment = closed({ carrier: Name, trackingNumber: Name });
export const CapturePayment = closed({ payment: Type.Optional(Payment) });
export const RequestReturn = closed({ lines: LineQuantities, reason: Text });
export const RefundPayment = closed({ amount: PositiveAmount, reason: Text });
export const AddNote = closed({ text: Text });

// --- what goes with them ---

/** Open: a request has many headers that are none of ours. */
export const CreateHeaders = Type.Object({
  'idempotency-key': Type.Optional(Key),
  prefer: Type.Optional(Type.String({ description: '`respond-async`, or `wait=<seconds>` from 0 to 30' })),
  'x-actor': Type.Optional(Key),
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
