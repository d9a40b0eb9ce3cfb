import type { FactJudgement, Facts, FittingFact } from '../log/entity.js';
import { type Fact, type FactType, factTypes, type PaymentFact } from './commands.js';
import { decide } from './decide.js';
import type { EventDraft } from './events.js';
import { type Order, isDead } from './order.js';
import { factOf, factsOf, hasRoomForFacts, reflects } from './received-facts.js';
import { type Decision, refuse, type Refused } from './refusal.js';
import { settle } from './settle.js';
import { later } from './time.js';

type Judgement = FactJudgement<EventDraft>;

/**
 * How the log handles facts about an order. The data of a fact may be anything, so it is parsed.
 */
export const facts: Facts<Order, EventDraft> = {
  types: factTypes,
  judge(order, type, data, now) {
    const fact = parseFact(type, data);
    return fact === undefined ? malformed(type) : judgeFact(order, fact, now);
  },
  isWaiting: (order, commandId) => factsOf(order).some((waiting) => waiting.commandId === commandId),
  hasRoom: hasRoomForFacts,
  fitting: fittingFact,
  judgeWithoutIssuer(order, type, data, now) {
    if (type !== 'PaymentSettled') return undefined;
    const fact = parseFact(type, data);
    return fact === undefined ? malformed(type) : decideFact(order, fact, now);
  },
};

/**
 * Judges a fact against the current order. The fact leads to events, or the order reflects it
 * already, or it waits until it fits.
 *
 * @param now ISO-8601 UTC
 */
export function judgeFact(order: Order, fact: Fact, now: string): Judgement {
  if (reflects(order, fact)) return { kind: 'reflected' };
  const judgement = decideFact(order, fact, now);
  if (!('refusal' in judgement)) return judgement;
  const data = { fact: fact.type, data: fact.data, reason: judgement.refusal.message };
  return { kind: 'waits', received: { type: 'FactReceived', data } };
}

/** The events that a fact leads to, or why it does not fit. */
function decideFact(order: Order, fact: Fact, now: string): Judgement | Refused {
  const decision = decideOn(order, fact, now);
  if ('refusal' in decision) return decision;
  const settles = fact.type === 'PaymentSettled' ? settledBy(order, fact.data) : undefined;
  return { kind: 'applies', events: decision.events, ...(settles !== undefined && { settles }) };
}

function decideOn(order: Order, fact: Fact, now: string): Decision {
  switch (fact.type) {
    case 'PaymentSettled':
      return decidePayment(order, fact.data, now);
    case 'ShipmentDispatched':
      return decide(order, { type: 'DispatchShipment', data: fact.data }, now);
    default: {
      const { data } = fact satisfies Extract<Fact, { type: 'ShipmentDelivered' }>;
      return decide(order, { type: 'DeliverShipment', data }, now);
    }
  }
}

/**
 * Decides on the provider's webhook about a payment that was pending. If the webhook arrives before
 * the outcome of the authorize effect is known, the webhook counts as that outcome.
 */
export function decidePayment(order: Order, fact: PaymentFact, now: string): Decision {
  const { reference, authorizationId, outcome } = fact;
  const effect = order.owed.find(({ key }) => key === reference);
  if (effect?.type === 'authorize') {
    const answer =
      outcome === 'authorized'
        ? ({ type: outcome, authorizationId } as const)
        : ({ type: outcome, code: fact.code ?? 'declined' } as const);
    return { events: settle(order, { effect, outcome: answer }, now) };
  }
  const pending = order.authorizations.find((entry) => entry.authorizationId === authorizationId);
  if (pending === undefined)
    return refuse('not_allowed', 'payment_unknown', `no payment ${authorizationId} is known here`);
  if (pending.status !== 'pending') {
    return refuse(
      'not_allowed',
      'payment_not_pending',
      `payment ${authorizationId} is ${pending.status} already`,
    );
  }
  if (outcome === 'declined' && (pending.retired || isDead(order))) {
    return refuse(
      'not_allowed',
      'payment_not_wanted',
      `nothing waits for payment ${authorizationId} any more`,
    );
  }
  if (outcome === 'declined') {
    return {
      events: [{ type: 'PaymentDeclined', data: { authorizationId, code: fact.code ?? 'declined' } }],
    };
  }
  const { amount } = pending;
  const expiresAt = later(now, order.terms.authorizationTtl);
  return { events: [{ type: 'PaymentAuthorized', data: { authorizationId, amount, expiresAt } }] };
}

/** The key of the owed authorization that the fact settles. */
function settledBy(order: Order, { reference }: PaymentFact): string | undefined {
  return order.owed.find(({ key, type }) => key === reference && type === 'authorize')?.key;
}

/** The oldest received fact that fits now. */
export function fittingFact(order: Order, now: string): FittingFact<EventDraft> | undefined {
  for (const fact of factsOf(order)) {
    const judgement = judgeFact(order, factOf(fact), now);
    if (judgement.kind !== 'applies') continue;
    const { commandId, correlationId, causationId, actor } = fact;
    const cause = {
      occurredAt: now,
      commandId,
      correlationId,
      causationId: judgement.settles ?? causationId,
      actor,
    };
    return { fact, events: judgement.events, cause };
  }
  return undefined;
}

function malformed(type: string): Refused {
  return refuse('invalid', 'malformed', `${type} has data of the wrong shape`);
}

const textsOf: Readonly<Record<FactType, readonly string[]>> = {
  PaymentSettled: ['reference', 'authorizationId'],
  ShipmentDispatched: ['shipmentId', 'carrier', 'trackingNumber'],
  ShipmentDelivered: ['shipmentId'],
};

/**
 * Parses a fact; undefined if its data has the wrong shape. Anyone with access to Temporal can send
 * a signal, so the data may be anything.
 */
function parseFact(name: string, data: unknown): Fact | undefined {
  const type = factTypes.find((one) => one === name);
  if (type === undefined || typeof data !== 'object' || data === null) return undefined;
  if (!textsOf[type].every((key) => typeof Reflect.get(data, key) === 'string')) return undefined;
  if (type === 'PaymentSettled' && !hasOutcome(data)) return undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- where facts are parsed
  return { type, data } as Fact;
}

function hasOutcome(data: object): boolean {
  const { outcome, code = '' }: { readonly [K in keyof PaymentFact]?: unknown } = data;
  return (outcome === 'authorized' || outcome === 'declined') && typeof code === 'string';
}
