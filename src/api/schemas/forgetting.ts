import { type Static, Type } from 'typebox';
import { type ForgettingRow, forgettingStatuses } from '../../forgetting/forgettings.js';
import { HttpProblem } from '../problem.js';
import { Instant } from './order.js';
import { closed } from './values.js';

const Texts = Type.Array(Type.String());

const Certificate = closed(
  {
    forgettingId: Type.String(),
    customerId: Type.String(),
    reason: Type.String(),
    lawfulBasis: Type.Optional(Type.String()),
    actor: Type.String({ description: 'who asked for it' }),
    onBehalfOf: Type.Optional(Type.String({ description: 'for whom' })),
    requestedAt: Instant,
    forgottenAt: Instant,
    keys: Type.Unsafe<readonly string[]>(
      Type.Array(Type.String(), { description: 'ids of the destroyed keys' }),
    ),
    orders: Type.Integer({ description: 'number of orders whose personal data is forgotten' }),
    places: Type.Array(
      closed({
        place: Type.String({ description: 'a place that held the values' }),
        finding: Type.String({ description: 'what it holds now' }),
        checked: Type.String({ description: 'how that was found out' }),
        count: Type.Integer({ description: 'how many things were looked at' }),
      }),
    ),
    notReached: Type.Array(
      closed({ what: Type.String(), why: Type.String(), orders: Type.Optional(Texts) }),
      { description: 'what the forgetting cannot reach' },
    ),
  },
  { description: 'for people; `jws` is the proof' },
);

/** The state of a forgetting, and its certificate once it is done. */
export const ForgettingAnswer = closed({
  forgettingId: Type.String(),
  customerId: Type.String(),
  status: Type.Enum([...forgettingStatuses], {
    description: '`waiting`: for open orders; `refused`: because of them',
  }),
  reason: Type.String(),
  lawfulBasis: Type.Optional(Type.String()),
  requestedAt: Instant,
  openOrders: Type.Optional(
    closed({ count: Type.Integer(), orderIds: Texts }, { description: 'the first hundred' }),
  ),
  certificate: Type.Optional(Certificate),
  jws: Type.Optional(
    Type.String({
      description: 'the certificate as a compact JWS, signed with Ed25519 (RFC 7515, RFC 8037)',
    }),
  ),
  publicKey: Type.Optional(
    Type.Object(
      { kty: Type.String(), crv: Type.String(), x: Type.String() },
      { description: 'JWK of the key that signed it' },
    ),
  ),
});

export function forgettingAnswer({
  _id: forgettingId,
  customerId,
  status,
  reason,
  lawfulBasis,
  requestedAt,
  open,
  certificate: signed,
}: ForgettingRow): Static<typeof ForgettingAnswer> {
  // The cast is needed because the arrays in the type of the schema are not readonly.
  return {
    forgettingId,
    customerId,
    status,
    reason,
    ...(lawfulBasis !== undefined && { lawfulBasis }),
    requestedAt,
    ...(open !== undefined && { openOrders: open }),
    ...signed,
  } as Static<typeof ForgettingAnswer>;
}

export function noCustomer(customerId: string): HttpProblem {
  return new HttpProblem(404, 'customer_not_found', `There is no order of a customer ${customerId}.`);
}
