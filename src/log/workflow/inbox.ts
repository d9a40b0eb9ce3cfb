import { defineQuery, defineSignal, defineUpdate, log, setHandler, workflowInfo } from '@temporalio/workflow';
import type { Draft, Effect, Entity, State } from '../entity.js';
import { recall } from './activities.js';
import { commandIdOf, isSameCommand } from './command-id.js';
import type { ContinuedEntity } from './inputs.js';
import {
  type Answer,
  type EntityPreview,
  isMessage,
  type Message,
  messagesWaiting,
  type PreviewRequest,
  previewQuery,
  type Signal,
} from './messages.js';
import type { Obstacle } from './obstacles.js';
import { Signals } from './signals.js';
import { Updates } from './updates.js';
import type { Writer } from './writer.js';

const MAX_RECALLED = 100;

/**
 * The messages to an entity: updates, which get an answer, and signals, which get none. They are
 * judged in the order of their arrival, and accepted by the writer. Handlers never wait.
 *
 * Messages wait in one of three places. A signal waits in `waiting` before it is judged. A fact
 * that was judged and does not fit yet becomes an event, and waits in the state. If the state has
 * no room for more waiting facts, the fact is deferred (`Signals`).
 */
export class Inbox<S extends State, D extends Draft, F extends Effect> {
  private readonly entity: Entity<S, D, F>;
  private readonly writer: Writer<S, D, F>;
  private readonly updates: Updates<S, D, F>;
  private readonly signals: Signals<S, D, F>;
  /**
   * Signals that wait, in order, because too much is unrecorded, or because the journal must say
   * whether the first one's command is known. They are durable in the history.
   */
  private waiting: readonly Signal[] = [];
  private isRecalling = false;
  private arrivals = 0;

  /** @param deferred the facts that an earlier run has deferred */
  constructor(entity: Entity<S, D, F>, writer: Writer<S, D, F>, deferred?: readonly Signal[]) {
    this.entity = entity;
    this.writer = writer;
    this.updates = new Updates(entity, writer, () => this.unavailable());
    this.signals = new Signals(entity, writer, deferred);
  }

  /** grows when a signal begins to wait, or the journal has answered */
  get changes(): number {
    return this.arrivals;
  }

  /** Whether no signal waits. Facts that wait for room do not count: the next run gets them. */
  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** What the next run gets from the inbox. */
  handedOn(): Pick<ContinuedEntity<never>, 'crowded'> {
    return this.signals.handedOn();
  }

  /** Registers the handlers: from now on, messages arrive. */
  listen(): void {
    const { updates } = this;
    const preview = defineQuery<EntityPreview<S>, [PreviewRequest]>(previewQuery);
    setHandler(preview, (asked) => updates.preview(asked));
    for (const type of this.entity.commands) {
      setHandler(defineUpdate<Answer, [Message]>(type), (message) => updates.answer(type, message), {
        validator: (message) => updates.validate(type, message),
      });
      setHandler(defineSignal<[Message]>(type), (message) => this.receive({ name: type, message }));
    }
    for (const type of this.entity.facts?.types ?? [])
      setHandler(defineSignal<[Message]>(type), (message) => this.receive({ name: type, message }));
  }

  /**
   * Applies waiting facts that fit, and handles messages that earlier runs did not decide or did
   * not record. The caller does this before it listens.
   */
  handleAgain(messages: readonly Signal[]): void {
    this.writer.applyFacts();
    for (const message of messages) this.receive(message);
  }

  /** A cancellation of the workflow is a command to the entity, judged by its own rules. */
  requestCancellation(): void {
    const { runId } = workflowInfo();
    const { type: name, data, hasIssuer } = this.entity.cancel(this.writer.state);
    this.receive({
      name,
      message: {
        data,
        commandId: hasIssuer ? commandIdOf('temporal', 'cancellation') : 'temporal-cancellation',
        hash: runId,
        correlationId: runId,
        actor: 'temporal',
        requestId: runId,
      },
    });
  }

  /** Handles the signals that can be judged now, and the facts for which there is room now. */
  handleWaiting(): void {
    this.handleInOrder();
    this.signals.handleDeferred();
  }

  private receive(signal: Signal): void {
    if (!isMessage(signal.message)) {
      log.warn(`${signal.name}: not a message of this project, ignored`);
    } else if (this.mustWait() || this.writer.memory.needsJournal(signal.message)) {
      this.waiting = [...this.waiting, signal];
      this.arrivals += 1;
    } else {
      this.signals.handle(signal);
    }
  }

  /**
   * Whether a new signal must wait: because an earlier one waits, or because too many events are
   * unrecorded.
   */
  private mustWait(): boolean {
    return this.waiting.length > 0 || this.writer.unrecorded.isOverLimit();
  }

  /** If the entity is halted, each waiting signal is ignored with a warning. */
  private handleInOrder(): void {
    while (this.writer.halted !== undefined || !this.writer.unrecorded.isOverLimit()) {
      const [next] = this.waiting;
      if (next === undefined) return;
      if (this.writer.halted === undefined && this.writer.memory.needsJournal(next.message)) {
        void this.recall();
        return;
      }
      this.waiting = this.waiting.slice(1);
      this.signals.handle(next);
    }
  }

  /** Asks the journal which of the waiting commands it knows. Then their signals can be handled. */
  private async recall(): Promise<void> {
    if (this.isRecalling) return;
    this.isRecalling = true;
    const { orderId } = this.writer.state;
    const asked = this.waiting
      .filter(({ message }) => this.writer.memory.needsJournal(message))
      .slice(0, MAX_RECALLED);
    const commandIds = asked.map(({ message }) => message.commandId);
    const upTo = this.writer.memory.memoryFrom;
    const summary = `are ${commandIds.length} messages repetitions?`;
    const known = await recall.executeWithOptions({ summary }, [{ events: [], orderId, commandIds, upTo }]);
    this.writer.memory.addRecalled(known);
    const isAbsent = (signal: Signal) =>
      asked.includes(signal) &&
      !known.some(({ commandId }) => isSameCommand(commandId, signal.message.commandId));
    // Only commands that the journal lacks get `absentUpTo`. One that the journal has is in memory
    // now; if the memory drops it before its signal is handled, the journal is asked again.
    this.waiting = this.waiting.map((signal) =>
      isAbsent(signal) ? { ...signal, message: { ...signal.message, absentUpTo: upTo } } : signal,
    );
    this.isRecalling = false;
    this.arrivals += 1;
  }

  /** Why no update is accepted now; undefined if updates are accepted. */
  private unavailable(): Obstacle | undefined {
    const { halted, unrecorded } = this.writer;
    if (halted !== undefined)
      return { kind: 'halted', code: `${this.entity.name}_forked`, message: halted.message };
    if (unrecorded.isOverLimit()) {
      return {
        kind: 'busy',
        code: 'journal_behind',
        message: `${unrecorded.all().length} events are not recorded yet, and ${this.waiting.length} messages wait until they are`,
      };
    }
    if (this.waiting.length === 0) return undefined;
    return { kind: 'busy', code: messagesWaiting, message: 'earlier messages are handled first: try again' };
  }
}
