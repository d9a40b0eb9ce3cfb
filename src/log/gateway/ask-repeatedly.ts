import type { Client } from '@temporalio/client';
import { pause } from '../../concurrency/pause.js';
import { isMongoOutage } from '../../outages/mongo-outage.js';
import { withTimeout } from '../../outages/timeout.js';
import { LogIncomplete } from '../journal/journal.js';
import { didNothing, type Remembered } from '../workflow/answer.js';
import { type Message, messagesWaiting } from '../workflow/messages.js';
import { keyConflict } from '../workflow/obstacles.js';
import { journalIncomplete, journalUnavailable, type Outcome, type RefusedCommand } from './outcome.js';

/** How long to wait before an entity is asked again. */
const RESEND_AFTER_MS = 100;

/** Whom to ask, and for how long. */
export interface Asking {
  readonly client: Client;
  /** looks for earlier commands of an entity in its journal (`recallCommands`); may fail */
  readonly recall: (
    orderId: string,
    commandIds: readonly string[],
    upTo: number,
  ) => Promise<readonly Remembered[]>;
  readonly answerWithinMs: number;
}

/**
 * Asks an entity, and asks again while it is busy. If the entity no longer remembers whether it had
 * the command, the journal is asked.
 *
 * @param ask returns `unprocessed` if no run has handled the message
 */
export async function askRepeatedly<R extends { readonly kind: string }>(
  { recall, answerWithinMs }: Asking,
  orderId: string,
  first: Message,
  ask: (message: Message) => Promise<R | RefusedCommand | 'unprocessed'>,
): Promise<R | Outcome> {
  const giveUpAt = Date.now() + answerWithinMs;
  let message = first;
  for (;;) {
    const result = await ask(message);
    const refused = isRefused(result) ? result : undefined;
    const isBusy = result === 'unprocessed' || refused?.refusal.code === messagesWaiting;
    if (isBusy && Date.now() + RESEND_AFTER_MS < giveUpAt) {
      await pause(RESEND_AFTER_MS);
    } else if (result === 'unprocessed') {
      return { kind: 'unknown-outcome', orderId };
    } else if (refused?.memoryFrom !== undefined) {
      const recalled = recall(orderId, [message.commandId], refused.memoryFrom);
      const earlier = await earlierOutcome(message, withTimeout(giveUpAt - Date.now(), recalled));
      if (earlier !== undefined) return earlier;
      message = { ...message, absentUpTo: refused.memoryFrom };
    } else return result;
  }
}

function isRefused(result: { readonly kind: string } | 'unprocessed'): result is RefusedCommand {
  return result !== 'unprocessed' && result.kind === 'refused';
}

/**
 * The outcome of a command that the journal has already; undefined if the command has to be judged.
 * If the journal lacks events, or MongoDB does not answer, the command is refused for now.
 */
export async function earlierOutcome(
  message: Message,
  recalled: Promise<readonly Remembered[]>,
): Promise<Outcome | undefined> {
  try {
    const [known] = await recalled;
    return known && repeatedOutcome(known, message);
  } catch (error) {
    if (error instanceof LogIncomplete) return journalIncomplete();
    if (isMongoOutage(error)) return journalUnavailable();
    throw error;
  }
}

/**
 * The outcome of a message whose command the entity has had before. Undefined if that command
 * changed nothing, such as a rejected signal. Then the message is judged again.
 */
export function repeatedOutcome(known: Remembered, message: Message): Outcome | undefined {
  const refusal = keyConflict(message, known);
  if (refusal !== undefined) return { kind: 'refused', refusal };
  if (didNothing(known)) return undefined;
  const { requestId: _, ...answer } = known.answer;
  return { kind: 'answered', answer, replayed: true };
}
