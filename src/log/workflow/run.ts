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
  workflowInfo,
} from '@temporalio/workflow';
import { append, type Appended } from '../append.js';
import { versionInKey } from '../decision.js';
import type {
  Attribute,
  Cause,
  Deadline,
  Draft,
  Effect,
  Entity,
  Refusal,
  State,
  StoredEvent,
} from '../entity.js';
import { answerOf, didNothing } from './answer.js';
import { commandIdOf, hasIssuer, isSameCommand } from './command-id.js';
import {
  isRepetition,
  isSameBody,
  journalNeeded,
  judge,
  judgeFact,
  judgeNew,
  keyConflict,
  type Obstacle,
  versionConflict,
} from './guard.js';
import {
  type Answer,
  causeOf,
  type ContinuedEntity,
  type EntityEnd,
  type EntityPreview,
  type EntityState,
  type EntityStep,
  eventFork,
  type Halt,
  isMessage,
  type LogActivities,
  type Message,
  messageId,
  messagesWaiting,
  type NewEntity,
  type PreviewRequest,
  previewQuery,
  type RefusedUpdate,
  type ResumedEntity,
  type Signal,
  stateQuery,
} from './messages.js';
import { eventsOf } from './preview.js';
import { RememberedCommands } from './remembered-commands.js';
import { endSuperseded, stepOf, supersededBy, takeOver } from './resumption.js';
import { attributesOf, ListedAttributes } from './search-attributes.js';
import { UnrecordedEvents } from './unrecorded-events.js';
import { details, stepSummary } from './web-ui.js';

/**
 * An outage only delays a step: it is retried without limit. Only a fork of the log is final,
 * because no retry can repair it.
 */
const untilDone: ActivityOptions = {
  startToCloseTimeout: '10s',
  retry: {
    initialInterval: '200ms',
    backoffCoefficient: 2,
    maximumInterval: '10s',
    nonRetryableErrorTypes: [eventFork],
  },
};
const { record, recall } = proxyActivities<LogActivities>(untilDone);
const performers = proxyActivities<Record<string, (step: EntityStep) => Promise<unknown>>>(untilDone);

const recalledAtOnce = 100;

/**
 * Temporal's limit for the input of the next run is 2 MiB. A workflow task that exceeds it fails on
 * every try.
 */
const handedOnBytes = 1_900_000;

/** The start argument of an entity's workflow. */
export type Input<S> = NewEntity | ContinuedEntity<S> | ResumedEntity<S>;

/** The workflow of one entity, from creation to end. Its events are decided nowhere else. */
export async function run<S extends State, D extends Draft, F extends Effect>(
  entity: Entity<S, D, F>,
  input: Input<S>,
): Promise<EntityEnd> {
  const { cancelRequested } = CancellationScope.current();
  // A cancellation of the workflow is a command to the entity, judged by the entity's own rules.
  return await CancellationScope.nonCancellable(async () => {
    const started = 'resume' in input ? await resumedRun(entity, input) : new Run(entity, input);
    started.listen();
    cancelRequested.catch(() => started.requestCancellation());
    return await started.untilFinished();
  });
}

async function resumedRun<S extends State, D extends Draft, F extends Effect>(
  entity: Entity<S, D, F>,
  input: ResumedEntity<S>,
): Promise<Run<S, D, F>> {
  const arriving: Signal[] = [];
  keepUntilTakenOver(entity, input, arriving);
  const { continued, messages } = await takeOver(entity, input, untilDone, arriving);
  const resumed = new Run(entity, continued);
  resumed.relist();
  resumed.handleAgain(messages);
  return resumed;
}

/**
 * Until the entity is taken over, keeps signals, and refuses updates with `busy`: the caller tries
 * again.
 */
function keepUntilTakenOver<S extends State, D extends Draft, F extends Effect>(
  { name: entityName, commands, facts }: Entity<S, D, F>,
  { orderId }: ResumedEntity<S>,
  arriving: Signal[],
): void {
  for (const name of [...commands, ...(facts?.types ?? [])])
    setHandler(defineSignal<[Message]>(name), (message) => void arriving.push({ name, message }));
  const message = `${entityName} ${orderId} is being resumed: try again`;
  const refusal = { kind: 'busy', code: messagesWaiting, message } as const;
  const refused: RefusedUpdate = { refusal, version: 0, status: 'pending', allowedCommands: [] };
  const refuse = (): never => {
    throw ApplicationFailure.create({ message, type: refusal.code, details: [refused], nonRetryable: true });
  };
  for (const type of commands)
    setHandler(defineUpdate<Answer>(type), (): Answer => refuse(), { validator: () => refuse() });
}

/**
 * The durable shell around an entity. The entity decides; the run records the events and performs
 * the effects.
 */
class Run<S extends State, D extends Draft, F extends Effect> {
  private readonly entity: Entity<S, D, F>;
  private current: S;
  private readonly unrecorded: UnrecordedEvents;
  /** keys of the effects for which this run has scheduled an activity */
  private readonly issued = new Set<string>();
  private readonly memory: RememberedCommands;
  /**
   * Signals that wait, in order, because too much is unrecorded, or because the journal must say
   * whether the first one's command is known. They are durable in the history.
   */
  private waiting: readonly Signal[] = [];
  private isRecalling = false;
  /** facts that came while the log had no room for more waiting facts */
  private deferred: readonly Signal[];
  private halted: Halt | undefined;
  /** if a later run has replaced this one: the failure message that says so */
  private replaced: string | undefined;
  private timer: { readonly deadline: Deadline; readonly scope: CancellationScope } | undefined;
  private listed: ListedAttributes;
  /** grows with each change that the main loop must handle */
  private changes = 0;
  private readonly continueAsNewAfter: number | undefined;

  constructor(entity: Entity<S, D, F>, input: NewEntity | ContinuedEntity<S>) {
    this.entity = entity;
    this.continueAsNewAfter = input.continueAsNewAfter;
    if ('order' in input) {
      this.current = input.order;
      this.unrecorded = new UnrecordedEvents(input.unrecorded);
      this.memory = new RememberedCommands(input.remembered, input.memoryFrom);
      this.deferred = input.crowded ?? [];
      this.halted = input.halted;
      this.listed = ListedAttributes.ofContinued(this.attributes());
      // The SDK may replay a first task without commands together with the second as one task. An
      // update in the second task is then answered at another place among the commands (sdk-core,
      // issue 1146). This marker is a command, so the first task always has one.
      patched('marked-run');
    } else {
      const { orderId, create } = input;
      // The time at which the API accepted it, even if a worker came much later.
      const occurredAt = workflowInfo().startTime.toISOString();
      const cause = causeOf(create, occurredAt);
      const created = append(entity, orderId, undefined, judgeNew(entity, create, occurredAt), cause);
      this.current = created.state;
      this.unrecorded = new UnrecordedEvents(created.events);
      const { commandId, hash, requestId } = create;
      const answer = { ...answerOf(created.state, created.events, entity.answerFields), requestId };
      this.memory = new RememberedCommands([{ commandId, hash, answer }], 0);
      this.deferred = [];
      this.listed = ListedAttributes.ofNew(this.attributes());
      this.handleAgain(input.messages ?? []);
    }
  }

  /**
   * Handles messages of earlier runs that were not decided, or not recorded, before any new
   * message.
   */
  handleAgain(messages: readonly Signal[]): void {
    this.applyFacts();
    for (const message of messages) this.receive(message);
  }

  /**
   * A resumed workflow was started with the status as its only search attribute, so the others have
   * to be upserted.
   */
  relist(): void {
    this.listed = ListedAttributes.ofResumed(this.current.status);
  }

  listen(): void {
    setHandler(defineQuery<EntityState<S>>(stateQuery), () => this.state());
    setHandler(defineQuery<EntityPreview<S>, [PreviewRequest]>(previewQuery), (asked) => this.preview(asked));
    for (const type of this.entity.commands) {
      setHandler(defineUpdate<Answer, [Message]>(type), (message) => this.answer(type, message), {
        validator: (message) => this.validate(type, message),
      });
      setHandler(defineSignal<[Message]>(type), (message) => this.receive({ name: type, message }));
    }
    for (const type of this.entity.facts?.types ?? [])
      setHandler(defineSignal<[Message]>(type), (message) => this.receive({ name: type, message }));
  }

  async untilFinished(): Promise<EntityEnd> {
    for (;;) {
      if (this.replaced !== undefined) endSuperseded(this.replaced);
      this.handleWaiting();
      this.handleDeferred();
      this.issueSteps();
      this.show();
      const { orderId, status, version } = this.current;
      const isIdle = !this.unrecorded.isRecording && this.waiting.length === 0;
      if (this.entity.isFinished(this.current) && isIdle) return { orderId, status, version };
      if (this.mustContinueAsNew()) await this.continueAsNew();
      this.watch(this.halted === undefined ? this.entity.nextDeadline(this.current) : undefined);
      const seen = this.changes;
      await condition(() => this.changes > seen || this.mustContinueAsNew());
    }
  }

  // --- messages: handlers never wait ---

  /**
   * Returns if the update is accepted and throws if it is refused; a refused update is not in the
   * history. A repetition is accepted; then come, in this order, the refusals that HTTP answers
   * with 503, 422 and 412, and the entity's own.
   */
  private validate(type: string, message: Message): void {
    const refused = this.refusalOf(type, message, now());
    if (refused === undefined) return;
    throw ApplicationFailure.create({
      message: refused.refusal.message,
      type: refused.refusal.code,
      details: [refused],
      nonRetryable: true,
    });
  }

  private refusalOf(type: string, message: Message, at: string): RefusedUpdate | undefined {
    const known = this.memory.find(message);
    if (isRepetition(known, message)) return undefined;
    const { version, status } = this.current;
    const decision = judge(this.entity, this.current, type, message, at);
    const refusal =
      this.unavailable() ??
      keyConflict(message, known) ??
      journalNeeded(this.entity, message, this.memory) ??
      versionConflict(this.entity, message, version) ??
      ('refusal' in decision ? decision.refusal : undefined);
    if (refusal === undefined) return undefined;
    const { memoryFrom } = this.memory;
    return {
      refusal,
      version,
      status,
      ...this.entity.allowed(this.current),
      ...(refusal.kind === 'memory_from' && { memoryFrom }),
    };
  }

  /** What an update would answer or do at this time. Changes nothing. */
  private preview({ type, message, at }: PreviewRequest): EntityPreview<S> {
    const refused = this.refusalOf(type, message, at);
    if (refused !== undefined) return { refused };
    const { entity, current } = this;
    const replayed = isRepetition(this.memory.find(message), message);
    return { order: current, events: replayed ? [] : eventsOf(entity, current, type, message, at), replayed };
  }

  /** Runs after `validate`, on the same state. */
  private answer(type: string, message: Message): Answer {
    const known = this.memory.find(message);
    if (known !== undefined && !didNothing(known)) return known.answer;
    const decision = judge(this.entity, this.current, type, message, now());
    if ('refusal' in decision)
      throw ApplicationFailure.nonRetryable(decision.refusal.message, decision.refusal.code);
    return this.accept(message, decision.events, messageId(message));
  }

  requestCancellation(): void {
    const { runId } = workflowInfo();
    const { type: name, data, hasIssuer: isIssued } = this.entity.cancel(this.current);
    this.receive({
      name,
      message: {
        data,
        commandId: isIssued ? commandIdOf('temporal', 'cancellation') : 'temporal-cancellation',
        hash: runId,
        correlationId: runId,
        actor: 'temporal',
        requestId: runId,
      },
    });
  }

  private receive(signal: Signal): void {
    if (!isMessage(signal.message)) {
      log.warn(`${signal.name}: not a message of this project, ignored`);
    } else if (this.isBehind() || this.memory.needsJournal(signal.message)) {
      this.waiting = [...this.waiting, signal];
      this.changes += 1;
    } else {
      this.handle(signal);
    }
  }

  private handleWaiting(): void {
    while (this.halted !== undefined || !this.unrecorded.isOverLimit()) {
      const [next] = this.waiting;
      if (next === undefined) return;
      if (this.halted === undefined && this.memory.needsJournal(next.message)) {
        void this.recall();
        return;
      }
      this.waiting = this.waiting.slice(1);
      this.handle(next);
    }
  }

  /**
   * Asks the journal which commands of the waiting signals are known. Then these signals can be
   * handled.
   */
  private async recall(): Promise<void> {
    if (this.isRecalling) return;
    this.isRecalling = true;
    const { orderId } = this.current;
    const asked = this.waiting
      .filter(({ message }) => this.memory.needsJournal(message))
      .slice(0, recalledAtOnce);
    const commandIds = asked.map(({ message }) => message.commandId);
    const upTo = this.memory.memoryFrom;
    const summary = `are ${commandIds.length} messages repetitions?`;
    const known = await recall.executeWithOptions({ summary }, [{ events: [], orderId, commandIds, upTo }]);
    this.memory.addRecalled(known);
    const isAbsent = (signal: Signal) =>
      asked.includes(signal) &&
      !known.some(({ commandId }) => isSameCommand(commandId, signal.message.commandId));
    // The memory may drop a known command before its signal is handled. Then the journal is asked
    // again.
    this.waiting = this.waiting.map((signal) =>
      isAbsent(signal) ? { ...signal, message: { ...signal.message, absentUpTo: upTo } } : signal,
    );
    this.isRecalling = false;
    this.changes += 1;
  }

  /** Handles the facts for which the log had no room, once it has room again. */
  private handleDeferred(): void {
    const { deferred } = this;
    if (deferred.length === 0 || (!this.hasRoomForFacts() && !this.entity.isFinished(this.current))) return;
    this.deferred = [];
    for (const signal of deferred) this.handle(signal);
  }

  private hasRoomForFacts(): boolean {
    return this.entity.facts?.hasRoom(this.current) ?? true;
  }

  private handle({ name, message }: Signal): void {
    const { commandId } = message;
    const { entity, halted } = this;
    if (halted !== undefined)
      return log.warn(`${name}: the ${entity.name} is halted, ignored`, { commandId });
    const known = this.memory.find(message);
    const isFact = entity.facts?.types.includes(name) === true;
    const isJudgedAgain = isFact && hasIssuer(commandId);
    const isKnown = known !== undefined && isSameBody(known, message);
    if (isKnown && !(isJudgedAgain && didNothing(known))) return;
    const reused = keyConflict(message, known);
    if (reused !== undefined) return this.rejectReuse(name, message, reused);
    const obstacle = versionConflict(entity, message, this.current.version);
    if (obstacle !== undefined) return this.reject(name, message, obstacle);
    if (isFact)
      return isJudgedAgain ? this.handleFact(name, message) : this.handleFactWithoutIssuer(name, message);
    if (!entity.commands.includes(name)) return;
    const decision = judge(entity, this.current, name, message, now());
    if ('refusal' in decision) return this.reject(name, message, decision.refusal);
    this.accept(message, decision.events, messageId(message));
  }

  /**
   * A fact cannot be refused. If it does not fit yet, it waits in the log and is applied when it
   * fits.
   */
  private handleFact(type: string, message: Message): void {
    const { facts } = this.entity;
    if (facts === undefined || facts.isWaiting(this.current, message.commandId)) return;
    const judgement = judgeFact(facts, this.current, type, message, now());
    if ('refusal' in judgement) return this.reject(type, message, judgement.refusal);
    const id = messageId(message);
    if (judgement.kind === 'applies') {
      this.accept(message, judgement.events, judgement.settles ?? id);
    } else if (judgement.kind === 'waits') {
      if (facts.hasRoom(this.current))
        this.accept(message, [facts.received(type, message.data, judgement.reason)], id);
      else this.deferred = [...this.deferred, { name: type, message }];
    }
  }

  /**
   * Handles a fact without an issuer as an early version of this code did: if it does not fit, it
   * is refused.
   */
  private handleFactWithoutIssuer(type: string, message: Message): void {
    const judgement = this.entity.facts?.judgeWithoutIssuer?.(this.current, type, message.data, now());
    if (judgement === undefined) return;
    if ('refusal' in judgement) return this.reject(type, message, judgement.refusal);
    if (judgement.kind !== 'applies' || judgement.events.length === 0) return;
    this.accept(message, judgement.events, judgement.settles ?? messageId(message));
  }

  /** The sender of a signal gets no answer, so the log keeps the refusal as an event. */
  private reject(name: string, message: Message, refusal: Pick<Refusal, 'code' | 'message'>): void {
    this.accept(message, this.entity.rejection(this.current, name, refusal), messageId(message));
  }

  /** Rejects a message that reuses a key. The key stays with the command that used it first. */
  private rejectReuse(name: string, message: Message, refusal: Obstacle): void {
    // Histories without issuers remember this refusal under the key.
    if (!hasIssuer(message.commandId)) return this.reject(name, message, refusal);
    const drafts = this.entity.rejection(this.current, name, refusal);
    if (drafts.length > 0) this.decided(drafts, causeOf(message, now()));
  }

  private accept(message: Message, drafts: readonly D[], causationId: string): Answer {
    const decided =
      drafts.length === 0 ? undefined : this.decided(drafts, causeOf(message, now(), causationId));
    const { commandId, hash, requestId } = message;
    const { state, events } = decided ?? { state: this.current, events: [] };
    const answer = { ...answerOf(state, events, this.entity.answerFields), requestId };
    this.memory.add({ commandId, hash, answer }, this.recordedVersion());
    return answer;
  }

  private unavailable(): Obstacle | undefined {
    if (this.halted !== undefined)
      return { kind: 'halted', code: `${this.entity.name}_forked`, message: this.halted.message };
    if (this.unrecorded.isOverLimit()) {
      return {
        kind: 'busy',
        code: 'journal_behind',
        message: `${this.unrecorded.all().length} events wait for the journal, ${this.waiting.length} messages for them`,
      };
    }
    if (this.waiting.length === 0) return undefined;
    return { kind: 'busy', code: messagesWaiting, message: 'earlier messages are handled first: try again' };
  }

  /** Whether a new signal must wait: it must not overtake one that waits. */
  private isBehind(): boolean {
    return this.waiting.length > 0 || this.unrecorded.isOverLimit();
  }

  // --- steps ---

  /**
   * Appends events to the log, and then applies the waiting facts that fit now.
   *
   * @returns the appended events without those of the facts, and the state after them
   */
  private decided(drafts: readonly D[], cause: Cause): Appended<S, D> {
    const decided = this.append(drafts, cause);
    this.applyFacts();
    return decided;
  }

  private applyFacts(): void {
    const { facts, answerFields } = this.entity;
    for (let next = facts?.fitting(this.current, now()); next; next = facts?.fitting(this.current, now())) {
      const { commandId, causationId } = next.fact;
      const { state, events } = this.append(next.events, next.cause);
      // If the fact is delivered again, this shows that it is applied.
      const answer = { ...answerOf(state, events, answerFields), requestId: '' };
      const hash = causationId.slice(commandId.length + 1);
      this.memory.add({ commandId, hash, answer }, this.recordedVersion());
    }
  }

  private append(drafts: readonly D[], cause: Cause): Appended<S, D> {
    const appended = append(this.entity, this.current.orderId, this.current, drafts, cause);
    this.current = appended.state;
    this.unrecorded.add(appended.events);
    this.changes += 1;
    return appended;
  }

  /**
   * Schedules activities for all that this workflow task has decided, before the task ends, even if
   * others are under way. The first new effect goes with all new events. Each other effect has a
   * step of its own, with the events up to the one that made it owed: they are in the journal
   * before the effect is performed.
   */
  private issueSteps(): void {
    const owed = this.halted === undefined ? this.entity.effects(this.current) : [];
    const [first, ...others] = owed.filter(({ key }) => !this.issued.has(key));
    const queued = this.unrecorded.takeQueued();
    if (queued.length > 0 || first !== undefined) void this.step(queued, first);
    for (const effect of others) {
      const owedSince = versionInKey(effect.key);
      void this.step(
        queued.filter(({ version }) => version <= owedSince),
        effect,
      );
    }
  }

  private async step(events: readonly StoredEvent[], effect: F | undefined): Promise<void> {
    this.unrecorded.begin(events);
    const options = { summary: stepSummary(this.entity, events, effect) };
    try {
      if (effect === undefined) await record.executeWithOptions(options, [stepOf(events, this.current)]);
      else await this.perform(events, effect, options);
      this.unrecorded.end(events);
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      this.replaced ??= supersededBy(error);
      this.halted = { code: eventFork, message: error.cause?.message ?? error.message };
      log.error(`The ${this.entity.name} is halted`, { ...this.halted });
    }
    this.changes += 1;
  }

  private async perform(
    events: readonly StoredEvent[],
    effect: F,
    options: { readonly summary: string },
  ): Promise<void> {
    const { key, correlationId, traceId, type } = effect;
    this.issued.add(key);
    const perform = performers[type];
    if (perform === undefined) throw new TypeError(`There is no activity for the effect ${type}.`);
    const outcome = await perform.executeWithOptions(options, [{ ...stepOf(events, this.current), effect }]);
    const { settle, performer } = this.entity;
    this.decided(settle(this.current, effect, outcome, now()), {
      occurredAt: now(),
      commandId: key,
      correlationId,
      causationId: key,
      actor: performer(effect),
      ...(traceId !== undefined && { traceId }),
    });
  }

  // --- time ---

  /** Keeps one durable timer, for the next deadline. */
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
    const { orderId } = this.current;
    const id = `${orderId}:${name}:${at}`;
    const cause = {
      occurredAt: now(),
      commandId: id,
      correlationId: orderId,
      causationId: id,
      actor: 'clock',
    };
    this.decided(this.entity.expire(this.current, now()), cause);
  }

  // --- what others see ---

  /** The journal has every event up to this version. */
  private recordedVersion(): number {
    const [first] = this.unrecorded.all();
    return first === undefined ? this.current.version : first.version - 1;
  }

  private state(): EntityState<S> {
    const { current, halted } = this;
    return {
      order: current,
      unrecorded: this.unrecorded.all().length,
      ...(halted === undefined ? {} : { halted }),
    };
  }

  private show(): void {
    this.listed.update(this.attributes());
    setCurrentDetails(details(this.entity, this.current, this.halted));
  }

  private attributes(): readonly Attribute[] {
    return attributesOf(this.entity, this.current, this.halted);
  }

  /**
   * Whether to continue as new. If the state is too large for the input of the next run, this run
   * continues: Temporal's limit for a history is about ten times what it suggests.
   */
  private mustContinueAsNew(): boolean {
    if (this.waiting.length > 0) return false;
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (!continueAsNewSuggested && historyLength <= (this.continueAsNewAfter ?? Infinity)) return false;
    return new TextEncoder().encode(JSON.stringify(this.handedOn())).length <= handedOnBytes;
  }

  /**
   * No handler is under way, because handlers never wait. The state has the owed effects; the next
   * run issues them again.
   */
  private async continueAsNew(): Promise<never> {
    return await continueAsNew<(input: ContinuedEntity<S>) => Promise<EntityEnd>>(this.handedOn());
  }

  private handedOn(): ContinuedEntity<S> {
    const { current, memory, deferred, halted, continueAsNewAfter } = this;
    return {
      orderId: current.orderId,
      order: current,
      unrecorded: this.unrecorded.all(),
      ...memory.handedOn(),
      ...(deferred.length === 0 ? {} : { crowded: deferred }),
      ...(halted === undefined ? {} : { halted }),
      ...(continueAsNewAfter === undefined ? {} : { continueAsNewAfter }),
    };
  }
}

/** The workflow's clock: when the current task started. It is the same in every replay. */
function now(): string {
  return new Date().toISOString();
}
