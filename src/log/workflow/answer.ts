import type { Draft, Envelope, State } from '../entity.js';
import { COMMAND_REJECTED, FACT_RECEIVED } from '../event.js';
import type { Answer, Remembered } from './messages.js';

/**
 * The answer to a command that led to `events`, the last of which brought the entity to where it is.
 *
 * @param told what the entity adds to it
 */
export function answerOf<E extends Draft & Envelope, T extends object>(
  { orderId, version, status }: State,
  events: readonly E[],
  told: (events: readonly E[]) => T,
): Omit<Answer, 'requestId'> & T {
  return {
    orderId,
    version,
    status,
    events: events.map((event) => ({ version: event.version, type: event.type })),
    ...told(events),
  };
}

/** What came of a message that did not fit: nothing was done, so it is judged again when it comes again and may fit. */
export function didNothing({ answer }: Remembered): boolean {
  return answer.events.every(({ type }) => type === COMMAND_REJECTED || type === FACT_RECEIVED);
}
