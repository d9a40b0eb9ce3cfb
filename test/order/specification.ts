import { expect } from '@jest/globals';
import { append } from '../../src/log/append.js';
import type { Command, Fact, FollowUpCommand, PaymentFact } from '../../src/order/commands.js';
import { expire, nextDeadline } from '../../src/order/deadlines.js';
import { decide } from '../../src/order/decide.js';
import type {
  EffectOf,
  EffectType,
  Effect,
  OutcomeOf,
  Outcomes,
  Settlement,
} from '../../src/order/effects.js';
import { orders } from '../../src/order/entity.js';
import type { Cause, EventDraft, OrderEvent } from '../../src/order/events.js';
import { decidePayment, fittingFact, judgeFact } from '../../src/order/facts.js';
import { type Order, owedEffects } from '../../src/order/order.js';
import type { Decision, Refusal } from '../../src/order/refusal.js';
import { rejectionOf } from '../../src/order/rejection.js';
import { settle } from '../../src/order/settle.js';
import { later } from '../../src/order/time.js';
import { assertShape } from '../golden/shape.js';

export const orderId = 'o-1';
export const startOfTime = '2026-01-01T00:00:00.000Z';

/** The successful outcome of each effect. */
const goodAnswers: { readonly [T in EffectType]: (effect: EffectOf<T>) => Outcomes[T] } = {
  reserve: () => ({ type: 'reserved' }),
  release: () => ({ type: 'done' }),
  deduct: () => ({ type: 'done' }),
  restock: () => ({ type: 'done' }),
  authorize: ({ key }) => ({ type: 'authorized', authorizationId: `pay-${key}` }),
  capture: ({ key }) => ({ type: 'captured', captureId: `cap-${key}` }),
  void: () => ({ type: 'voided' }),
  refund: () => ({ type: 'refunded' }),
  book: ({ key, carrier = 'Sandbox Post' }) => ({ type: 'booked', carrier, trackingNumber: `t-${key}` }),
};

/**
 * An order's life so far, as a sequence of commands, outcomes and waits. Immutable: a step returns
 * the scenario that comes after it. A step that is refused is a mistake of the test and throws.
 */
export class Scenario {
  static readonly empty = new Scenario([], undefined, startOfTime);

  readonly log: readonly OrderEvent[];
  readonly state: Order | undefined;
  readonly now: string;

  private constructor(log: readonly OrderEvent[], state: Order | undefined, now: string) {
    this.log = log;
    this.state = state;
    this.now = now;
  }

  get order(): Order {
    if (this.state === undefined) throw new Error('there is no order yet');
    return this.state;
  }

  owed<T extends EffectType>(type: T): EffectOf<T> {
    const found = owedEffects(this.order).find((effect): effect is EffectOf<T> => effect.type === type);
    if (found === undefined) throw new Error(`owed: ${owedTypes(this.order).join(', ')}; not ${type}`);
    return found;
  }

  judge(command: Command): Decision {
    return decide(this.state, command, this.now);
  }

  do(...commands: readonly Command[]): Scenario {
    return commands.reduce<Scenario>(
      (scenario, command) => scenario.accept(scenario.judge(command), command.type),
      this,
    );
  }

  /** Settles the owed effect of this type, by default with success. */
  settle<T extends EffectType>(
    type: T,
    outcome: OutcomeOf<T> = goodAnswers[type](this.owed(type)),
  ): Scenario {
    return this.answer(this.owed(type), outcome);
  }

  /** Gives an effect an outcome, even if it is no longer owed. */
  answer<T extends EffectType>(effect: EffectOf<T>, outcome: OutcomeOf<T>): Scenario {
    // The signature makes sure that the outcome is of the effect's type. TypeScript does not relate
    // the two members.
    const drafts = settle(this.order, { effect, outcome } as Settlement, this.now);
    return drafts.length === 0 ? this : this.append(drafts, effect.key);
  }

  /** Settles all owed effects with success, and those that become owed by it. */
  settleAll(): Scenario {
    const [next] = this.order.owed;
    return next === undefined ? this : this.settle(next.type).settleAll();
  }

  /** The provider's webhook. As in the workflow, it settles the effect if that is still owed. */
  learn(fact: PaymentFact): Scenario {
    const isAnswer = this.order.owed.some(({ key, type }) => key === fact.reference && type === 'authorize');
    return this.accept(this.judgeFact(fact), isAnswer ? fact.reference : 'webhook');
  }

  judgeFact(fact: PaymentFact): Decision {
    return decidePayment(this.order, fact, this.now);
  }

  /**
   * Receives a fact from outside, under a message id. As in the workflow, the fact waits if the
   * order's state does not allow it yet.
   */
  take(fact: Fact, id = 'webhook x'): Scenario {
    const judgement = judgeFact(this.order, fact, this.now);
    if (judgement.kind === 'reflected') return this;
    if (judgement.kind === 'applies')
      return this.append(judgement.events, judgement.settles ?? `${id}.0`, id);
    return this.append([judgement.received], `${id}.0`, id);
  }

  /** A command whose caller does not wait for an answer. */
  signal(command: FollowUpCommand): Scenario {
    const decision = this.judge(command);
    if ('events' in decision) return this.append(decision.events, command.type);
    return this.append(rejectionOf(this.order, command.type, decision.refusal), command.type);
  }

  /** Lets time pass, and handles every deadline on the way. */
  wait(milliseconds: number): Scenario {
    return this.waitUntil(later(this.now, milliseconds));
  }

  /** Lets time pass without handling deadlines, as while the workflow is gone. */
  away(milliseconds: number): Scenario {
    return this.at(later(this.now, milliseconds));
  }

  /** Resumes the workflow from the journal. */
  resume(): Scenario {
    const data = { reason: 'its history was lost', previousRunId: 'run-1' };
    return this.append([{ type: 'OrderResumed', data }], 'resumption');
  }

  private waitUntil(until: string): Scenario {
    const deadline = nextDeadline(this.order);
    if (deadline === undefined || deadline.at > until) return this.at(until);
    const then = this.at(deadline.at > this.now ? deadline.at : this.now);
    const passed = then.append(expire(then.order, then.now), deadline.name);
    expect(passed.order.version).toBeGreaterThan(then.order.version);
    return passed.waitUntil(until);
  }

  /** The same log with another state. */
  withState(state: Order): Scenario {
    return new Scenario(this.log, state, this.now);
  }

  private at(now: string): Scenario {
    return new Scenario(this.log, this.state, now);
  }

  private accept(decision: Decision, causationId: string): Scenario {
    if ('refusal' in decision) throw new Error(`${causationId} refused: ${decision.refusal.message}`);
    return this.append(decision.events, causationId);
  }

  private append(drafts: readonly EventDraft[], causationId: string, commandId = causationId): Scenario {
    const cause: Cause = {
      occurredAt: this.now,
      commandId,
      correlationId: 'test',
      causationId,
      actor: 'tester',
    };
    const { state: order, events } = append(orders, orderId, this.state, drafts, cause);
    for (const event of events) assertShape(event);
    const scenario = new Scenario([...this.log, ...events], order, this.now);
    const fitting = fittingFact(order, this.now);
    return fitting === undefined
      ? scenario
      : scenario.append(fitting.events, fitting.cause.causationId, fitting.cause.commandId);
  }
}

/** given(…).when(command).thenEvents(…), in the manner of emmett's `DeciderSpecification`. */
export function given(scenario: Scenario) {
  return {
    when: (command: Command) => ({
      /** Expects the command's events and those that follow from them, without envelopes. */
      thenEvents: (...drafts: readonly EventDraft[]) => thenEvents(scenario, scenario.do(command), drafts),
      thenRefused: (refusal: Partial<Refusal>) => thenRefused(scenario.judge(command), refusal),
    }),
    whenSettled: <T extends EffectType>(type: T, outcome?: OutcomeOf<T>) => ({
      thenEvents: (...drafts: readonly EventDraft[]) =>
        thenEvents(scenario, scenario.settle(type, outcome), drafts),
    }),
    whenAnswered: <T extends EffectType>(effect: EffectOf<T>, outcome: OutcomeOf<T>) => ({
      thenEvents: (...drafts: readonly EventDraft[]) =>
        thenEvents(scenario, scenario.answer(effect, outcome), drafts),
    }),
    whenLearned: (fact: PaymentFact) => ({
      thenEvents: (...drafts: readonly EventDraft[]) => thenEvents(scenario, scenario.learn(fact), drafts),
      thenRefused: (refusal: Partial<Refusal>) => thenRefused(scenario.judgeFact(fact), refusal),
    }),
    whenPassed: (milliseconds: number) => ({
      thenEvents: (...drafts: readonly EventDraft[]) =>
        thenEvents(scenario, scenario.wait(milliseconds), drafts),
    }),
  };
}

function thenEvents(before: Scenario, after: Scenario, drafts: readonly EventDraft[]): Scenario {
  const happened = after.log.slice(before.log.length).map(({ type, data }) => ({ type, data }));
  expect(happened).toStrictEqual(drafts);
  return after;
}

function thenRefused(decision: Decision, refusal: Partial<Refusal>): void {
  expect(decision).toMatchObject({ refusal });
}

/** The types of the owed effects, in the sequence in which they became owed. */
export function owedTypes(order: Order): readonly Effect['type'][] {
  return owedEffects(order).map(({ type }) => type);
}

/** The types of the events that came after `before`. */
export function eventTypes(
  after: Scenario,
  before: Scenario = Scenario.empty,
): readonly OrderEvent['type'][] {
  return after.log.slice(before.log.length).map(({ type }) => type);
}
