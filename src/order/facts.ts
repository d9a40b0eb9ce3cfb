import { type Fact, limits, type PaymentFact } from './commands.js';
import { decide } from './decide.js';
import type { Cause, EventData, EventDraft } from './events.js';
import type { Authorization, Order, ReceivedFact } from './order.js';
import { learnPayment } from './settle.js';
import { later } from './time.js';

/** How long a fact may wait before a person is told of it. */
const unmatchedAfterMs = 24 * 60 * 60 * 1000;

/** `settles`: the key of the owed effect that the fact answers. */
export type FactJudgement =
  | { readonly kind: 'applies'; readonly events: readonly EventDraft[]; readonly settles?: string }
  /** the order says so already */
  | { readonly kind: 'holds' }
  | { readonly kind: 'waits'; readonly reason: string };

/**
 * Judges a fact against the order as it stands: it leads to events, it says nothing new, or it waits until it fits.
 *
 * @param now ISO-8601 UTC
 */
export function judgeFact(order: Order, fact: Fact, now: string): FactJudgement {
  if (holds(order, fact)) return { kind: 'holds' };
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

function settledBy(order: Order, { reference }: PaymentFact): string | undefined {
  return order.owed.find(({ key, type }) => key === reference && type === 'authorize')?.key;
}

/** Whether the order says so already: such a fact waits for nothing. */
export function holds(order: Order, fact: Fact): boolean {
  if (fact.type === 'PaymentSettled') return holdsOfPayment(order, fact.data);
  const shipment = order.shipments.find((entry) => entry.shipmentId === fact.data.shipmentId);
  if (fact.type === 'ShipmentDelivered') return shipment?.status === 'delivered';
  // A cancelled or undispatched shipment has neither. Another tracking number is another fact: a person must look at it.
  return shipment?.carrier === fact.data.carrier && shipment.trackingNumber === fact.data.trackingNumber;
}

/** A late word about a payment that was given back or lapsed since is of no use; one that contradicts the order is. */
const agreeing: Readonly<Record<PaymentFact['outcome'], readonly Authorization['status'][]>> = {
  authorized: ['authorized', 'voided', 'expired'],
  declined: ['declined', 'voided', 'expired'],
};

function holdsOfPayment(order: Order, { reference, authorizationId, outcome }: PaymentFact): boolean {
  if (order.owed.some(({ key }) => key === reference)) return false;
  const known = order.authorizations.find((entry) => entry.authorizationId === authorizationId);
  if (known === undefined) return false;
  const isUnwanted = outcome === 'declined' && known.status === 'pending' && known.retired;
  return isUnwanted || agreeing[outcome].includes(known.status);
}

/** What a fact leads to that has waited and fits now, and by whose word. */
export interface FittingFact {
  readonly fact: ReceivedFact;
  readonly events: readonly EventDraft[];
  readonly cause: Cause;
}

/** The first waiting fact that fits now: facts are applied in the order in which they come to fit. */
export function fittingFact(order: Order, now: string): FittingFact | undefined {
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

/** A fact as it was received. Its type and data stand in one event, so they belong together. */
export function factOf({ type, data }: Pick<ReceivedFact, 'type' | 'data'>): Fact {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return { type, data } as Fact;
}

/** Every fact that was received and has not been applied yet. */
export function factsOf({ facts = [] }: Order): readonly ReceivedFact[] {
  return facts;
}

/** Facts that wait to fit, and for whose fit nobody has been asked yet. */
export function waitingFacts(order: Order): readonly ReceivedFact[] {
  return factsOf(order).filter(({ unmatched }) => unmatched === undefined);
}

/** An order that keeps this many takes no more until one of them fits or is named. */
export function hasRoomForFacts(order: Order): boolean {
  return waitingFacts(order).length < limits.facts;
}

/** When a person is told of a waiting fact; ISO-8601 UTC. */
export function unmatchedAt({ receivedAt }: ReceivedFact): string {
  return later(receivedAt, unmatchedAfterMs);
}

export function unmatchedDraft(
  { commandId, type }: ReceivedFact,
  reason: EventData['FactUnmatched']['reason'],
): EventDraft {
  return { type: 'FactUnmatched', data: { factId: commandId, fact: type, reason } };
}
