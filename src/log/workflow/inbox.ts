import {
  ApplicationFailure,
  defineQuery,
  defineSignal,
  defineUpdate,
  log,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Draft, Effect, Entity, Refusal, State } from '../entity.js';
import { recall } from './activities.js';
import { didNothing } from './answer.js';
import { now } from './clock.js';
import { commandIdOf, hasIssuer, isSameCommand } from './command-id.js';
import {
  isRepetition,
  isSameBody,
  journalNeeded,
  judge,
  judgeFact,
  keyConflict,
  type Obstacle,
  versionConflict,
} from './guard.js';
import {
  type Answer,
  causeOf,
  type EntityPreview,
  isMessage,
  type Message,
  messageId,
  messagesWaiting,
  type PreviewRequest,
  previewQuery,
  type RefusedUpdate,
  type Signal,
} from './messages.js';
import type { ContinuedEntity } from './inputs.js';
import { eventsOf } from './preview.js';
import type { Writer } from './writer.js';

const recalledAtOnce = 100;

/**
 * The messages to an entity: updates, which get an answer, and signals, which get none. They are
 * judged in the order of their arrival, and accepted by the writer. Handlers never wait.
 */
export class Inbox<S extends State, D extends Draft, F extends Effect> {
  private readonly entity: Entity<S, D, F>;
  private readonly writer: Writer<S, D, F>;
  /**
   * Signals that wait, in order, because too much is unrecorded, or because the journal must say
   * whether the first one's command is known. They are durable in the history.
   */
  private waiting: readonly Signal[] = [];
  private isRecalling = false;
  /** facts that came while the log had no room for more waiting facts */
  private deferred: readonly Signal[];
  private arrivals = 0;

  /** @param deferred of an earlier run */
  constructor(entity: Entity<S, D, F>, writer: Writer<S, D, F>, deferred: readonly Signal[] = []) {
    this.entity = entity;
    this.writer = writer;
    this.deferred = deferred;
  }

  /** grows when a signal begins to wait, or the journal has answered */
  get changes(): number {
    return this.arrivals;
  }

  /** Whether no signal waits. Facts that wait for room do not count: they are handed on. */
  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** What the next run must take. */
  handedOn(): Pick<ContinuedEntity<never>, 'crowded'> {
    return this.deferred.length === 0 ? {} : { crowded: this.deferred };
  }

  listen(): void {
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

  /**
   * Handles messages of earlier runs that were not decided, or not recorded, before any new
   * message.
   */
  handleAgain(messages: readonly Signal[]): void {
    this.writer.applyFacts();
    for (const message of messages) this.receive(message);
  }

  /**
   * A cancellation of the workflow is a command to the entity, judged by the entity's own rules.
   */
  requestCancellation(): void {
    const { runId } = workflowInfo();
    const { type: name, data, hasIssuer: isIssued } = this.entity.cancel(this.writer.state);
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

  /**
   * Returns if the update is accepted and throws if it is refused; a refused update is not in the
   * history. A repetition is accepted. For any other update, the first reason to refuse it counts:
   * the checks are in the order of `refusalOf`, and the entity's own comes last.
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
    const known = this.writer.memory.find(message);
    if (isRepetition(known, message)) return undefined;
    const { version, status } = this.writer.state;
    const decision = judge(this.entity, this.writer.state, type, message, at);
    const refusal =
      this.unavailable() ??
      keyConflict(message, known) ??
      journalNeeded(this.entity, message, this.writer.memory) ??
      versionConflict(this.entity, message, version) ??
      ('refusal' in decision ? decision.refusal : undefined);
    if (refusal === undefined) return undefined;
    const { memoryFrom } = this.writer.memory;
    return {
      refusal,
      version,
      status,
      ...this.entity.allowed(this.writer.state),
      ...(refusal.kind === 'memory_from' && { memoryFrom }),
    };
  }

  /** What an update would answer or do at this time. Changes nothing. */
  private preview({ type, message, at }: PreviewRequest): EntityPreview<S> {
    const refused = this.refusalOf(type, message, at);
    if (refused !== undefined) return { refused };
    const { entity, writer } = this;
    const order = writer.state;
    const replayed = isRepetition(writer.memory.find(message), message);
    return { order, events: replayed ? [] : eventsOf(entity, order, type, message, at), replayed };
  }

  /** Runs after `validate`, on the same state. */
  private answer(type: string, message: Message): Answer {
    const known = this.writer.memory.find(message);
    if (known !== undefined && !didNothing(known)) return known.answer;
    const decision = judge(this.entity, this.writer.state, type, message, now());
    if ('refusal' in decision)
      throw ApplicationFailure.nonRetryable(decision.refusal.message, decision.refusal.code);
    return this.writer.accept(message, decision.events, messageId(message));
  }

  private receive(signal: Signal): void {
    if (!isMessage(signal.message)) {
      log.warn(`${signal.name}: not a message of this project, ignored`);
    } else if (this.isBehind() || this.writer.memory.needsJournal(signal.message)) {
      this.waiting = [...this.waiting, signal];
      this.arrivals += 1;
    } else {
      this.handle(signal);
    }
  }

  handleWaiting(): void {
    while (this.writer.halted !== undefined || !this.writer.unrecorded.isOverLimit()) {
      const [next] = this.waiting;
      if (next === undefined) return;
      if (this.writer.halted === undefined && this.writer.memory.needsJournal(next.message)) {
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
    const { orderId } = this.writer.state;
    const asked = this.waiting
      .filter(({ message }) => this.writer.memory.needsJournal(message))
      .slice(0, recalledAtOnce);
    const commandIds = asked.map(({ message }) => message.commandId);
    const upTo = this.writer.memory.memoryFrom;
    const summary = `are ${commandIds.length} messages repetitions?`;
    const known = await recall.executeWithOptions({ summary }, [{ events: [], orderId, commandIds, upTo }]);
    this.writer.memory.addRecalled(known);
    const isAbsent = (signal: Signal) =>
      asked.includes(signal) &&
      !known.some(({ commandId }) => isSameCommand(commandId, signal.message.commandId));
    // The memory may drop a known command before its signal is handled. Then the journal is asked
    // again.
    this.waiting = this.waiting.map((signal) =>
      isAbsent(signal) ? { ...signal, message: { ...signal.message, absentUpTo: upTo } } : signal,
    );
    this.isRecalling = false;
    this.arrivals += 1;
  }

  /** Handles the facts for which the log had no room, once it has room again. */
  handleDeferred(): void {
    const { deferred } = this;
    if (deferred.length === 0 || (!this.hasRoomForFacts() && !this.entity.isFinished(this.writer.state)))
      return;
    this.deferred = [];
    for (const signal of deferred) this.handle(signal);
  }

  private hasRoomForFacts(): boolean {
    return this.entity.facts?.hasRoom(this.writer.state) ?? true;
  }

  private handle({ name, message }: Signal): void {
    const { commandId } = message;
    const { entity } = this;
    const { halted } = this.writer;
    if (halted !== undefined)
      return log.warn(`${name}: the ${entity.name} is halted, ignored`, { commandId });
    const known = this.writer.memory.find(message);
    const isFact = entity.facts?.types.includes(name) === true;
    const isLegacyFact = isFact && !hasIssuer(commandId);
    const isJudgedAgain = isFact && !isLegacyFact;
    const isKnown = known !== undefined && isSameBody(known, message);
    if (isKnown && !(isJudgedAgain && didNothing(known))) return;
    const reused = keyConflict(message, known);
    if (reused !== undefined) return this.rejectReuse(name, message, reused);
    const obstacle = versionConflict(entity, message, this.writer.state.version);
    if (obstacle !== undefined) return this.reject(name, message, obstacle);
    if (isFact)
      return isLegacyFact ? this.handleFactWithoutIssuer(name, message) : this.handleFact(name, message);
    if (!entity.commands.includes(name)) return;
    const decision = judge(entity, this.writer.state, name, message, now());
    if ('refusal' in decision) return this.reject(name, message, decision.refusal);
    this.writer.accept(message, decision.events, messageId(message));
  }

  /**
   * A fact cannot be refused. If it does not fit yet, it waits in the log and is applied when it
   * fits.
   */
  private handleFact(type: string, message: Message): void {
    const { facts } = this.entity;
    if (facts === undefined || facts.isWaiting(this.writer.state, message.commandId)) return;
    const judgement = judgeFact(facts, this.writer.state, type, message, now());
    if ('refusal' in judgement) return this.reject(type, message, judgement.refusal);
    const id = messageId(message);
    if (judgement.kind === 'applies') {
      this.writer.accept(message, judgement.events, judgement.settles ?? id);
    } else if (judgement.kind === 'waits') {
      if (facts.hasRoom(this.writer.state))
        this.writer.accept(message, [facts.received(type, message.data, judgement.reason)], id);
      else this.deferred = [...this.deferred, { name: type, message }];
    }
  }

  /**
   * Handles a fact without an issuer as an early version of this code did: if it does not fit, it
   * is refused.
   */
  private handleFactWithoutIssuer(type: string, message: Message): void {
    const judgement = this.entity.facts?.judgeWithoutIssuer?.(this.writer.state, type, message.data, now());
    if (judgement === undefined) return;
    if ('refusal' in judgement) return this.reject(type, message, judgement.refusal);
    if (judgement.kind !== 'applies' || judgement.events.length === 0) return;
    this.writer.accept(message, judgement.events, judgement.settles ?? messageId(message));
  }

  /** The sender of a signal gets no answer, so the log keeps the refusal as an event. */
  private reject(name: string, message: Message, refusal: Pick<Refusal, 'code' | 'message'>): void {
    this.writer.accept(message, this.entity.rejection(this.writer.state, name, refusal), messageId(message));
  }

  /** Rejects a message that reuses a key. The key stays with the command that used it first. */
  private rejectReuse(name: string, message: Message, refusal: Obstacle): void {
    // An early version of this code remembered this refusal under the key. Replays do the same.
    if (!hasIssuer(message.commandId)) return this.reject(name, message, refusal);
    const drafts = this.entity.rejection(this.writer.state, name, refusal);
    if (drafts.length > 0) this.writer.append(drafts, causeOf(message, now()));
  }

  private unavailable(): Obstacle | undefined {
    if (this.writer.halted !== undefined)
      return { kind: 'halted', code: `${this.entity.name}_forked`, message: this.writer.halted.message };
    if (this.writer.unrecorded.isOverLimit()) {
      return {
        kind: 'busy',
        code: 'journal_behind',
        message: `${this.writer.unrecorded.all().length} events wait for the journal, ${this.waiting.length} messages for them`,
      };
    }
    if (this.waiting.length === 0) return undefined;
    return { kind: 'busy', code: messagesWaiting, message: 'earlier messages are handled first: try again' };
  }

  /** Whether a new signal must wait: it must not overtake one that waits. */
  private isBehind(): boolean {
    return this.waiting.length > 0 || this.writer.unrecorded.isOverLimit();
  }
}
