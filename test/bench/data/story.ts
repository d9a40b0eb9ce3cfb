import { append } from '../../../src/log/append.js';
import type { Command, CommandData } from '../../../src/order/commands.js';
import { decide } from '../../../src/order/decide.js';
import type { Effect, Outcome, Settlement } from '../../../src/order/effects.js';
import { orders } from '../../../src/order/entity.js';
import type { Cause, EventDraft, OrderEvent } from '../../../src/order/events.js';
import type { Order } from '../../../src/order/order.js';
import { RULES_TODAY } from '../../../src/order/rules.js';
import { settle } from '../../../src/order/settle.js';

/** The input of one step of an order: the new events, and the effect that became owed. */
export interface StoryStep {
  readonly events: readonly OrderEvent[];
  readonly effect?: Effect;
}

const DAY_MS = 86_400_000;
const STEP_MS = 1_000;

/**
 * The life of an order, computed by the domain's functions as its workflow would, without a
 * workflow.
 */
export class Story {
  readonly orderId: string;
  readonly events: OrderEvent[] = [];
  readonly #issued = new Set<string>();
  #order: Order | undefined;
  #now: number;

  /** @param at when the order begins, in milliseconds since 1970 */
  constructor(orderId: string, at: number) {
    this.orderId = orderId;
    this.#now = at;
  }

  get order(): Order {
    if (this.#order === undefined) throw new Error(`The story of ${this.orderId} has not begun.`);
    return this.#order;
  }

  tell(command: Command): StoryStep {
    const decision = decide(this.#order, command, this.#at());
    if ('refusal' in decision) throw new Error(`${command.type}: ${decision.refusal.message}`);
    const id = `${command.type}-${this.events.length + 1}`;
    return this.#accept(decision.events, {
      commandId: id,
      causationId: `${id}.0123456789abcdef`,
      actor: 'bench',
    });
  }

  settle(effect: Effect, outcome: Outcome): StoryStep {
    // The types do not show that the outcome belongs to this effect; callers see to it.
    const drafts = settle(this.order, { effect, outcome } as Settlement, this.#at());
    return this.#accept(drafts, { commandId: effect.key, causationId: effect.key, actor: 'world' });
  }

  /** Applies a command, and settles all effects with success. */
  tellAll(command: Command): readonly StoryStep[] {
    const steps = [this.tell(command)];
    for (let effect = steps[0]?.effect; effect !== undefined; effect = steps.at(-1)?.effect) {
      steps.push(this.settle(effect, goodOutcome(effect)));
    }
    return steps;
  }

  #at(): string {
    this.#now += STEP_MS;
    return new Date(this.#now).toISOString();
  }

  #accept(drafts: readonly EventDraft[], by: Pick<Cause, 'commandId' | 'causationId' | 'actor'>): StoryStep {
    const correlationId = `${this.orderId}-request`;
    const cause = { ...by, occurredAt: new Date(this.#now).toISOString(), correlationId };
    const { state: order, events } = append(orders, this.orderId, this.#order, drafts, cause);
    this.#order = order;
    this.events.push(...events);
    const effect = order.owed.find(({ key }) => !this.#issued.has(key));
    if (effect === undefined) return { events };
    this.#issued.add(effect.key);
    return { events, effect };
  }
}

function goodOutcome({ type, key }: Effect): Outcome {
  switch (type) {
    case 'reserve':
      return { type: 'reserved' };
    case 'authorize':
      return { type: 'authorized', authorizationId: `auth-${key}` };
    case 'capture':
      return { type: 'captured', captureId: `cap-${key}` };
    case 'void':
      return { type: 'voided' };
    case 'refund':
      return { type: 'refunded' };
    case 'book':
      return { type: 'booked', carrier: 'DHL', trackingNumber: key };
    case 'release':
    case 'deduct':
    case 'restock':
      return { type: 'done' };
    default:
      return type satisfies never;
  }
}

const SKUS = 1_000;
const CUSTOMERS = 5_000;

/** The body of a create over HTTP, which varies with `n`. */
export function orderBody(n: number): Omit<CommandData['CreateOrder'], 'terms' | 'rules'> {
  return {
    customer: { id: `c-${n % CUSTOMERS}`, name: 'Ada Example', email: `ada${n % CUSTOMERS}@example.com` },
    currency: 'EUR',
    lines: [
      { sku: `S-${n % SKUS}`, quantity: 1, unitPrice: 500 + (n % 97), name: 'Lamp' },
      { sku: `S-${(n * 7 + 1) % SKUS}-B`, quantity: 2, unitPrice: 1_999, name: 'Bulb' },
    ],
    shippingAddress: { street: 'Way 1', city: 'Town', postalCode: '12345', country: 'DE' },
    payment: { method: 'tok_ok' },
    tags: [n % 10 === 0 ? 'gift' : 'web'],
  };
}

export function create(n: number): Command {
  const terms = { paymentDeadline: DAY_MS, returnWindow: 30 * DAY_MS, authorizationTtl: 7 * DAY_MS };
  return { type: 'CreateOrder', data: { ...orderBody(n), terms, rules: RULES_TODAY } };
}

export const delivery = { carrier: 'DHL', trackingNumber: '00340434161094042557' };
export const ship: Command = { type: 'CreateShipment', data: {} };
export const dispatch: Command = { type: 'DispatchShipment', data: { shipmentId: 's1', ...delivery } };
export const deliver: Command = { type: 'DeliverShipment', data: { shipmentId: 's1' } };
export const hold: Command = { type: 'HoldOrder', data: { reason: 'check the address' } };
export const release: Command = { type: 'ReleaseOrder', data: {} };

/** The commands of an order from create to completed. */
export const happyPath: (n: number) => readonly Command[] = (n) => [create(n), ship, dispatch, deliver];
