import type { Entity } from '../log/entity.js';
import { allowedCommands } from './allowed.js';
import { type Command, followUpTypes, forgetPerson } from './commands.js';
import { consequence } from './consequences.js';
import { expire, nextDeadline } from './deadlines.js';
import { decide } from './decide.js';
import { type Effect, effectSummary, type EffectType, type Settlement } from './effects.js';
import { type EventDraft, type OrderEvent, schemaVersions } from './events.js';
import { evolve } from './evolve.js';
import { facts } from './facts.js';
import { listing } from './listing.js';
import { isFinished, type Order, owedEffects } from './order.js';
import { rejectionOf } from './rejection.js';
import { followsRules } from './rules.js';
import { settle } from './settle.js';
import { upcast } from './upcasters.js';
import { orderDetails } from './temporal-ui.js';

/** How the log handles orders. */
export const orders: Entity<Order, EventDraft, Effect> = {
  name: 'order',
  creation: 'CreateOrder',
  commands: [...followUpTypes, forgetPerson],
  schemaVersions,
  upcast,

  // The API checks the shape of data. If a message comes another way, its data may be anything: the
  // log refuses it if `decide` or `evolve` throws.
  decide: (order, type, data, now) => decide(order, { type, data } as Command, now),
  evolve,
  consequence,
  rejection: rejectionOf,
  facts,
  cancel: (order) => ({
    type: 'CancelOrder',
    data: { reason: 'cancellation requested in Temporal' },
    // Orders under rules 1 are from a time when a command's id did not contain its issuer.
    hasIssuer: followsRules(order, 2),
  }),

  effects: owedEffects,
  // An activity answers with an outcome of the effect that it was given.
  settle: (order, effect, outcome, now) => settle(order, { effect, outcome } as Settlement, now),
  performer: ({ type }) => performers[type],

  nextDeadline,
  expire,
  isFinished,
  resumption: (data) => ({ type: 'OrderResumed', data }),

  allowed: allowedCommands,
  answerFields: partsCreated,
  summary: effectSummary,
  details: orderDetails,
  listing,
};

const performers: Readonly<Record<EffectType, string>> = {
  reserve: 'inventory',
  release: 'inventory',
  deduct: 'inventory',
  restock: 'inventory',
  authorize: 'payments',
  capture: 'payments',
  void: 'payments',
  refund: 'payments',
  book: 'carriers',
};

/** For a command's answer: the id of the shipment or the return that the command has created. */
function partsCreated(events: readonly OrderEvent[]): {
  readonly shipmentId?: string;
  readonly returnId?: string;
} {
  const shipment = events.find((event) => event.type === 'ShipmentCreated');
  const returned = events.find((event) => event.type === 'ReturnRequested');
  return {
    ...(shipment !== undefined && { shipmentId: shipment.data.shipmentId }),
    ...(returned !== undefined && { returnId: returned.data.returnId }),
  };
}
