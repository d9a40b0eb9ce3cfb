import { log } from '@temporalio/workflow';
import type { Draft, Effect, Entity, Facts, Refusal, State } from '../entity.js';
import { didNothing } from './answer.js';
import { now } from './clock.js';
import { hasIssuer } from './command-id.js';
import type { ContinuedEntity } from './inputs.js';
import { judge, judgeFact } from './judging.js';
import { causeOf, type Message, type Signal } from './messages.js';
import { isSameBody, keyConflict, type Obstacle, versionConflict } from './obstacles.js';
import type { Writer } from './writer.js';

/** The signals of an entity: commands and facts whose senders get no answer. */
export class Signals<S extends State, D extends Draft, F extends Effect> {
  private readonly entity: Entity<S, D, F>;
  private readonly writer: Writer<S, D, F>;
  /** facts that came while the state had no room for more waiting facts */
  private deferred: readonly Signal[];

  /** @param deferred the facts that an earlier run has deferred */
  constructor(entity: Entity<S, D, F>, writer: Writer<S, D, F>, deferred: readonly Signal[] = []) {
    this.entity = entity;
    this.writer = writer;
    this.deferred = deferred;
  }

  /**
   * Judges a signal. Appends the events that it leads to. The refusal of a command is appended as
   * an event, too.
   */
  handle({ name, message }: Signal): void {
    const { entity, writer } = this;
    const { halted, state } = writer;
    if (halted !== undefined)
      return log.warn(`${name}: the ${entity.name} is halted, ignored`, { commandId: message.commandId });
    if (this.isHandled(name, message)) return;
    const reused = keyConflict(message, writer.memory.find(message));
    if (reused !== undefined) return this.rejectReuse(name, message, reused);
    const obstacle = versionConflict(entity, message, state.version);
    if (obstacle !== undefined) return this.reject(name, message, obstacle);
    const facts = this.factsNamed(name);
    if (facts !== undefined) return this.handleFact(facts, name, message);
    if (!entity.commands.includes(name)) return;
    const judged = judge(entity, state, name, message, now());
    if ('refusal' in judged) return this.reject(name, message, judged.refusal);
    writer.accept(message, judged.appended);
  }

  /** Handles the deferred facts once the state has room for them, or the entity is finished. */
  handleDeferred(): void {
    const { deferred, entity } = this;
    const { state } = this.writer;
    const hasRoom = entity.facts?.hasRoom(state) ?? true;
    if (deferred.length === 0 || (!hasRoom && !entity.isFinished(state))) return;
    this.deferred = [];
    for (const signal of deferred) this.handle(signal);
  }

  /** What the next run gets of the signals. */
  handedOn(): Pick<ContinuedEntity<never>, 'crowded'> {
    return this.deferred.length === 0 ? {} : { crowded: this.deferred };
  }

  /** The entity's `facts` if the signal with this name is a fact; otherwise undefined. */
  private factsNamed(name: string): Facts<S, D> | undefined {
    const { facts } = this.entity;
    return facts?.types.includes(name) === true ? facts : undefined;
  }

  /** Whether a message is a repetition. A fact that did nothing is judged again: it may fit now. */
  private isHandled(name: string, message: Message): boolean {
    const known = this.writer.memory.find(message);
    if (known === undefined || !isSameBody(known, message)) return false;
    const mayFitNow = this.factsNamed(name) !== undefined && hasIssuer(message.commandId);
    return !(mayFitNow && didNothing(known));
  }

  /**
   * A fact that does not fit yet is not refused: it waits in the log until it fits. It is refused
   * only if its data has the wrong shape.
   */
  private handleFact(facts: Facts<S, D>, type: string, message: Message): void {
    const { writer } = this;
    if (!hasIssuer(message.commandId)) return this.handleFactWithoutIssuer(facts, type, message);
    if (facts.isWaiting(writer.state, message.commandId)) return;
    const judgement = judgeFact(facts, writer.state, type, message, now());
    if ('refusal' in judgement) return this.reject(type, message, judgement.refusal);
    if (judgement.kind === 'applies') writer.acceptDrafts(message, judgement.events, judgement.settles);
    if (judgement.kind !== 'waits') return;
    if (facts.hasRoom(writer.state)) writer.acceptDrafts(message, [judgement.received]);
    else this.deferred = [...this.deferred, { name: type, message }];
  }

  /**
   * Handles a fact without an issuer as an early version of this code did: if it does not fit, it
   * is refused.
   */
  private handleFactWithoutIssuer(facts: Facts<S, D>, type: string, message: Message): void {
    const judgement = facts.judgeWithoutIssuer?.(this.writer.state, type, message.data, now());
    if (judgement === undefined) return;
    if ('refusal' in judgement) return this.reject(type, message, judgement.refusal);
    if (judgement.kind !== 'applies' || judgement.events.length === 0) return;
    this.writer.acceptDrafts(message, judgement.events, judgement.settles);
  }

  /** The sender of a signal gets no answer, so the log keeps the refusal as an event. */
  private reject(name: string, message: Message, refusal: Pick<Refusal, 'code' | 'message'>): void {
    this.writer.acceptDrafts(message, this.entity.rejection(this.writer.state, name, refusal));
  }

  /** Rejects a message that reuses a key. The key stays with the command that used it first. */
  private rejectReuse(name: string, message: Message, refusal: Obstacle): void {
    // An early version of this code remembered this refusal under the key. Replays do the same.
    if (!hasIssuer(message.commandId)) return this.reject(name, message, refusal);
    const drafts = this.entity.rejection(this.writer.state, name, refusal);
    if (drafts.length > 0) this.writer.append(drafts, causeOf(message, now()));
  }
}
