import { type Static, type TSchema, Type } from 'typebox';
import type { Fact } from '../../order/commands.js';
import type { Secrets } from '../../server/config/secrets.js';
import { HttpProblem, problemResponses } from '../problem.js';
import { closed, Id, Key, Name } from '../schemas/values.js';
import { verifySignatures } from '../requests/signed-bodies.js';
import { checkAgainst } from '../requests/validation.js';
import type { Http } from '../http.js';
import { problemOf } from './answers.js';
import type { CommandMeta } from '../../log/gateway/message.js';
import type { CommandResult, Gateway } from './gateway/gateway.js';

export interface IncomingWebhookDeps {
  readonly gateway: Gateway;
  /** Standard Webhooks secrets, `whsec_` and base64; a signature of any of them is accepted */
  readonly secrets: { readonly payments: Secrets; readonly carriers: Secrets };
}

/**
 * Receives webhooks of the payment provider and of carriers, signed by the Standard Webhooks scheme
 * (standardwebhooks.com). The id of a message is the key of its command, so a repeated delivery
 * changes nothing. If a fact is accepted, it is durable as a signal before the answer.
 */
export function registerIncomingWebhooks(app: Http, { gateway, secrets }: IncomingWebhookDeps): void {
  registerWebhook(app, gateway, {
    sender: 'payments',
    secrets: secrets.payments,
    summary: 'The payment provider settles a pending payment',
    types:
      '`payment.authorized`, or `payment.declined` with a `code` that says why. `reference` is the ' +
      'idempotency key of the authorization, `<orderId>:authorize:<version>`: it identifies one of the order’s ' +
      'payments. `authorizationId` is the provider’s own id of it.',
    factIn: paymentFact,
  });
  registerWebhook(app, gateway, {
    sender: 'carriers',
    secrets: secrets.carriers,
    summary: 'A carrier tracks a shipment',
    types: '`shipment.dispatched`, with `carrier` and `trackingNumber`, or `shipment.delivered`.',
    factIn: carrierFact,
  });
}

interface Webhook {
  /** the actor, and the last part of the path */
  readonly sender: 'payments' | 'carriers';
  readonly secrets: Secrets;
  readonly summary: string;
  /** describes the types of messages that are known */
  readonly types: string;
  /**
   * The fact in a message; undefined for a message of an unknown type.
   *
   * @throws HttpProblem 400 if the message does not have the shape of its type
   */
  readonly factIn: (message: Static<typeof SignedEvent>) => FactOfOrder | undefined;
}

interface FactOfOrder {
  readonly orderId: string;
  readonly fact: Fact;
}

function registerWebhook(
  app: Http,
  gateway: Gateway,
  { sender, secrets, summary, types, factIn }: Webhook,
): void {
  void app.register(async (scope: Http) => {
    verifySignatures(scope, secrets);
    scope.post(
      `/v1/webhooks/${sender}`,
      {
        config: { access: 'signed', work: 'message' },
        schema: { summary, ...webhook, description: `${types} ${webhook.description}` },
      },
      async (request, reply) => {
        const found = factIn(request.body);
        if (found !== undefined)
          refuseUnlessTaken(await gateway.fact(found.orderId, found.fact, metaOfWebhook(request, sender)));
        return await reply.code(202).send({});
      },
    );
  });
}

/** What all messages have in common. Nothing else is known about a message of an unknown type. */
const SignedEvent = Type.Object({
  type: Name,
  data: Type.Optional(Type.Unknown({ description: 'by its type: of an order, a payment or a shipment' })),
});

/** Senders may add members, so the schema is open, and requires only the members that are used. */
const PaymentEvent = Type.Object({
  type: Name,
  data: Type.Object({ orderId: Id, reference: Key, authorizationId: Key, code: Type.Optional(Name) }),
});

const CarrierEvent = Type.Object({
  type: Name,
  data: Type.Object({
    orderId: Id,
    shipmentId: Id,
    carrier: Type.Optional(Name),
    trackingNumber: Type.Optional(Name),
  }),
});

const webhook = {
  description: 'Types that are not known are acknowledged, and change nothing.',
  tags: ['webhooks'],
  headers: Type.Object({
    'webhook-id': Key,
    'webhook-timestamp': Type.String(),
    'webhook-signature': Type.String(),
  }),
  body: SignedEvent,
  response: { 202: closed({}), ...problemResponses(400, 401, 404, 413, 415, 503) },
};

const paymentOutcomes: ReadonlyMap<string, 'authorized' | 'declined'> = new Map([
  ['payment.authorized', 'authorized'],
  ['payment.declined', 'declined'],
]);

function paymentFact(message: Static<typeof SignedEvent>): FactOfOrder | undefined {
  const outcome = paymentOutcomes.get(message.type);
  if (outcome === undefined) return undefined;
  const { orderId, reference, authorizationId, code } = read(PaymentEvent, message).data;
  const data = { reference, authorizationId, outcome, ...(code === undefined ? {} : { code }) };
  return { orderId, fact: { type: 'PaymentSettled', data } };
}

const delivered = 'shipment.delivered';
const carrierTypes: ReadonlySet<string> = new Set(['shipment.dispatched', delivered]);

function carrierFact(message: Static<typeof SignedEvent>): FactOfOrder | undefined {
  const { type } = message;
  if (!carrierTypes.has(type)) return undefined;
  const { orderId, shipmentId, carrier, trackingNumber } = read(CarrierEvent, message).data;
  if (type === delivered) return { orderId, fact: { type: 'ShipmentDelivered', data: { shipmentId } } };
  if (carrier !== undefined && trackingNumber !== undefined) {
    return { orderId, fact: { type: 'ShipmentDispatched', data: { shipmentId, carrier, trackingNumber } } };
  }
  const missing = Object.entries({ carrier, trackingNumber }).filter(([, value]) => value === undefined);
  const errors = missing.map(([name]) => ({
    pointer: `/data/${name}`,
    in: 'body' as const,
    detail: 'is required',
  }));
  throw new HttpProblem(400, 'invalid_request', 'shipment.dispatched needs a carrier and a trackingNumber.', {
    errors,
  });
}

/** @throws HttpProblem 400 if a message of a known type does not have the shape of its type */
function read<T extends TSchema>(schema: T, message: unknown): Static<T> {
  checkAgainst(schema, 'body', message);
  // The line above checked the shape.
  return message as Static<T>;
}

/**
 * Throws if the sender has to send the fact again, or the order is unknown. A fact for an order
 * whose workflow ended too early has to be sent again, because the order can be resumed. Any other
 * refused fact, such as one for a closed order, is acknowledged: it would be refused again.
 */
function refuseUnlessTaken(result: CommandResult): void {
  if (result.kind === 'unknown-outcome') throw problemOf(result);
  if (result.kind !== 'refused') return;
  const { kind, code, message } = result.refusal;
  if (code === 'workflow_ended') throw new HttpProblem(503, code, message);
  if (kind === 'not_found' || kind === 'busy') throw problemOf(result);
}

function metaOfWebhook(
  { id, headers }: { id: string; headers: Readonly<Record<string, unknown>> },
  actor: string,
): CommandMeta {
  // A client's issuer contains no space, so no client can have this one.
  return { issuer: `webhook ${actor}`, key: String(headers['webhook-id']), correlationId: id, actor };
}
