import assert from 'node:assert/strict';
import { test } from '@jest/globals';
import * as fc from 'fast-check';
import { append } from '../../src/log/append.js';
import { allowedCommands, blocked } from '../../src/order/allowed.js';
import {
  type Command,
  type CommandData,
  type FollowUpType,
  followUpTypes,
  type LineQuantity,
  type PaymentFact,
} from '../../src/order/commands.js';
import { consequence } from '../../src/order/consequences.js';
import { expire, nextDeadline } from '../../src/order/deadlines.js';
import { decide } from '../../src/order/decide.js';
import type { Effect, Outcome, Settlement } from '../../src/order/effects.js';
import { orders } from '../../src/order/entity.js';
import type { EventDraft, OrderEvent } from '../../src/order/events.js';
import { evolve, fold } from '../../src/order/evolve.js';
import { decidePayment } from '../../src/order/facts.js';
import {
  type Order,
  type RefundPart,
  type Shipment,
  isDead,
  isFinished,
  refundable,
  sum,
  undispatched,
} from '../../src/order/order.js';
import { followsRules } from '../../src/order/rules.js';
import { settle } from '../../src/order/settle.js';
import { later } from '../../src/order/time.js';
import { unreachable } from '../../src/order/unreachable.js';
import { capturedAmount, refundedAmount, toView } from '../../src/order/view.js';
import { wantedEffects } from '../../src/order/wanted-effects.js';
import { assertShape } from '../golden/shape.js';
import { hour, terms } from './examples.js';
import { orderId, startOfTime } from './specification.js';
import { World } from './world.js';

const skus = ['A', 'B', 'C'];

// --- what can happen ---

/**
 * A step names what to try. Numbers choose among the parts that exist then, so that any step can be
 * tried in any state. `sensible` is a command that fits the state, `command` one that may not.
 */
type Step =
  | { readonly kind: 'sensible'; readonly which: number; readonly choice: number }
  | { readonly kind: 'command'; readonly type: FollowUpType; readonly choices: readonly number[] }
  | {
      readonly kind: 'perform' | 'answer' | 'settle' | 'webhook';
      readonly which: number;
      readonly choice: number;
    }
  | { readonly kind: 'wait'; readonly hours: number }
  | { readonly kind: 'tick' };

const repeatable = followUpTypes.filter((type) => type !== 'CancelOrder');
const chance = fc.integer({ min: 0, max: 99 });
const mostlyGood = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: chance });
const aStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('command' as const),
      // Commands that may occur more than once in an order's life.
      type: fc.constantFrom<FollowUpType>(...followUpTypes, ...repeatable, ...repeatable, ...repeatable),
      choices: fc.array(fc.nat(1000), { minLength: 4, maxLength: 4 }),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant('sensible' as const), which: fc.nat(99), choice: chance }),
  },
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constantFrom('perform', 'answer', 'settle', 'settle', 'settle', 'webhook'),
      which: fc.nat(7),
      // Outcomes are mostly good, so that enough orders get far.
      choice: mostlyGood,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      hours: fc.constantFrom(1, 23, 24, 24 * 8, 24 * 31),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'tick' as const }) },
);

const anOrder: fc.Arbitrary<CommandData['CreateOrder']> = fc
  .record(
    {
      lines: fc.uniqueArray(
        fc.record(
          {
            sku: fc.constantFrom(...skus),
            quantity: fc.integer({ min: 1, max: 4 }),
            unitPrice: fc.oneof(fc.constant(0), fc.nat(2000), fc.nat(2000), fc.maxSafeNat()),
          },
          { noNullPrototype: true },
        ),
        { selector: ({ sku }) => sku, minLength: 1, maxLength: 3 },
      ),
      shippingFee: fc.nat(500),
      tax: fc.nat(500),
      discount: fc.nat(500),
      rules: fc.constantFrom(1, 2, 2, 2),
      shippingAddress: fc.constant({ street: 's', city: 'c', country: 'DE' }),
    },
    { noNullPrototype: true },
  )
  .map((order) => ({
    customer: { id: 'c-1', name: 'Ada' },
    currency: 'EUR',
    payment: { method: 'tok_0' },
    terms,
    ...order,
  }))
  .filter((data) => 'events' in decide(undefined, { type: 'CreateOrder', data }, startOfTime));

/** Data that may or may not fit: unknown parts, quantities and amounts around their limits. */
function commandOf(type: FollowUpType, choices: readonly number[]): Command {
  const [a = 0, b = 0, c = 0, d = 0] = choices;
  const reason = 'why';
  const lines: LineQuantity[] = [...skus, 'unknown']
    .map((sku, index) => ({ sku, quantity: (choices[index] ?? 0) % 5 }))
    .filter(({ quantity }, index) => quantity > 0 && (index < 3 || d % 7 === 0));
  switch (type) {
    case 'HoldOrder':
    case 'CancelOrder':
    case 'WriteOffCapture':
      return { type, data: { reason } };
    case 'ReleaseOrder':
      return { type, data: {} };
    case 'AmendOrder': {
      const shippingAddress = { street: 's', city: 'c', country: 'DE' };
      if (d % 8 === 1) return { type, data: { shippingAddress } };
      return { type, data: { lines: lines.map((line) => (c % 2 ? line : { ...line, unitPrice: b })) } };
    }
    case 'CreateShipment':
      return { type, data: a % 3 === 0 ? {} : { lines } };
    case 'RequestLabel':
      return { type, data: { shipmentId: `s${1 + (a % 4)}`, ...(b % 2 === 0 && { carrier: 'DHL' }) } };
    case 'DispatchShipment': {
      const shipmentId = `s${1 + (a % 4)}`;
      return {
        type,
        data: b % 4 === 3 ? { shipmentId } : { shipmentId, carrier: 'DHL', trackingNumber: 't' },
      };
    }
    case 'DeliverShipment':
      return { type, data: { shipmentId: `s${1 + (a % 4)}` } };
    case 'CapturePayment':
      return { type, data: a % 2 ? {} : { payment: { method: `tok_${b % 3}` } } };
    case 'RequestReturn':
      return { type, data: { lines, reason } };
    case 'ReceiveReturn':
      return { type, data: { returnId: `r${1 + (a % 3)}` } };
    case 'RefundPayment':
      return { type, data: { amount: a % 2 ? a : 1 + (b % 5), reason } };
    case 'AddNote':
      return { type, data: { text: 'note' } };
    default:
      return unreachable(type);
  }
}

/**
 * The commands that people would send, from all that the order's parts and quantities allow. In
 * this sequence, with choice 0, they lead an order to its end.
 */
function sensibleCommands({ lines, shipments, returns, holds }: Order, choice: number): readonly Command[] {
  const reason = 'why';
  const some = lines
    .map(({ sku }, index) => ({ sku, quantity: (choice >> index) % 2 }))
    .filter(({ quantity }) => quantity > 0);
  const back = lines
    .filter(({ delivered, returned }) => delivered > returned)
    .map(({ sku }) => ({ sku, quantity: 1 }));
  const rare: Command[] = [
    {
      type: 'AmendOrder',
      data: { lines: lines.map(({ sku }, index) => ({ sku, quantity: 1 + ((choice >> index) % 4) })) },
    },
    { type: 'RequestReturn', data: { lines: back, reason } },
    { type: 'RefundPayment', data: { amount: choice, reason } },
    { type: 'WriteOffCapture', data: { reason } },
    ...shipments.flatMap(({ shipmentId }): readonly Command[] => [
      { type: 'RequestLabel', data: { shipmentId } },
      { type: 'DispatchShipment', data: { shipmentId } },
    ]),
    ...(choice > 90 ? [{ type: 'CancelOrder', data: { reason } } as const] : []),
    ...(holds.length === 0 && choice > 70 ? [{ type: 'HoldOrder', data: { reason } } as const] : []),
  ];
  return [
    { type: 'CapturePayment', data: choice % 2 === 0 ? {} : { payment: { method: `tok_${choice % 3}` } } },
    { type: 'ReleaseOrder', data: {} },
    ...shipments.map(({ shipmentId }): Command => ({ type: 'DeliverShipment', data: { shipmentId } })),
    ...shipments.map(({ shipmentId }): Command => ({
      type: 'DispatchShipment',
      data: { shipmentId, carrier: 'DHL', trackingNumber: 't' },
    })),
    { type: 'CreateShipment', data: choice === 0 ? {} : { lines: some } },
    ...returns.map(({ returnId }): Command => ({ type: 'ReceiveReturn', data: { returnId } })),
    ...(choice === 0 ? [] : rare),
  ];
}

// --- one order in its world ---

const stages = ['created', 'confirmed', 'dispatched'] as const;
type Stage = (typeof stages)[number];

/** An order with a separate world. Checks every rule after every event and every step. */
class Walk {
  readonly world = new World();
  readonly log: OrderEvent[] = [];
  now = startOfTime;
  private state: Order | undefined;
  private checked: Order | undefined;
  /** the fold of the events, one by one; it must equal `order` */
  folded: Order | undefined;
  private readonly keys = new Set<string>();

  constructor(data: CommandData['CreateOrder']) {
    this.command({ type: 'CreateOrder', data });
  }

  get order(): Order {
    assert.ok(this.state !== undefined);
    return this.state;
  }

  step(step: Step): void {
    switch (step.kind) {
      case 'command':
        this.command(commandOf(step.type, step.choices));
        break;
      case 'sensible': {
        const commands = sensibleCommands(this.order, step.choice);
        const first = step.which % commands.length;
        [...commands.slice(first), ...commands.slice(0, first)].some((command) => this.command(command));
        break;
      }
      case 'perform':
      case 'settle': {
        const effect = pick(this.order.owed, step.which);
        if (effect === undefined) break;
        const outcome = this.world.perform(effect, step.choice);
        if (step.kind === 'settle') this.answer(effect, outcome);
        break;
      }
      case 'answer': {
        // The latest effects first, then effects that were settled long ago.
        const performed = pick(this.world.performed().toReversed(), step.which);
        if (performed !== undefined) this.answer(performed.effect, performed.outcome);
        break;
      }
      case 'webhook': {
        const payments = [...this.world.provider.payments.values()].filter(
          ({ status, fact }) => status === 'pending' || fact !== undefined,
        );
        const payment = pick(payments.toReversed(), step.which);
        const fact = payment && this.world.provider.webhook(payment, step.choice);
        if (fact !== undefined) this.learn(fact);
        break;
      }
      case 'wait':
        this.now = later(this.now, step.hours * hour);
        break;
      case 'tick':
        this.tick();
        break;
    }
    this.check();
  }

  /** Starts a walk at a later stage of an order. */
  skipTo(stage: Stage): void {
    if (stage === 'created') return;
    const settled: Step = { kind: 'settle', which: 0, choice: 0 };
    this.step(settled);
    this.step(settled);
    if (stage === 'confirmed') return;
    const [line] = this.order.lines;
    if (line !== undefined) {
      this.command({ type: 'CreateShipment', data: { lines: [{ sku: line.sku, quantity: 1 }] } });
    }
    this.command({ type: 'CreateShipment', data: {} });
    for (const { shipmentId } of this.order.shipments) {
      const data = { shipmentId, carrier: 'DHL', trackingNumber: 't' };
      this.command({ type: 'DispatchShipment', data });
    }
  }

  check(): void {
    if (this.order !== this.checked) checkState(this.order, this.now);
    this.checked = this.order;
    checkWorld(this.order, this.world);
  }

  command(command: Command): boolean {
    const decision = decide(this.state, command, this.now);
    if ('refusal' in decision) return false;
    assert.ok(decision.events.length > 0, 'a command that is accepted leads to an event');
    this.append(decision.events, `${command.type}-${this.log.length}.hash`);
    return true;
  }

  answer(effect: Effect, outcome: Outcome): void {
    // The world returns an outcome of its argument.
    const drafts = settle(this.order, { effect, outcome } as Settlement, this.now);
    const isOwed = this.order.owed.some(({ key }) => key === effect.key);
    assert.equal(drafts.length > 0, isOwed, 'an answer counts exactly while its effect is owed');
    if (isOwed) this.append(drafts, effect.key);
  }

  private learn(fact: PaymentFact): void {
    const decision = decidePayment(this.order, fact, this.now);
    const isAnswer = this.order.owed.some(({ key, type }) => key === fact.reference && type === 'authorize');
    if ('events' in decision) this.append(decision.events, isAnswer ? fact.reference : 'webhook');
    else {
      const { code, message } = decision.refusal;
      const command = 'PaymentSettled';
      this.append([{ type: 'CommandRejected', data: { command, code, message } }], 'webhook');
    }
  }

  tick(): void {
    this.append(expire(this.order, this.now), 'clock');
  }

  private append(drafts: readonly EventDraft[], causationId: string): void {
    const before = this.state;
    const cause = {
      occurredAt: this.now,
      commandId: causationId,
      correlationId: 'walk',
      causationId,
      actor: 'walk',
    };
    const { state: order, events } = append(orders, orderId, before, drafts, cause);
    let state = this.folded;
    for (const event of events) {
      const next = evolve(state, event);
      checkEvent(state, event, next, this.keys);
      state = next;
      this.log.push(event);
    }
    assert.equal(consequence(order, this.now), undefined, 'what follows by itself has followed');
    this.state = order;
    this.folded = state;
  }
}

function pick<T>(items: readonly T[], which: number): T | undefined {
  return items.length === 0 ? undefined : items[which % items.length];
}

// --- what must hold ---

function checkEvent(before: Order | undefined, event: OrderEvent, after: Order, keys: Set<string>): void {
  assert.equal(event.version, (before?.version ?? 0) + 1, 'versions are contiguous');
  assert.equal(after.version, event.version);
  assert.deepEqual(JSON.parse(JSON.stringify(event)), event, 'an event survives JSON');
  assertShape(event);
  if (before !== undefined) checkTransition(before, event, after);

  // effects
  const owed = after.owed.map((effect) =>
    effect.type === 'book' ? `book ${effect.shipmentId}` : effect.type,
  );
  assert.equal(new Set(owed).size, owed.length, 'one of each type at most, and one label of a shipment');
  for (const { shipmentId, label } of after.shipments)
    assert.equal(
      owed.includes(`book ${shipmentId}`),
      label?.status === 'requested',
      'a booking is owed while it is requested',
    );
  for (const effect of before?.owed ?? []) {
    const isKept = after.owed.some(({ key }) => key === effect.key);
    assert.equal(isKept, event.causationId !== effect.key, `${effect.key} is owed until it is settled`);
    if (isKept) assert.ok(after.owed.includes(effect), `${effect.key} never changes`);
  }
  for (const effect of after.owed.filter((entry) => before?.owed.includes(entry) !== true)) {
    assert.ok(!keys.has(effect.key), `the key ${effect.key} is used once`);
    assert.equal(effect.key, `${orderId}:${effect.type}:${event.version}`);
    keys.add(effect.key);
  }

  // money
  for (const { captured, amount } of after.authorizations)
    assert.ok(captured <= amount, 'captured ≤ authorized');
  for (const { refunded, amount } of after.captures) assert.ok(refunded <= amount, 'refunded ≤ captured');
  assert.equal(
    capturedAmount(after),
    sum(after.authorizations, (entry) => entry.captured),
  );
  assert.equal(
    refundedAmount(after),
    sum(after.refunds, (entry) => entry.refunded),
  );
  assert.ok(sum(after.refunds, (entry) => entry.amount) <= capturedAmount(after), 'promised back ≤ captured');
  const charged = sum(after.shipments, ({ charge }) => charge?.amount ?? 0);
  const isAllDispatched = after.lines.every((line) => line.dispatched === line.quantity);
  assert.ok(charged <= after.total, 'charged ≤ total');
  if (isAllDispatched) assert.equal(charged, after.total, 'to the last cent');
  for (const { charge } of after.shipments) {
    assert.ok((charge?.captured ?? 0) <= (charge?.amount ?? 0));
    if (charge?.status === 'captured') assert.equal(charge.captured, charge.amount);
  }
  if (followsRules(after, 2)) for (const shipment of after.shipments) checkEntitlement(after, shipment);
  for (const { amount, parts } of after.refunds) {
    if (parts !== undefined)
      assert.equal(
        amount,
        sum(parts, (part) => part.amount),
      );
  }

  // goods
  for (const { quantity, cancelled, allocated, dispatched, delivered, returned } of after.lines) {
    assert.ok(cancelled + allocated <= quantity);
    assert.ok(returned >= 0 && returned <= delivered && delivered <= dispatched && dispatched <= allocated);
  }
  for (const { quantity } of after.reserved) assert.ok(quantity > 0);
}

/**
 * A line is refunded at most what was captured for it, and the refunds of a shipment are paid out
 * of its own captures.
 */
function checkEntitlement(order: Order, { shipmentId, lines: goods, charge }: Shipment): void {
  const lines = charge?.lines ?? [];
  for (const { quantity, amount, captured, refunded, returned } of lines) {
    assert.ok(refunded >= 0 && refunded <= captured && captured <= amount, 'refunded ≤ captured ≤ charged');
    assert.ok(returned <= quantity);
    if (returned === quantity) assert.equal(refunded, captured, 'all of it came back, and so did its money');
  }
  if (charge === undefined) return;
  const totalOf = (counter: 'quantity' | 'amount' | 'captured' | 'refunded') =>
    sum(lines, (line) => line[counter]);
  assert.equal(
    totalOf('quantity'),
    sum(goods, ({ quantity }) => quantity),
  );
  assert.equal(totalOf('amount'), charge.amount);
  assert.equal(totalOf('captured'), charge.captured);
  const promised = sum(
    promisesOf(order).filter((part) => part.shipmentId === shipmentId),
    ({ amount }) => amount,
  );
  assert.equal(totalOf('refunded'), promised);
  const captures = order.captures.filter((capture) => capture.shipmentId === shipmentId);
  const paid = sum(captures, ({ refunded }) => refunded);
  assert.ok(paid <= promised, 'its captures pay no other refund');
  const isPaid = sum(promisesOf(order), ({ amount }) => amount) === refundedAmount(order);
  if (isPaid) assert.equal(paid, promised, 'its captures pay its refunds');
}

/** The refunds that returns are entitled to, and goodwill refunds. */
function promisesOf({ returns, refunds }: Order): readonly RefundPart[] {
  const goodwill = refunds.filter(({ returnId }) => returnId === undefined);
  return [
    ...returns.flatMap(({ entitled = [] }) => entitled),
    ...goodwill.flatMap(({ parts = [] }) => parts),
  ];
}

/** States in the order in which they may follow each other. */
const ranks = { pending: 0, confirmed: 1, completed: 2, rejected: 3, expired: 3, cancelled: 3 };

function checkTransition(before: Order, event: OrderEvent, after: Order): void {
  assert.ok(ranks[after.status] >= ranks[before.status], `${before.status} → ${after.status}`);
  if (isDead(before)) assert.equal(after.status, before.status);
  if (after.status === 'confirmed' || after.status === 'completed') {
    const refusals = [after.missing, after.declined, after.timedOut || undefined];
    assert.deepEqual(refusals, [undefined, undefined, undefined], 'only an order that is pending is refused');
  }
  if (after.holds.some(({ cause }) => cause === 'command')) {
    assert.ok(
      after.lines.some((line) => undispatched(line) > 0),
      'an operator holds what is left to dispatch',
    );
  }
  if (isFinished(before)) assert.equal(event.type, 'CommandRejected', 'nothing happens to a finished order');
}

/** The rules that must hold between decisions. */
function checkState(order: Order, now: string): void {
  assert.deepEqual(JSON.parse(JSON.stringify(order)), order, 'a state survives JSON');
  assert.deepEqual(wantedEffects(order), [], 'what is wanted is owed');
  const { authorized, captured, refunded } = toView(order);
  assert.ok([authorized, captured, refunded].every(Number.isSafeInteger), 'sums are exact');
  checkAllowed(order, now);
  checkDeadline(order);
  const isWaiting = order.owed.length > 0 || order.authorizations.some(({ status }) => status === 'pending');
  if (isWaiting || isFinished(order) || nextDeadline(order)?.name === 'return-window') return;
  assert.ok(
    commandsForward(order).length > 0,
    `an order that is ${order.status} and owes nothing awaits a command`,
  );
}

/** The order's record of the world is right, except for answers in flight. */
function checkWorld(order: Order, { inventory, provider, carriers }: World): void {
  const owes = (...types: readonly Effect['type'][]) => order.owed.some(({ type }) => types.includes(type));
  if (!owes('reserve', 'release', 'deduct', 'restock')) {
    const held = Object.fromEntries(order.reserved.map(({ sku, quantity }) => [sku, quantity]));
    assert.deepEqual(Object.fromEntries(inventory.reserved), held, 'the inventory holds what the order says');
  }
  const captures = [...provider.captures.values()];
  const captured = sum(captures, ({ amount }) => amount);
  const refunded = sum(captures, (capture) => capture.refunded);
  if (!owes('capture')) assert.equal(capturedAmount(order), captured);
  if (!owes('refund')) assert.equal(refundedAmount(order), refunded);
  if (!owes('book')) {
    const booked = order.shipments.flatMap(({ shipmentId, label }) =>
      label?.status === 'booked' ? [[shipmentId, label.trackingNumber]] : [],
    );
    assert.deepEqual(
      Object.fromEntries(carriers.booked),
      Object.fromEntries(booked),
      'no booked label is lost',
    );
  }
  if (!isFinished(order)) return;
  assert.equal(inventory.reserved.size, 0, 'a finished order holds no stock');
  for (const payment of provider.payments.values()) {
    const known = order.authorizations.find((entry) => entry.authorizationId === payment.authorizationId);
    const isOpen = payment.status === 'authorized' && payment.captured < payment.amount;
    const isLeft = payment.status === 'pending' || (isOpen && known?.status !== 'expired');
    assert.ok(!isLeft, `${payment.authorizationId} is left ${payment.status}`);
  }
}

/** The allowed commands that bring an order closer to its end. */
function commandsForward(order: Order): readonly string[] {
  const view = toView(order);
  const commands = [view, ...view.shipments, ...view.returns].flatMap((part) => part.allowedCommands);
  const aside = ['notes', 'hold', 'amend', 'refunds', 'returns', 'cancel', 'label'];
  return commands.filter((segment) => !aside.includes(segment));
}

/** `allowedCommands` and `decide` agree, whatever the data. */
function checkAllowed(order: Order, now: string): void {
  for (const type of followUpTypes) {
    const refusals = [
      commandOf(type, [0, 1, 1, 1]),
      commandOf(type, [1, 2, 2, 1]),
      commandOf(type, [2, 0, 0, 1]),
    ]
      .map((command) => decide(order, command, now))
      .map((decision) => ('refusal' in decision ? decision.refusal.kind : undefined));
    if (blocked(order, type) === undefined) {
      const isOfPart = ['RequestLabel', 'DispatchShipment', 'DeliverShipment', 'ReceiveReturn'].includes(
        type,
      );
      if (!isOfPart) assert.ok(!refusals.includes('not_allowed'), `${type} is allowed and refused`);
    } else {
      assert.ok(!refusals.includes(undefined), `${type} is blocked and done`);
    }
  }
  const { allowedCommands: allowed, blockedCommands: reasons } = allowedCommands(order);
  assert.deepEqual(
    allowed.filter((segment) => segment in reasons),
    [],
  );
  if (isFinished(order)) assert.deepEqual(allowed, []);
}

/** A deadline leads to an event, and does not set the same deadline again. */
function checkDeadline(order: Order): void {
  const deadline = nextDeadline(order);
  if (deadline === undefined) return;
  const { at } = deadline;
  const cause = { occurredAt: at, commandId: 'd', correlationId: 'd', causationId: 'd', actor: 'clock' };
  const passed = append(orders, orderId, order, expire(order, at), cause);
  assert.ok(passed.events.length > 0, `${deadline.name} at ${at} changes nothing`);
  const next = nextDeadline(passed.state);
  assert.ok(next === undefined || next.at > at, 'a deadline passes once');
}

/**
 * Takes an order from any state to its end: from now on every effect succeeds, and the remaining
 * commands are sent.
 */
function finish(walk: Walk): void {
  for (let left = 300; !isFinished(walk.order); left -= 1) {
    assert.ok(left > 0, `never ends: ${JSON.stringify(walk.order)}`);
    const [effect] = walk.order.owed;
    if (effect !== undefined) {
      walk.answer(effect, walk.world.perform(effect, 0));
    } else if (!advance(walk)) {
      const deadline = nextDeadline(walk.order);
      assert.ok(deadline !== undefined, `stuck: ${JSON.stringify(walk.order)}`);
      if (deadline.at > walk.now) walk.now = deadline.at;
      walk.tick();
    }
    walk.check();
  }
}

function advance(walk: Walk): boolean {
  return sensibleCommands(walk.order, 0).some((command) => walk.command(command));
}

// --- the properties ---

test('under any sequence of events, no rule of the order is broken, and the order can end', () => {
  fc.assert(
    fc.property(
      anOrder,
      fc.constantFrom(...stages),
      fc.array(aStep, { maxLength: 60, size: 'max' }),
      (data, stage, steps) => {
        const walk = new Walk(data);
        walk.skipTo(stage);
        for (const step of steps) walk.step(step);
        finish(walk);
        assert.deepEqual(walk.folded, walk.order, 'event by event');
        assert.deepEqual(fold(walk.log), walk.order, 'the fold of the log is the state');
        const half = walk.log.length >> 1;
        const stored: Order = JSON.parse(JSON.stringify(fold(walk.log.slice(0, half))));
        assert.deepEqual(
          fold(walk.log.slice(half), stored),
          walk.order,
          'a stored state continues where it was',
        );
      },
    ),
    { numRuns: 2000 },
  );
}, 240_000);

/**
 * Dispatches all that can be dispatched, captures or writes off its payment, and returns all that
 * was delivered. Then the order only waits.
 */
function returnAll(walk: Walk, choice: number): void {
  for (let left = 300; ; left -= 1) {
    assert.ok(left > 0, `never ends: ${JSON.stringify(walk.order)}`);
    const [effect] = walk.order.owed;
    const lines = walk.order.lines
      .map(({ sku, delivered, returned }) => ({
        sku,
        quantity: Math.min(1 + (choice % 3), delivered - returned),
      }))
      .filter(({ quantity }) => quantity > 0);
    if (effect !== undefined)
      walk.answer(effect, walk.world.perform(effect, effect.type === 'capture' ? choice : 0));
    else if (!walk.command({ type: 'WriteOffCapture', data: { reason: 'why' } }) && !advance(walk)) {
      if (!walk.command({ type: 'RequestReturn', data: { lines, reason: 'why' } })) return;
    }
    walk.check();
  }
}

test('once all goods are returned, all that was captured is refunded, to the last minor unit', () => {
  let returned = 0;
  fc.assert(
    fc.property(
      anOrder,
      fc.array(
        aStep.filter(({ kind }) => kind !== 'wait'),
        { maxLength: 40, size: 'max' },
      ),
      fc.array(fc.constantFrom(0, 0, 1, 70), { minLength: 1 }),
      (data, steps, choices) => {
        const walk = new Walk({ ...data, rules: 2 });
        walk.skipTo('dispatched');
        for (const step of steps) walk.step(step);
        for (const choice of choices) returnAll(walk, choice);
        const { order } = walk;
        // A payment may stay pending, or the return window may have passed.
        const isBack = order.returns.every(({ status }) => status === 'received');
        if (!isBack || order.lines.some((line) => line.dispatched > line.returned)) return;
        assert.equal(refundable(order), 0);
        assert.equal(refundedAmount(order), capturedAmount(order));
        if (capturedAmount(order) > 0) returned += 1;
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(returned > 100, `only ${returned} orders were paid and came back`);
}, 240_000);
