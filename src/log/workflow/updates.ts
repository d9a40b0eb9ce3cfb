import { ApplicationFailure } from '@temporalio/workflow';
import type { Draft, Effect, Entity, State } from '../entity.js';
import { didNothing } from './answer.js';
import { now } from './clock.js';
import { judge } from './judging.js';
import {
  type Answer,
  type EntityPreview,
  type Message,
  type PreviewRequest,
  type RefusedUpdate,
} from './messages.js';
import { beyondMemory, isRepetition, keyConflict, type Obstacle, versionConflict } from './obstacles.js';
import { previewEvents } from './preview.js';
import type { Writer } from './writer.js';

/** The updates of an entity: commands whose senders get an answer. */
export class Updates<S extends State, D extends Draft, F extends Effect> {
  private readonly entity: Entity<S, D, F>;
  private readonly writer: Writer<S, D, F>;
  private readonly unavailable: () => Obstacle | undefined;

  /** @param unavailable why the entity takes no update now; undefined if it takes updates */
  constructor(entity: Entity<S, D, F>, writer: Writer<S, D, F>, unavailable: () => Obstacle | undefined) {
    this.entity = entity;
    this.writer = writer;
    this.unavailable = unavailable;
  }

  /**
   * Returns if the update is accepted. Otherwise it throws, and the history does not get the
   * update.
   */
  validate(type: string, message: Message): void {
    const refused = this.refusalOf(type, message, now());
    if (refused === undefined) return;
    throw ApplicationFailure.create({
      message: refused.refusal.message,
      type: refused.refusal.code,
      details: [refused],
      nonRetryable: true,
    });
  }

  /** Runs after `validate`, on the same state. */
  answer(type: string, message: Message): Answer {
    const known = this.writer.memory.find(message);
    if (known !== undefined && !didNothing(known)) return known.answer;
    const judged = judge(this.entity, this.writer.state, type, message, now());
    if ('refusal' in judged)
      throw ApplicationFailure.nonRetryable(judged.refusal.message, judged.refusal.code);
    return this.writer.accept(message, judged.appended);
  }

  /** Why an update would be refused at the time `at`, or what it would do. Changes nothing. */
  preview({ type, message, at }: PreviewRequest): EntityPreview<S> {
    const refused = this.refusalOf(type, message, at);
    if (refused !== undefined) return { refused };
    const { entity, writer } = this;
    const { state } = writer;
    const replayed = isRepetition(writer.memory.find(message), message);
    return {
      order: state,
      events: replayed ? [] : previewEvents(entity, state, type, message, at),
      replayed,
    };
  }

  /**
   * A repetition is accepted. Any other update is refused for the first reason that applies. The
   * entity's own reasons are checked last.
   */
  private refusalOf(type: string, message: Message, at: string): RefusedUpdate | undefined {
    const { entity, writer } = this;
    const known = writer.memory.find(message);
    if (isRepetition(known, message)) return undefined;
    const { version, status } = writer.state;
    const judged = judge(entity, writer.state, type, message, at);
    const refusal =
      this.unavailable() ??
      keyConflict(message, known) ??
      beyondMemory(entity, message, writer.memory) ??
      versionConflict(entity, message, version) ??
      ('refusal' in judged ? judged.refusal : undefined);
    if (refusal === undefined) return undefined;
    const { memoryFrom } = writer.memory;
    return {
      refusal,
      version,
      status,
      ...entity.allowed(writer.state),
      ...(refusal.kind === 'memory_from' && { memoryFrom }),
    };
  }
}
