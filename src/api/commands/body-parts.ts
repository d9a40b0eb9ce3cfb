import { Type } from 'typebox';
import { personal } from '../../sealing/fields.js';
import { LIMITS } from '../../order/commands.js';
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
} from '../schemas/values.js';

const optional = Type.Optional;

const PersonalName = personal(Name);

const Customer = closed({ id: Id, name: PersonalName, email: optional(personal(Email)) });

const Address = closed({
  name: optional(PersonalName),
  street: PersonalName,
  city: PersonalName,
  postalCode: optional(PersonalName),
  region: optional(PersonalName),
  country: personal(Country),
});

const someLines = { minItems: 1, maxItems: LIMITS.lines };

/**
 * The schemas from which the table of commands makes its bodies. A member that is marked `personal`
 * is sealed before its command is sent. A reason is not sealed: it says why staff decided as they
 * did, and stays when the customer is forgotten.
 */
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
  Note: personal(Text),
  Payment: closed({ method: personal(Key) }),
  PositiveAmount,
  Tags: Type.Array(Tag, { maxItems: LIMITS.tags }),
  Text,
};

export type BodyParts = typeof bodyParts;
