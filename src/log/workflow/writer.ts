import { workflowInfo } from '@temporalio/workflow';
import { append, type Appended, appendFitting } from '../append.js';
import type { Cause, Draft, Effect, Entity, State } from '../entity.js';
import { answerOf } from './answer.js';
import { now } from './clock.js';
import { judgeNew } from './judging.js';
import { type Answer, causeOf, hashIn, type Halt, type Message } from './messages.js';
import type { ContinuedEntity, NewEntity } from './inputs.js';
import { RememberedCommands } from './remembered-commands.js';
import { UnrecordedEvents } from './unrecorded-events.js';

/**
 * The only writer of an entity's log: the state after all events, the events that the journal may
 * lack, and the commands that are remembered with their answers.
 */
export class Writer<S extends State, D extends Draft, F extends Effect> {
  readonly unrecorded: UnrecordedEvents;
  readonly memory: RememberedCommands;
  private readonly entity: Entity<S, D, F>;
  private current: S;
  private halt: Halt | undefined;
  private appends = 0;

  constructor(entity: Entity<S, D, F>, input: NewEntity | ContinuedEntity<S>) {
    this.entity = entity;
    if ('order' in input) {
      this.current = input.order;
      this.unrecorded = new UnrecordedEvents(input.unrecorded);
      this.memory = new RememberedCommands(input.remembered, input.memoryFrom);
      this.halt = input.halted;
      return;
    }
    const { orderId, create } = input;
    // The time at which the API accepted the command, even if a worker decides it much later.
    const occurredAt = workflowInfo().startTime.toISOString();
    const cause = causeOf(create, occurredAt);
    const created = append(entity, orderId, undefined, judgeNew(entity, create, occurredAt), cause);
    this.current = created.state;
    this.unrecorded = new UnrecordedEvents(created.events);
    const { commandId, hash, requestId } = create;
    const answer = { ...answerOf(created.state, created.events, entity.answerFields), requestId };
    this.memory = new RememberedCommands([{ commandId, hash, answer }], 0);
  }

  get state(): S {
    return this.current;
  }

  /** grows each time that something is appended */
  get changes(): number {
    return this.appends;
  }

  /** why the entity is halted; undefined if it is not */
  get halted(): Halt | undefined {
    return this.halt;
  }

  /**
   * From now on, the entity accepts no message and issues no effect. The outcomes of effects under
   * way are still appended.
   */
  stop(halt: Halt): void {
    this.halt = halt;
  }

  /** `accept` for events that are not folded yet. */
  acceptDrafts(message: Message, drafts: readonly D[], causationId?: string): Answer {
    const cause = causeOf(message, now(), causationId);
    return this.accept(message, drafts.length === 0 ? undefined : this.following(drafts, cause));
  }

  /**
   * Takes the events of an accepted message, and remembers the command with its answer.
   *
   * @param appended undefined if the message changes nothing
   */
  accept(message: Message, appended: Appended<S, D> | undefined): Answer {
    if (appended !== undefined) this.takeAll(appended);
    const { commandId, hash, requestId } = message;
    const { state, events } = appended ?? { state: this.current, events: [] };
    const answer = { ...answerOf(state, events, this.entity.answerFields), requestId };
    this.memory.add({ commandId, hash, answer }, this.recordedVersion());
    return answer;
  }

  /**
   * Appends events to the log, and then applies the waiting facts that fit now.
   *
   * @returns the appended events and the state after them, both without the applied facts
   */
  append(drafts: readonly D[], cause: Cause): Appended<S, D> {
    const appended = this.following(drafts, cause);
    this.takeAll(appended);
    return appended;
  }

  applyFacts(): void {
    for (const { fact, appended } of appendFitting(this.entity, this.current, now())) {
      this.take(appended);
      const { commandId } = fact;
      const hash = hashIn(fact);
      // If the fact is delivered again, this answer shows that the fact is applied.
      const answer = {
        ...answerOf(appended.state, appended.events, this.entity.answerFields),
        requestId: '',
      };
      this.memory.add({ commandId, ...(hash !== undefined && { hash }), answer }, this.recordedVersion());
    }
  }

  /** What the next run gets from the writer. */
  handedOn(): Omit<ContinuedEntity<S>, 'crowded' | 'continueAsNewAfter'> {
    const { current, halt } = this;
    return {
      orderId: current.orderId,
      order: current,
      unrecorded: this.unrecorded.all(),
      ...this.memory.handedOn(),
      ...(halt === undefined ? {} : { halted: halt }),
    };
  }

  /** The drafts as events after the current state. */
  private following(drafts: readonly D[], cause: Cause): Appended<S, D> {
    return append(this.entity, this.current.orderId, this.current, drafts, cause);
  }

  private takeAll(appended: Appended<S, D>): void {
    this.take(appended);
    this.applyFacts();
  }

  private take({ state, events }: Appended<S, D>): void {
    this.current = state;
    this.unrecorded.add(events);
    this.appends += 1;
  }

  /** The journal has every event up to this version. */
  private recordedVersion(): number {
    const [first] = this.unrecorded.all();
    return first === undefined ? this.current.version : first.version - 1;
  }
}
