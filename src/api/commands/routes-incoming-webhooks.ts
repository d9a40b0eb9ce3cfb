import { type Static, type TSchema, Type } from 'typebox';
import type { Fact } from '../../order/commands.js';
import type { Secrets } from '../../server/config/secrets.js';
import { HttpProblem, problemResponses } from '../problem.js';
import { closed, Id, Key, Name } from '../schemas/values.js';
import { verifySignatures } from '../requests/signed-bodies.js';
import { checkAgainst } from '../requests/validation.js';
import type { Http } from '../http.js';
import { problemOf } from './answers.js';
import type { CommandMeta, CommandResult, Gateway } from './gateway/gateway.js';

export interface IncomingWebhookDeps {
  readonly gateway: Gateway;
  /** Standard Webhooks secrets, `whsec_` and base64; a signature of any of them is accepted */
  readonly secrets: { readonly payments: Secrets; readonly carriers: Secrets };
}

/**
 * Receives webhooks of the payment provider and of carriers, signed by the Standard Webhooks scheme
 * (standardwebhooks.com). The id of a message becomes the command id, so a repeated delivery
 * changes nothing. An acknowledged message is durable as a signal.
 */
export function registerIncomingWebhooks(app: Http, { gateway, secrets }: IncomingWebhookDeps): void {
  void app.register(async (payments: Http) => {
    verifySignatures(payments, secrets.payments);
    paymentsRoute(payments, gateway);
  });
  void app.register(async (carriers: Http) => {
    verifySignatures(carriers, secrets.carriers);
    carriersRoute(carriers, gateway);
  });
}

function paymentsRoute(payments: Http, gateway: Gateway): void {
  payments.post(
    '/v1/webhooks/payments',
    {
      config: { access: 'signed', work: 'message' },
      schema: {
        summary: 'The payment provider settles a pending payment',
        ...webhook,
        description:
          '`payment.authorized`, or `payment.declined` with a `code` that says why. `reference` is the ' +
          'idempotency key of the authorization, `<orderId>:authorize:<version>`: it identifies one of the order’s ' +
          'payments. `authorizationId` is the provider’s own id of it. ' +
          webhook.description,
      },
    },
    async (request, reply) => {
      const outcome = paymentOutcomes.get(request.body.type);
      if (outcome !== undefined) {
        const { orderId, reference, authorizationId, code } = read(PaymentEvent, request.body).data;
        const data = { reference, authorizationId, outcome, ...(code === undefined ? {} : { code }) };
        const fact = { type: 'PaymentSettled', data } as const;
        refuseUnlessTaken(await gateway.fact(orderId, fact, metaOfWebhook(request, 'payments')));
      }
      return await reply.code(202).send({});
    },
  );
}

function carriersRoute(carriers: Http, gateway: Gateway): void {
  carriers.post(
    '/v1/webhooks/carriers',
    {
      config: { access: 'signed', work: 'message' },
      schema: {
        summary: 'A carrier tracks a shipment',
        ...webhook,
        description:
          '`shipment.dispatched`, with `carrier` and `trackingNumber`, or `shipment.delivered`. ' +
          webhook.description,
      },
    },
    async (request, reply) => {
      const { type } = request.body;
      if (carrierTypes.has(type)) {
        const { data } = read(CarrierEvent, request.body);
        const fact = carrierFact(type, data);
        refuseUnlessTaken(await gateway.fact(data.orderId, fact, metaOfWebhook(request, 'carriers')));
      }
      return await reply.code(202).send({});
    },
  );
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

const delivered = 'shipment.delivered';
const carrierTypes: ReadonlySet<string> = new Set(['shipment.dispatched', delivered]);

/** @param type one of `carrierTypes` */
function carrierFact(
  type: string,
  data: { readonly shipmentId: string; readonly carrier?: string; readonly trackingNumber?: string },
): Fact {
  const { shipmentId, carrier, trackingNumber } = data;
  if (type === delivered) return { type: 'ShipmentDelivered', data: { shipmentId } };
  if (carrier !== undefined && trackingNumber !== undefined) {
    return { type: 'ShipmentDispatched', data: { shipmentId, carrier, trackingNumber } };
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
  // No client can be this issuer, because an actor has no space.
  return { issuer: `webhook ${actor}`, key: String(headers['webhook-id']), correlationId: id, actor };
}
