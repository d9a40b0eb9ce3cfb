import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
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
  isSameBody,
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
  type Remembered,
  rememberedCommands,
  type ResumedEntity,
  searchAttributes,
  type Signal,
  stateQuery,
} from './messages.js';
import { eventsOf } from './preview.js';
import { endSuperseded, stepOf, supersededBy, takeOver } from './resumption.js';
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
 * If more than this is unrecorded, updates are refused and signals wait until the journal has
 * caught up, because the input of an activity, and of the next run, has a size limit.
 */
const unrecordedLimit = { events: 500, characters: 256 * 1024 };

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
  const taken = new Run(entity, continued);
  taken.relist();
  taken.takeAgain(messages);
  return taken;
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
  /** events that were decided and are not yet in the input of an activity */
  private queued: readonly StoredEvent[];
  /**
   * the events of each activity that has not ended; several effects of one decision share events
   */
  private readonly recording = new Set<readonly StoredEvent[]>();
  /** keys of the effects for which this run has scheduled an activity */
  private readonly issued = new Set<string>();
  private remembered: readonly Remembered[];
  /** see `ContinuedEntity` */
  private memoryFrom: number;
  /**
   * Signals that wait, in order, because too much is unrecorded, or because the journal must say
   * whether the first one's command is known. They are durable in the history.
   */
  private waiting: readonly Signal[] = [];
  private isRecalling = false;
  private crowded: readonly Signal[];
  private halted: Halt | undefined;
  /** if a later run has replaced this one: the failure message that says so */
  private replaced: string | undefined;
  private readonly characters = new WeakMap<StoredEvent, number>();
  private timer: { readonly deadline: Deadline; readonly scope: CancellationScope } | undefined;
  /** what Temporal's list has of the entity; a resumed run cannot know it */
  private listed: ReadonlyMap<string, Attribute['value']> = new Map();
  /** the list may lack attributes that have not changed */
  private isListed: boolean;
  /** grows with each change that the main loop must handle */
  private changes = 0;
  private readonly continueAsNewAfter: number | undefined;

  constructor(entity: Entity<S, D, F>, input: NewEntity | ContinuedEntity<S>) {
    this.entity = entity;
    this.continueAsNewAfter = input.continueAsNewAfter;
    if ('order' in input) {
      this.current = input.order;
      this.queued = input.unrecorded;
      this.remembered = input.remembered;
      this.memoryFrom = input.memoryFrom ?? oldestRemembered(input.remembered);
      this.crowded = input.crowded ?? [];
      this.halted = input.halted;
      this.listed = valuesOf(this.attributes());
      this.isListed = true;
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
      this.queued = created.events;
      const { commandId, hash, requestId } = create;
      const answer = { ...answerOf(created.state, created.events, entity.told), requestId };
      this.remembered = [{ commandId, hash, answer }];
      this.memoryFrom = 0;
      this.crowded = [];
      // The workflow was started with this status, and with no other attribute of these.
      this.listed = valuesOf(this.attributes()).set(searchAttributes.status, 'pending');
      this.isListed = false;
      this.takeAgain(input.messages ?? []);
    }
  }

  /**
   * Handles messages of earlier runs that were not decided, or not recorded, before any new
   * message.
   */
  takeAgain(messages: readonly Signal[]): void {
    this.applyFacts();
    for (const message of messages) this.receive(message);
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
      this.takeWaiting();
      this.takeCrowded();
      this.issueSteps();
      this.show();
      const { orderId, status, version } = this.current;
      const isIdle = this.recording.size === 0 && this.waiting.length === 0;
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
    const known = this.remembers(message);
    if (isRepetition(known, message)) return undefined;
    const { version, status } = this.current;
    const decision = judge(this.entity, this.current, type, message, at);
    const refusal =
      this.unavailable() ??
      keyConflict(message, known) ??
      this.forgotten(message) ??
      versionConflict(this.entity, message, version) ??
      ('refusal' in decision ? decision.refusal : undefined);
    if (refusal === undefined) return undefined;
    const { memoryFrom } = this;
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
    const replayed = isRepetition(this.remembers(message), message);
    return { order: current, events: replayed ? [] : eventsOf(entity, current, type, message, at), replayed };
  }

  /** Runs after `validate`, on the same state. */
  private answer(type: string, message: Message): Answer {
    const known = this.remembers(message);
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
    } else if (this.isBehind() || this.forgotten(signal.message)) {
      this.waiting = [...this.waiting, signal];
      this.changes += 1;
    } else {
      this.take(signal);
    }
  }

  private takeWaiting(): void {
    while (this.halted !== undefined || !this.isOverLimit()) {
      const [next] = this.waiting;
      if (next === undefined) return;
      if (this.halted === undefined && this.forgotten(next.message)) {
        void this.recall();
        return;
      }
      this.waiting = this.waiting.slice(1);
      this.take(next);
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
    const asked = this.waiting.filter(({ message }) => this.forgotten(message)).slice(0, recalledAtOnce);
    const commandIds = asked.map(({ message }) => message.commandId);
    const upTo = this.memoryFrom;
    const summary = `are ${commandIds.length} messages repetitions?`;
    const known = await recall.executeWithOptions({ summary }, [{ events: [], orderId, commandIds, upTo }]);
    this.remembered = [...known, ...this.remembered];
    const isAbsent = (signal: Signal) =>
      asked.includes(signal) &&
      !known.some(({ commandId }) => isSameCommand(commandId, signal.message.commandId));
    // A known command may be forgotten again before its signal is handled. Then the journal is
    // asked again.
    this.waiting = this.waiting.map((signal) =>
      isAbsent(signal) ? { ...signal, message: { ...signal.message, absentUpTo: upTo } } : signal,
    );
    this.isRecalling = false;
    this.changes += 1;
  }

  /** Handles the facts for which the log had no room, once it has room again. */
  private takeCrowded(): void {
    const { crowded } = this;
    if (crowded.length === 0 || (!this.hasRoomForFacts() && !this.entity.isFinished(this.current))) return;
    this.crowded = [];
    for (const signal of crowded) this.take(signal);
  }

  private hasRoomForFacts(): boolean {
    return this.entity.facts?.hasRoom(this.current) ?? true;
  }

  private take({ name, message }: Signal): void {
    const { commandId } = message;
    const { entity, halted } = this;
    if (halted !== undefined)
      return log.warn(`${name}: the ${entity.name} is halted, ignored`, { commandId });
    const known = this.remembers(message);
    const isFact = entity.facts?.types.includes(name) === true;
    const mayCome = isFact && hasIssuer(commandId);
    const isKnown = known !== undefined && isSameBody(known, message);
    if (isKnown && !(mayCome && didNothing(known))) return;
    const reused = keyConflict(message, known);
    if (reused !== undefined) return this.rejectReuse(name, message, reused);
    const obstacle = versionConflict(entity, message, this.current.version);
    if (obstacle !== undefined) return this.reject(name, message, obstacle);
    if (isFact) return mayCome ? this.takeFact(name, message) : this.takeFactWithoutIssuer(name, message);
    if (!entity.commands.includes(name)) return;
    const decision = judge(entity, this.current, name, message, now());
    if ('refusal' in decision) return this.reject(name, message, decision.refusal);
    this.accept(message, decision.events, messageId(message));
  }

  /**
   * A fact cannot be refused. If it does not fit yet, it waits in the log and is applied when it
   * fits.
   */
  private takeFact(type: string, message: Message): void {
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
      else this.crowded = [...this.crowded, { name: type, message }];
    }
  }

  /**
   * Handles a fact without an issuer as an early version of this code did: if it does not fit, it
   * is refused.
   */
  private takeFactWithoutIssuer(type: string, message: Message): void {
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
    const answer = { ...answerOf(state, events, this.entity.told), requestId };
    this.remember({ commandId, hash, answer });
    return answer;
  }

  private remember(command: Remembered): void {
    this.remembered = [...this.remembered, command];
    const surplus = this.remembered.length - rememberedCommands;
    if (surplus <= 0) return;
    const [firstUnrecorded] = this.unrecorded();
    const recorded = firstUnrecorded === undefined ? this.current.version : firstUnrecorded.version - 1;
    const forgotten = this.remembered.slice(0, surplus).filter(({ answer }) => answer.version <= recorded);
    this.remembered = this.remembered.slice(forgotten.length);
    this.memoryFrom = Math.max(this.memoryFrom, ...forgotten.map(({ answer }) => answer.version));
  }

  private remembers({ commandId }: Message): Remembered | undefined {
    return this.remembered.findLast((entry) => isSameCommand(entry.commandId, commandId));
  }

  /** The refusal of a message if only the journal can say whether its command is new. */
  private forgotten(message: Message): Obstacle | undefined {
    const { commandId, absentUpTo = 0 } = message;
    // In histories without issuers, a command that is not remembered counts as new.
    if (!hasIssuer(commandId) || absentUpTo >= this.memoryFrom) return undefined;
    if (this.remembers(message) !== undefined) return undefined;
    return {
      kind: 'memory_from',
      code: 'memory_from',
      message: `the ${this.entity.name} remembers its commands since version ${this.memoryFrom}: the journal knows the earlier ones`,
    };
  }

  private unavailable(): Obstacle | undefined {
    if (this.halted !== undefined)
      return { kind: 'halted', code: `${this.entity.name}_forked`, message: this.halted.message };
    if (this.isOverLimit()) {
      return {
        kind: 'busy',
        code: 'journal_behind',
        message: `${this.unrecorded().length} events wait for the journal, ${this.waiting.length} messages for them`,
      };
    }
    if (this.waiting.length === 0) return undefined;
    return { kind: 'busy', code: messagesWaiting, message: 'earlier messages are taken first: try again' };
  }

  /** Whether a new signal must wait: it must not overtake one that waits. */
  private isBehind(): boolean {
    return this.waiting.length > 0 || this.isOverLimit();
  }

  private isOverLimit(): boolean {
    const unrecorded = this.unrecorded();
    if (unrecorded.length > unrecordedLimit.events) return true;
    // The length of the events as a JSON array, with brackets and commas.
    const characters = unrecorded.reduce((sum, event) => sum + this.charactersOf(event) + 1, 1);
    return characters > unrecordedLimit.characters;
  }

  /** Cached for each event, because every message asks for it. */
  private charactersOf(event: StoredEvent): number {
    const known = this.characters.get(event);
    if (known !== undefined) return known;
    const { length } = JSON.stringify(event);
    this.characters.set(event, length);
    return length;
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
    const { facts, told } = this.entity;
    for (let next = facts?.fitting(this.current, now()); next; next = facts?.fitting(this.current, now())) {
      const { commandId, causationId } = next.fact;
      const { state, events } = this.append(next.events, next.cause);
      // If the fact is delivered again, this shows that it is applied.
      const answer = { ...answerOf(state, events, told), requestId: '' };
      this.remember({ commandId, hash: causationId.slice(commandId.length + 1), answer });
    }
  }

  private append(drafts: readonly D[], cause: Cause): Appended<S, D> {
    const appended = append(this.entity, this.current.orderId, this.current, drafts, cause);
    this.current = appended.state;
    this.queued = [...this.queued, ...appended.events];
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
    const { queued } = this;
    if (queued.length > 0 || first !== undefined) void this.step(queued, first);
    for (const effect of others) {
      const owedSince = versionInKey(effect.key);
      void this.step(
        queued.filter(({ version }) => version <= owedSince),
        effect,
      );
    }
    this.queued = [];
  }

  private async step(events: readonly StoredEvent[], effect: F | undefined): Promise<void> {
    this.recording.add(events);
    const options = { summary: stepSummary(this.entity, events, effect) };
    try {
      if (effect === undefined) await record.executeWithOptions(options, [stepOf(events, this.current)]);
      else await this.perform(events, effect, options);
      this.recording.delete(events);
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

  private unrecorded(): readonly StoredEvent[] {
    const byVersion = new Map([...this.recording, this.queued].flat().map((event) => [event.version, event]));
    return [...byVersion.values()].toSorted((one, other) => one.version - other.version);
  }

  private state(): EntityState<S> {
    const { current, halted } = this;
    return {
      order: current,
      unrecorded: this.unrecorded().length,
      ...(halted === undefined ? {} : { halted }),
    };
  }

  private show(): void {
    this.list();
    setCurrentDetails(details(this.entity, this.current, this.halted));
  }

  /** Tells Temporal's list what has changed. Each time costs the order an event of its history. */
  private list(): void {
    const { listed } = this;
    const attributes = this.attributes();
    const changed = attributes.filter(({ name, value }) => listed.get(name) !== value);
    const isStatus = changed.some(({ name }) => name === searchAttributes.status);
    if (!isStatus && !changed.some(({ atOnce }) => atOnce)) return;
    this.listed = valuesOf(attributes);
    // Histories of an earlier version of this code have an upsert for the status only.
    if (!isStatus && !patched('listed-attributes')) return;
    const told = this.isListed ? changed : attributes;
    this.isListed = true;
    upsertSearchAttributes(told.map(pairOf));
  }

  private attributes(): readonly Attribute[] {
    const { entity, current, halted } = this;
    return [
      { name: searchAttributes.status, value: current.status, atOnce: true },
      ...(entity.listing?.(current) ?? []).map((one) =>
        one.name === searchAttributes.attention && halted !== undefined ? { ...one, value: true } : one,
      ),
    ];
  }

  /** Tells Temporal's list everything: the start of a resumed run has told it the status alone. */
  relist(): void {
    this.listed = new Map([[searchAttributes.status, this.current.status]]);
    this.isListed = false;
  }

  /**
   * Whether to continue as new. If the state is too large for the input of the next run, this run
   * goes on: Temporal's limit for a history is about ten times what it suggests.
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
    const { current, remembered, memoryFrom, crowded, halted, continueAsNewAfter } = this;
    return {
      orderId: current.orderId,
      order: current,
      unrecorded: this.unrecorded(),
      remembered,
      memoryFrom,
      ...(crowded.length === 0 ? {} : { crowded }),
      ...(halted === undefined ? {} : { halted }),
      ...(continueAsNewAfter === undefined ? {} : { continueAsNewAfter }),
    };
  }
}

/**
 * `memoryFrom` of input by an older version of this code, which kept `rememberedCommands` at most
 * and had no such field.
 */
function oldestRemembered(remembered: readonly Remembered[]): number {
  const [oldest] = remembered.length < rememberedCommands ? [] : remembered;
  return oldest?.answer.version ?? 0;
}

function valuesOf(attributes: readonly Attribute[]): Map<string, Attribute['value']> {
  return new Map(attributes.map(({ name, value }) => [name, value]));
}

function pairOf({ name, value }: Attribute): SearchAttributePair {
  if (typeof value === 'string') return { key: defineSearchAttributeKey(name, 'KEYWORD'), value };
  if (typeof value === 'boolean') return { key: defineSearchAttributeKey(name, 'BOOL'), value };
  return { key: defineSearchAttributeKey(name, 'INT'), value };
}

/** Whether an update gets the answer that the same command got before. */
function isRepetition(known: Remembered | undefined, message: Message): boolean {
  return known !== undefined && isSameBody(known, message) && !didNothing(known);
}

/** The workflow's clock: when the current task started. It is the same in every replay. */
function now(): string {
  return new Date().toISOString();
}
