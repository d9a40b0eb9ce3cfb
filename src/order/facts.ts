import type { FactJudgement, FittingFact } from '../log/entity.js';
import { type Fact, type FactType, factTypes, limits, type PaymentFact } from './commands.js';
import { decide } from './decide.js';
import type { EventData, EventDraft } from './events.js';
import type { Authorization, Order, ReceivedFact } from './order.js';
import { learnPayment } from './settle.js';
import { later } from './time.js';

/** How long a fact may wait before it is reported to a person. */
const unmatchedAfterMs = 24 * 60 * 60 * 1000;

type Judgement = FactJudgement<EventDraft>;

/**
 * Judges a fact against the current order. The fact leads to events, or the order reflects it
 * already, or it waits until it fits.
 *
 * @param now ISO-8601 UTC
 */
export function judgeFact(order: Order, fact: Fact, now: string): Judgement {
  if (reflects(order, fact)) return { kind: 'reflected' };
  const decision = decideOn(order, fact, now);
  if ('refusal' in decision) return { kind: 'waits', reason: decision.refusal.message };
  const settles = fact.type === 'PaymentSettled' ? settledBy(order, fact.data) : undefined;
  return { kind: 'applies', events: decision.events, ...(settles !== undefined && { settles }) };
}

function decideOn(order: Order, fact: Fact, now: string) {
  switch (fact.type) {
    case 'PaymentSettled':
      return learnPayment(order, fact.data, now);
    case 'ShipmentDispatched':
      return decide(order, { type: 'DispatchShipment', data: fact.data }, now);
    default: {
      const { data } = fact satisfies Extract<Fact, { type: 'ShipmentDelivered' }>;
      return decide(order, { type: 'DeliverShipment', data }, now);
    }
  }
}

/** The key of the owed authorization that the fact settles. */
export function settledBy(order: Order, { reference }: PaymentFact): string | undefined {
  return order.owed.find(({ key, type }) => key === reference && type === 'authorize')?.key;
}

/** Whether the order reflects the fact already, so there is nothing to do. */
export function reflects(order: Order, fact: Fact): boolean {
  if (fact.type === 'PaymentSettled') return reflectsPayment(order, fact.data);
  const shipment = order.shipments.find((entry) => entry.shipmentId === fact.data.shipmentId);
  if (fact.type === 'ShipmentDelivered') return shipment?.status === 'delivered';
  // A cancelled or undispatched shipment has neither. A fact with another tracking number is
  // not reflected: it waits, and a person must look at it.
  return shipment?.carrier === fact.data.carrier && shipment.trackingNumber === fact.data.trackingNumber;
}

/**
 * For each outcome, the statuses of an authorization that do not contradict it. A late answer about
 * a payment that was voided or has expired meanwhile changes nothing.
 */
const agreeing: Readonly<Record<PaymentFact['outcome'], readonly Authorization['status'][]>> = {
  authorized: ['authorized', 'voided', 'expired'],
  declined: ['declined', 'voided', 'expired'],
};

function reflectsPayment(order: Order, { reference, authorizationId, outcome }: PaymentFact): boolean {
  if (order.owed.some(({ key }) => key === reference)) return false;
  const known = order.authorizations.find((entry) => entry.authorizationId === authorizationId);
  if (known === undefined) return false;
  const isUnwanted = outcome === 'declined' && known.status === 'pending' && known.retired;
  return isUnwanted || agreeing[outcome].includes(known.status);
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

/** A fact as it was received. Its type and data come from one event, so they match. */
export function factOf({ type, data }: Pick<ReceivedFact, 'type' | 'data'>): Fact {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return { type, data } as Fact;
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
export function parseFact(name: string, data: unknown): Fact | undefined {
  const type = factTypes.find((one) => one === name);
  if (type === undefined || typeof data !== 'object' || data === null) return undefined;
  if (!textsOf[type].every((key) => typeof Reflect.get(data, key) === 'string')) return undefined;
  const outcome: unknown = Reflect.get(data, 'outcome');
  if (type === 'PaymentSettled' && outcome !== 'authorized' && outcome !== 'declined') return undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- where facts are parsed
  return { type, data } as Fact;
}

/** All facts that were received and are not applied yet, oldest first. */
export function factsOf({ facts = [] }: Order): readonly ReceivedFact[] {
  return facts;
}

/** Facts that still wait and were not reported to a person yet. */
export function waitingFacts(order: Order): readonly ReceivedFact[] {
  return factsOf(order).filter(({ unmatched }) => unmatched === undefined);
}

/** Whether the order accepts one more waiting fact. If not, one must first fit or be reported. */
export function hasRoomForFacts(order: Order): boolean {
  return waitingFacts(order).length < limits.facts;
}

/** When a waiting fact is reported to a person; ISO-8601 UTC. */
export function unmatchedAt({ receivedAt }: ReceivedFact): string {
  return later(receivedAt, unmatchedAfterMs);
}

export function unmatchedDraft(
  { commandId, type }: ReceivedFact,
  reason: EventData['FactUnmatched']['reason'],
): EventDraft {
  return { type: 'FactUnmatched', data: { factId: commandId, fact: type, reason } };
}
