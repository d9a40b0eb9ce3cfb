import type { Draft, Envelope, State } from '../entity.js';
import { COMMAND_REJECTED, FACT_RECEIVED } from '../event.js';
import type { Answer } from './messages.js';

/** A command that was answered. */
export interface Remembered {
  readonly commandId: string;
  /** the hash of its body; absent if the journal lacks it: any body counts as the same then */
  readonly hash?: string;
  readonly answer: Answer;
}

/**
 * The answer to a command that led to `events`. The state is the one after the last of them.
 *
 * @param answerFields gives what the entity adds to the answer
 */
export function answerOf<E extends Draft & Envelope, T extends object>(
  { orderId, version, status }: Pick<State, 'orderId' | 'version' | 'status'>,
  events: readonly E[],
  answerFields: (events: readonly E[]) => T,
): Omit<Answer, 'requestId'> & T {
  return {
    orderId,
    version,
    status,
    events: events.map((event) => ({ version: event.version, type: event.type })),
    ...answerFields(events),
  };
}

/**
 * Whether a message changed nothing: it led to no event, it was rejected, or it is a fact that
 * waits in the log. An update or fact that repeats such a message is judged again: it may fit now.
 */
export function didNothing({ answer }: Remembered): boolean {
  return answer.events.every(({ type }) => type === COMMAND_REJECTED || type === FACT_RECEIVED);
}
