import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  log,
  patched,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type Attribute,
  type Deadline,
  type Draft,
  type Effect,
  type Entity,
  type State,
  type StoredEvent,
  versionInKey,
} from '../entity.js';
import { performers, record } from './activities.js';
import { now } from './clock.js';
import { DeadlineTimer } from './deadline-timer.js';
import { Inbox } from './inbox.js';
import type { ContinuedEntity, EntityEnd, NewEntity, ResumedEntity, RunInput } from './inputs.js';
import { type EntityState, type Signal, stateQuery } from './messages.js';
import { keepUntilLoaded, resumeFromJournal } from './resumption.js';
import { attributesOf, ListedAttributes } from './search-attributes.js';
import { eventFork, stepOf, superseded } from './steps.js';
import { details, stepSummary } from './temporal-ui.js';
import { Writer } from './writer.js';

/**
 * A run continues as new only if the input of the next run is at most this large. Temporal's limit
 * is 2 MiB: a workflow task that exceeds it fails on every try.
 */
const MAX_HANDED_ON_BYTES = 1_900_000;

/** The workflow of one entity, from creation to end. Its events are decided nowhere else. */
export async function run<S extends State, D extends Draft, F extends Effect>(
  entity: Entity<S, D, F>,
  input: RunInput<S>,
): Promise<EntityEnd> {
  const { cancelRequested } = CancellationScope.current();
  return await CancellationScope.nonCancellable(async () => {
    const started = 'resume' in input ? await resumedRun(entity, input) : new Run(entity, input);
    started.listen();
    cancelRequested.catch(() => started.inbox.requestCancellation());
    return await started.untilFinished();
  });
}

async function resumedRun<S extends State, D extends Draft, F extends Effect>(
  entity: Entity<S, D, F>,
  input: ResumedEntity<S>,
): Promise<Run<S, D, F>> {
  const arriving: Signal[] = [];
  keepUntilLoaded(entity, input, arriving);
  const { continued, messages } = await resumeFromJournal(entity, input, arriving);
  const resumed = new Run(entity, continued);
  resumed.relist();
  resumed.inbox.handleAgain(messages);
  return resumed;
}

/**
 * One run of an entity's workflow. The inbox receives the messages, and the entity decides. The run
 * schedules the activities that record events and perform effects, and waits for deadlines.
 */
class Run<S extends State, D extends Draft, F extends Effect> {
  readonly inbox: Inbox<S, D, F>;
  private readonly entity: Entity<S, D, F>;
  private readonly writer: Writer<S, D, F>;
  /** keys of the effects for which this run has scheduled an activity */
  private readonly issued = new Set<string>();
  private endedSteps = 0;
  /** the failure message that says that a later run has replaced this one; absent if none has */
  private replaced: string | undefined;
  private readonly timer = new DeadlineTimer((deadline) => this.passDeadline(deadline));
  private listed: ListedAttributes;
  private readonly continueAsNewAfter: number | undefined;

  constructor(entity: Entity<S, D, F>, input: NewEntity | ContinuedEntity<S>) {
    this.entity = entity;
    this.writer = new Writer(entity, input);
    this.continueAsNewAfter = input.continueAsNewAfter;
    if ('order' in input) {
      this.inbox = new Inbox(entity, this.writer, input.crowded);
      this.listed = ListedAttributes.ofContinued(this.attributes());
      // The SDK may replay a first task without commands together with the second as one task. An
      // update in the second task is then answered at another place among the commands (sdk-core,
      // issue 1146). This marker is a command, so the first task always has one.
      patched('marked-run');
    } else {
      this.inbox = new Inbox(entity, this.writer);
      this.listed = ListedAttributes.ofNew(this.attributes());
      this.inbox.handleAgain(input.messages ?? []);
    }
  }

  /**
   * A resumed workflow was started with the status, and with none of the other search attributes
   * that change, so those have to be upserted.
   */
  relist(): void {
    this.listed = ListedAttributes.ofResumed(this.writer.state.status);
  }

  listen(): void {
    setHandler(defineQuery<EntityState<S>>(stateQuery), () => this.state());
    this.inbox.listen();
  }

  async untilFinished(): Promise<EntityEnd> {
    const { entity, writer, inbox } = this;
    for (;;) {
      if (this.replaced !== undefined) endSuperseded(this.replaced);
      inbox.handleWaiting();
      this.issueSteps();
      this.updateWebUi();
      const { orderId, status, version } = writer.state;
      const isIdle = !writer.unrecorded.isRecording && inbox.isEmpty;
      if (entity.isFinished(writer.state) && isIdle) return { orderId, status, version };
      if (this.mustContinueAsNew()) await this.continueAsNew();
      this.timer.watch(writer.halted === undefined ? entity.nextDeadline(writer.state) : undefined);
      const seen = this.changes;
      await condition(() => this.changes > seen || this.mustContinueAsNew());
    }
  }

  /** grows with each change that the main loop must handle */
  private get changes(): number {
    return this.writer.changes + this.inbox.changes + this.endedSteps;
  }

  /**
   * Schedules activities for all that this workflow task has decided, before the task ends, even if
   * other activities are under way. The first new effect is in one step with all new events. Each
   * other effect has a step of its own, with the events up to the one that made it owed, so that
   * they are in the journal before the effect is performed.
   */
  private issueSteps(): void {
    const owed = this.writer.halted === undefined ? this.entity.effects(this.writer.state) : [];
    const [first, ...others] = owed.filter(({ key }) => !this.issued.has(key));
    const queued = this.writer.unrecorded.takeQueued();
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
    this.writer.unrecorded.begin(events);
    const options = { summary: stepSummary(this.entity, events, effect) };
    try {
      if (effect === undefined) await record.executeWithOptions(options, [stepOf(events, this.writer.state)]);
      else await this.perform(events, effect, options);
      this.writer.unrecorded.end(events);
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      this.replaced ??= supersededBy(error);
      // A run that was replaced stops in the same way, although nothing is wrong with its entity.
      const halt = { code: eventFork, message: error.cause?.message ?? error.message };
      this.writer.stop(halt);
      if (this.replaced === undefined) log.error(`The ${this.entity.name} is halted`, { ...halt });
    }
    this.endedSteps += 1;
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
    const outcome = await perform.executeWithOptions(options, [
      { ...stepOf(events, this.writer.state), effect },
    ]);
    const { settle, performer } = this.entity;
    this.writer.append(settle(this.writer.state, effect, outcome, now()), {
      occurredAt: now(),
      commandId: key,
      correlationId,
      causationId: key,
      actor: performer(effect),
      ...(traceId !== undefined && { traceId }),
    });
  }

  private passDeadline({ name, at }: Deadline): void {
    const { orderId } = this.writer.state;
    const id = `${orderId}:${name}:${at}`;
    const cause = {
      occurredAt: now(),
      commandId: id,
      correlationId: orderId,
      causationId: id,
      actor: 'clock',
    };
    this.writer.append(this.entity.expire(this.writer.state, now()), cause);
  }

  private state(): EntityState<S> {
    const { state, halted, unrecorded } = this.writer;
    return {
      order: state,
      unrecorded: unrecorded.all().length,
      ...(halted === undefined ? {} : { halted }),
    };
  }

  private updateWebUi(): void {
    this.listed.update(this.attributes());
    setCurrentDetails(details(this.entity, this.writer.state, this.writer.halted));
  }

  private attributes(): readonly Attribute[] {
    return attributesOf(this.entity, this.writer.state, this.writer.halted);
  }

  /**
   * Whether to continue as new. If the state is too large for the input of the next run, this run
   * goes on: Temporal's limit for a history is about ten times the size at which it suggests to
   * continue as new.
   */
  private mustContinueAsNew(): boolean {
    if (!this.inbox.isEmpty) return false;
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (!continueAsNewSuggested && historyLength <= (this.continueAsNewAfter ?? Infinity)) return false;
    return new TextEncoder().encode(JSON.stringify(this.handedOn())).length <= MAX_HANDED_ON_BYTES;
  }

  /**
   * Starts the next run. No handler is under way, because handlers never wait. The state has the
   * owed effects; the next run issues them again.
   */
  private async continueAsNew(): Promise<never> {
    return await continueAsNew<(input: ContinuedEntity<S>) => Promise<EntityEnd>>(this.handedOn());
  }

  private handedOn(): ContinuedEntity<S> {
    const { writer, inbox, continueAsNewAfter } = this;
    return {
      ...writer.handedOn(),
      ...inbox.handedOn(),
      ...(continueAsNewAfter === undefined ? {} : { continueAsNewAfter }),
    };
  }
}

/**
 * The message of a failure that says another run has replaced this one; undefined if a step failed
 * for another reason.
 */
function supersededBy({ cause }: ActivityFailure): string | undefined {
  return cause instanceof ApplicationFailure && cause.type === superseded ? cause.message : undefined;
}

/** Ends a run that another has replaced. */
function endSuperseded(message: string): never {
  throw ApplicationFailure.nonRetryable(message, superseded);
}
