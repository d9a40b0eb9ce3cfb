import { defineSearchAttributeKey } from '@temporalio/common';
import {
  ActivityFailure,
  type ActivityOptions,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  log,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { allowedCommands } from '../domain/allowed.js';
import { append } from '../domain/append.js';
import { type FollowUpType, followUpTypes } from '../domain/commands.js';
import { type Deadline, expire, nextDeadline } from '../domain/deadlines.js';
import type { Effect, EffectType, Outcome, Settlement } from '../domain/effects.js';
import type { Cause, EventDraft, OrderEvent, StoredEvent } from '../domain/events.js';
import { type Order, isFinished } from '../domain/order.js';
import { pendingEffects } from '../domain/pending-effects.js';
import type { Decision } from '../domain/refusal.js';
import { settle } from '../domain/settle.js';
import { details, stepSummary } from './legible.js';
import {
  type Answer,
  type ContinuedOrder,
  type Halt,
  type Message,
  type NewOrder,
  type OrderEnd,
  type OrderState,
  type PaymentMessage,
  type RefusedUpdate,
  type Remembered,
  type Step,
  type Steps,
  eventFork,
  messageId,
  paymentSignal,
  searchAttributes,
  stateQuery,
} from './messages.js';
import { type Obstacle, conflict, isMessage, judge, judgeNew, judgePayment } from './judgement.js';

/** An outage delays a step and never ends it: only a fork of the log, which no retry can mend, is final. */
const untilDone: ActivityOptions = {
  startToCloseTimeout: '10s',
  retry: {
    initialInterval: '200ms',
    backoffCoefficient: 2,
    maximumInterval: '10s',
    nonRetryableErrorTypes: [eventFork],
  },
};
const { record } = proxyActivities<Steps>(untilDone);
const steps = proxyActivities<Record<EffectType, (step: Step) => Promise<Outcome>>>(untilDone);

/** Who answers to an effect: the actor of its outcome. */
const worldOf: Readonly<Record<EffectType, string>> = {
  reserve: 'inventory',
  release: 'inventory',
  deduct: 'inventory',
  restock: 'inventory',
  authorize: 'payments',
  capture: 'payments',
  void: 'payments',
  refund: 'payments',
};

const statusAttribute = defineSearchAttributeKey(searchAttributes.status, 'KEYWORD');

/** How many answered commands are known again; Temporal itself knows those of one run only. */
const rememberedCommands = 500;

/**
 * Beyond either, updates are refused and signals wait until the journal has caught up: what one activity is given, and one
 * run hands to the next, has a limit.
 */
const unrecordedLimit = { events: 500, characters: 256 * 1024 };

/** What Temporal takes from one run for the next is 2 MiB; a task that gives more fails, whenever it is tried again. */
const handedOnBytes = 1_900_000;

/** One order, from its creation to its end: the only place where its events are decided. */
export async function order(input: NewOrder | ContinuedOrder): Promise<OrderEnd> {
  const { cancelRequested } = CancellationScope.current();
  // Whoever asks Temporal to cancel the workflow asks for the order to be cancelled, by its own rules.
  return await CancellationScope.nonCancellable(async () => {
    const run = new OrderRun(input);
    run.listen();
    cancelRequested.catch(() => run.requestCancellation());
    return await run.untilFinished();
  });
}

/** The durable shell around the domain. It has what was decided recorded and done, and decides nothing itself. */
class OrderRun {
  private order: Order;
  /** decided, and not yet in the input of an activity */
  private queued: readonly StoredEvent[];
  /** in the input of an activity that has not ended yet */
  private readonly recording = new Set<readonly StoredEvent[]>();
  /** keys of the effects an activity was scheduled for in this run */
  private readonly issued = new Set<string>();
  private remembered: readonly Remembered[];
  /** signals that came while too much was unrecorded, in their order: durable as they are, and decided later */
  private readonly waiting: (() => void)[] = [];
  private halted: Halt | undefined;
  private timer: { readonly deadline: Deadline; readonly scope: CancellationScope } | undefined;
  private listedStatus: Order['status'];
  /** counts what the main loop must look at */
  private changes = 0;
  private readonly continueAsNewAfter: number | undefined;

  constructor(input: NewOrder | ContinuedOrder) {
    this.continueAsNewAfter = input.continueAsNewAfter;
    if ('order' in input) {
      this.order = input.order;
      this.queued = input.unrecorded;
      this.remembered = input.remembered;
      this.halted = input.halted;
      this.listedStatus = input.order.status;
      // A first task that does nothing is at times replayed as one with the second, and an update in that one then answered
      // at another point among the commands (sdk-core, issue 1146). The marker is a command: no first task does nothing.
      patched('marked-run');
    } else {
      const { orderId, create } = input;
      // Created when it was accepted, however long no worker was there.
      const occurredAt = workflowInfo().startTime.toISOString();
      const cause = { ...causeOf(create, messageId(create)), occurredAt };
      const created = append(orderId, undefined, judgeNew(create, occurredAt), cause);
      this.order = created.order;
      this.queued = created.events;
      const { commandId, hash, requestId } = create;
      this.remembered = [{ commandId, hash, answer: answerTo(created.order, created.events, requestId) }];
      this.listedStatus = 'pending';
    }
  }

  listen(): void {
    setHandler(defineQuery<OrderState>(stateQuery), () => this.state());
    for (const type of followUpTypes) {
      setHandler(defineUpdate<Answer, [Message]>(type), (message) => this.answer(type, message), {
        validator: (message) => this.validate(type, message),
      });
      setHandler(defineSignal<[Message]>(type), (message) => this.take(type, message));
    }
    setHandler(defineSignal<[PaymentMessage]>(paymentSignal), (message) => this.takePayment(message));
  }

  async untilFinished(): Promise<OrderEnd> {
    for (;;) {
      this.takeWaiting();
      this.issueSteps();
      this.show();
      const { orderId, status, version } = this.order;
      if (isFinished(this.order) && this.recording.size === 0) return { orderId, status, version };
      if (this.mustContinueAsNew()) await this.continueAsNew();
      this.watch(this.halted === undefined ? nextDeadline(this.order) : undefined);
      const seen = this.changes;
      await condition(() => this.changes > seen || this.mustContinueAsNew());
    }
  }

  // --- messages: handlers never wait ---

  /** Accepts an update by returning. A refusal leaves nothing in the history. */
  private validate(type: FollowUpType, message: Message): void {
    const known = this.recall(message);
    if (known?.hash === message.hash && !isRejection(known)) return;
    const { version, status } = this.order;
    const decision = judge(this.order, type, message, now());
    const refusal =
      this.unavailable() ??
      conflict(message, known, version) ??
      ('refusal' in decision ? decision.refusal : undefined);
    if (refusal === undefined) return;
    const refused: RefusedUpdate = { refusal, version, status, ...allowedCommands(this.order) };
    throw ApplicationFailure.create({
      message: refusal.message,
      type: refusal.code,
      details: [refused],
      nonRetryable: true,
    });
  }

  /** Runs after `validate`, on the same state. */
  private answer(type: FollowUpType, message: Message): Answer {
    const known = this.recall(message);
    if (known !== undefined && !isRejection(known)) return known.answer;
    const decision = judge(this.order, type, message, now());
    if ('refusal' in decision)
      throw ApplicationFailure.nonRetryable(decision.refusal.message, decision.refusal.code);
    return this.accept(message, decision.events, messageId(message));
  }

  private take(type: FollowUpType, message: Message): void {
    this.receive(type, message, (id) => ({
      decision: judge(this.order, type, message, now()),
      causationId: id,
    }));
  }

  /** The provider's word may be the answer to an effect whose own answer is still under way: then it settles that effect. */
  private takePayment(message: PaymentMessage): void {
    this.receive(paymentSignal, message, (id) => {
      const decision = judgePayment(this.order, message, now());
      if ('refusal' in decision) return { decision, causationId: id };
      const { reference } = message.data;
      const isAnswer = pendingEffects(this.order).some(
        ({ key, type }) => key === reference && type === 'authorize',
      );
      return { decision, causationId: isAnswer ? reference : id };
    });
  }

  requestCancellation(): void {
    const { runId } = workflowInfo();
    this.take('CancelOrder', {
      data: { reason: 'cancellation requested in Temporal' },
      commandId: 'temporal-cancellation',
      hash: runId,
      correlationId: runId,
      actor: 'temporal',
      requestId: runId,
    });
  }

  private receive(...signal: Parameters<OrderRun['takeSignal']>): void {
    if (this.isBehind()) this.waiting.push(() => this.takeSignal(...signal));
    else this.takeSignal(...signal);
  }

  private takeWaiting(): void {
    while (this.halted !== undefined || !this.isOverLimit()) {
      const take = this.waiting.shift();
      if (take === undefined) return;
      take();
    }
  }

  /** Nobody waits for the answer: what does not fit becomes an event, never an error. */
  private takeSignal(
    name: string,
    message: Message,
    decideOn: (id: string) => { readonly decision: Decision; readonly causationId: string },
  ): void {
    if (!isMessage(message)) return log.warn(`${name}: not a message of this project, ignored`, { message });
    if (this.halted !== undefined) return log.warn(`${name}: the order is halted, ignored`, { message });
    const known = this.recall(message);
    if (known?.hash === message.hash) return;
    const obstacle = conflict(message, known, this.order.version);
    const id = messageId(message);
    const { decision, causationId } =
      obstacle === undefined ? decideOn(id) : { decision: { refusal: obstacle }, causationId: id };
    if ('refusal' in decision) {
      const { code, message: reason } = decision.refusal;
      this.accept(message, [{ type: 'CommandRejected', data: { command: name, code, message: reason } }], id);
    } else if (decision.events.length > 0) {
      this.accept(message, decision.events, causationId);
    }
  }

  private accept(message: Message, drafts: readonly EventDraft[], causationId: string): Answer {
    const events = this.decided(drafts, causeOf(message, causationId));
    const { commandId, hash, requestId } = message;
    const answer = answerTo(this.order, events, requestId);
    this.remembered = [...this.remembered, { commandId, hash, answer }].slice(-rememberedCommands);
    return answer;
  }

  private recall({ commandId }: Message): Remembered | undefined {
    return this.remembered.findLast((entry) => entry.commandId === commandId);
  }

  private unavailable(): Obstacle | undefined {
    if (this.halted !== undefined)
      return { kind: 'halted', code: 'order_forked', message: this.halted.message };
    if (!this.isBehind()) return undefined;
    return {
      kind: 'busy',
      code: 'journal_behind',
      message: `${this.unrecorded().length} events wait for the journal, ${this.waiting.length} messages for them`,
    };
  }

  /** What comes later must not overtake what waits. */
  private isBehind(): boolean {
    return this.waiting.length > 0 || this.isOverLimit();
  }

  private isOverLimit(): boolean {
    const unrecorded = this.unrecorded();
    return (
      unrecorded.length > unrecordedLimit.events ||
      JSON.stringify(unrecorded).length > unrecordedLimit.characters
    );
  }

  // --- steps ---

  private decided(drafts: readonly EventDraft[], cause: Cause): readonly OrderEvent[] {
    const { order: next, events } = append(this.order.orderId, this.order, drafts, cause);
    this.order = next;
    this.queued = [...this.queued, ...events];
    this.changes += 1;
    return events;
  }

  /**
   * Whatever was decided in this workflow task is in an activity's input before the task ends, however many are under way.
   * The first effect that is newly owed goes with it, others in steps of their own.
   */
  private issueSteps(): void {
    const owed = this.halted === undefined ? pendingEffects(this.order) : [];
    const [first, ...others] = owed.filter(({ key }) => !this.issued.has(key));
    if (this.queued.length > 0 || first !== undefined) void this.step(this.queued, first);
    for (const effect of others) void this.step([], effect);
    this.queued = [];
  }

  private async step(events: readonly StoredEvent[], effect: Effect | undefined): Promise<void> {
    this.recording.add(events);
    const options = { summary: stepSummary(events, effect) };
    try {
      if (effect === undefined) await record.executeWithOptions(options, [{ events }]);
      else await this.perform(events, effect, options);
      this.recording.delete(events);
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      this.halted = { code: eventFork, message: error.cause?.message ?? error.message };
      log.error('The order is halted', { ...this.halted });
    }
    this.changes += 1;
  }

  private async perform(
    events: readonly StoredEvent[],
    effect: Effect,
    options: { summary: string },
  ): Promise<void> {
    this.issued.add(effect.key);
    const outcome = await steps[effect.type].executeWithOptions(options, [{ events, effect }]);
    const { key, correlationId, type } = effect;
    // The two belong together: an activity answers with an outcome of the effect it was given.
    const drafts = settle(this.order, { effect, outcome } as Settlement, now());
    this.decided(drafts, {
      occurredAt: now(),
      commandId: key,
      correlationId,
      causationId: key,
      actor: worldOf[type],
    });
  }

  // --- time ---

  /** One durable timer, for the earliest deadline. */
  private watch(deadline: Deadline | undefined): void {
    if (this.timer?.deadline.at === deadline?.at && this.timer?.deadline.name === deadline?.name) return;
    this.timer?.scope.cancel();
    this.timer = undefined;
    if (deadline === undefined) return;
    const scope = new CancellationScope();
    this.timer = { deadline, scope };
    const wait = Math.max(1, Date.parse(deadline.at) - Date.now());
    const passed = scope.run(() => sleep(wait, { summary: `${deadline.name} at ${deadline.at}` }));
    passed.then(
      () => this.pass(deadline),
      (error: unknown) => {
        if (!isCancellation(error)) throw error;
      },
    );
  }

  private pass({ name, at }: Deadline): void {
    this.timer = undefined;
    const { orderId } = this.order;
    const id = `${orderId}:${name}:${at}`;
    const cause = {
      occurredAt: now(),
      commandId: id,
      correlationId: orderId,
      causationId: id,
      actor: 'clock',
    };
    this.decided(expire(this.order, now()), cause);
  }

  // --- what others see ---

  private unrecorded(): readonly StoredEvent[] {
    return [...this.recording, this.queued].flat();
  }

  private state(): OrderState {
    const { order: current, halted } = this;
    return {
      order: current,
      unrecorded: this.unrecorded().length,
      ...(halted === undefined ? {} : { halted }),
    };
  }

  private show(): void {
    const { status } = this.order;
    if (status !== this.listedStatus) upsertSearchAttributes([{ key: statusAttribute, value: status }]);
    this.listedStatus = status;
    setCurrentDetails(details(this.order, this.halted));
  }

  /** An order that is too large to be handed on stays in this run, which goes on for ten times as long as is suggested. */
  private mustContinueAsNew(): boolean {
    if (this.waiting.length > 0) return false;
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (!continueAsNewSuggested && historyLength <= (this.continueAsNewAfter ?? Infinity)) return false;
    return new TextEncoder().encode(JSON.stringify(this.handedOn())).length <= handedOnBytes;
  }

  /** Handlers never wait, so none is under way here. Effects that are owed are in the order, and issued again. */
  private async continueAsNew(): Promise<never> {
    return await continueAsNew<typeof order>(this.handedOn());
  }

  private handedOn(): ContinuedOrder {
    const { order: current, remembered, halted, continueAsNewAfter } = this;
    return {
      orderId: current.orderId,
      order: current,
      unrecorded: this.unrecorded(),
      remembered,
      ...(halted === undefined ? {} : { halted }),
      ...(continueAsNewAfter === undefined ? {} : { continueAsNewAfter }),
    };
  }
}

/** What came of a signal that did not fit: nothing was done, so an update with its key is judged as if it were the first. */
function isRejection({ answer }: Remembered): boolean {
  return answer.events.every(({ type }) => type === 'CommandRejected');
}

/** The workflow's clock: the time at which the current task started, the same in every replay. */
function now(): string {
  return new Date().toISOString();
}

function causeOf({ commandId, correlationId, actor }: Message, causationId: string): Cause {
  return { occurredAt: now(), commandId, correlationId, causationId, actor };
}

function answerTo(
  { orderId, version, status }: Order,
  events: readonly OrderEvent[],
  requestId: string,
): Answer {
  const answer = {
    orderId,
    version,
    status,
    events: events.map((event) => ({ version: event.version, type: event.type })),
  };
  for (const event of events) {
    if (event.type === 'ShipmentCreated') return { ...answer, shipmentId: event.data.shipmentId, requestId };
    if (event.type === 'ReturnRequested') return { ...answer, returnId: event.data.returnId, requestId };
  }
  return { ...answer, requestId };
}
