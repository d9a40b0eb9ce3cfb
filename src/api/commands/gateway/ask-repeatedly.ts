import { pause } from '../../../concurrency/pause.js';
import { type Message, messagesWaiting } from '../../../log/workflow/messages.js';
import type { CommandResult } from './gateway.js';
import type { GatewayContext } from './context.js';
import { RESEND_AFTER_MS } from './unprocessed.js';
import { fromJournal } from './without-workflow.js';

/**
 * Asks, and asks again while the order is busy. If the order no longer remembers whether it had the
 * command, the journal is asked.
 */
export function askRepeatedly(
  context: GatewayContext,
  orderId: string,
  first: Message,
  ask: (message: Message, giveUpAt: number) => Promise<CommandResult | 'unprocessed'>,
): Promise<CommandResult> {
  const { answerWithinMs, outcomeOf } = context;
  let message = first;
  return outcomeOf(orderId, message, async () => {
    const giveUpAt = Date.now() + answerWithinMs;
    const isLate = () => Date.now() + RESEND_AFTER_MS > giveUpAt;
    for (;;) {
      const result = await ask(message, giveUpAt);
      if (result === 'unprocessed') {
        if (isLate()) return { kind: 'unknown-outcome', orderId };
        await pause(RESEND_AFTER_MS);
      } else if (result.kind === 'refused' && result.refusal.code === messagesWaiting && !isLate()) {
        await pause(RESEND_AFTER_MS);
      } else if (result.kind === 'refused' && result.memoryFrom !== undefined) {
        const known = await fromJournal(context, message, orderId, result.memoryFrom, giveUpAt);
        if (known !== undefined) return known;
        message = { ...message, absentUpTo: result.memoryFrom };
      } else return result;
    }
  });
}
