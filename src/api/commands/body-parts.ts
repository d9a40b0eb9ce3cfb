import { Type } from 'typebox';
import { limits } from '../../order/commands.js';
import {
  Amount,
  closed,
  Country,
  Currency,
  Email,
  Id,
  Key,
  Name,
  PositiveAmount,
  Quantity,
  Sku,
  Tag,
  Text,
} from '../schemas.js';

const optional = Type.Optional;

const Customer = closed({ id: Id, name: Name, email: optional(Email) });

const Address = closed({
  name: optional(Name),
  street: Name,
  city: Name,
  postalCode: optional(Name),
  region: optional(Name),
  country: Country,
});

const someLines = { minItems: 1, maxItems: limits.lines };

/** The schemas from which the table of commands makes its bodies. */
export const bodyParts = {
  closed,
  optional,
  Address,
  AmendedLines: Type.Array(
    closed({ sku: Sku, quantity: Quantity, unitPrice: optional(Amount), name: optional(Name) }),
    someLines,
  ),
  Amount,
  Currency,
  Customer,
  Id,
  LineQuantities: Type.Array(closed({ sku: Sku, quantity: Quantity }), someLines),
  Name,
  NewLines: Type.Array(
    closed({ sku: Sku, quantity: Quantity, unitPrice: Amount, name: optional(Name) }),
    someLines,
  ),
  Payment: closed({ method: Key }),
  PositiveAmount,
  Tags: Type.Array(Tag, { maxItems: limits.tags }),
  Text,
};

export type BodyParts = typeof bodyParts;
