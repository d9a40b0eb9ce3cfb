import { ANSWER_WITHIN_MS } from '../../../log/gateway/outcome.js';
import { isTemporalOutage } from '../../../outages/temporal-outage.js';
import type { Message } from '../../../log/workflow/messages.js';
import type { CommandResult, GatewayOptions } from './gateway.js';

/** What the parts of a gateway share. */
export interface GatewayContext extends GatewayOptions {
  readonly answerWithinMs: number;
  readonly journalWithinMs: number;
  /** Calls Temporal, and fails if it does not answer in time. */
  readonly inTime: <R>(call: () => Promise<R>, withinMs?: number) => Promise<R>;
  /** Runs `ask`. Returns an unknown outcome if Temporal is unavailable. */
  readonly outcomeOf: (
    orderId: string,
    ids: Pick<Message, 'commandId' | 'correlationId'>,
    ask: () => Promise<CommandResult>,
  ) => Promise<CommandResult>;
}

export function contextOf(options: GatewayOptions): GatewayContext {
  const { client, logger, answerWithinMs = ANSWER_WITHIN_MS, journalWithinMs = 300 } = options;
  return {
    ...options,
    async recall(orderId, commandIds, upTo) {
      try {
        return await options.recall(orderId, commandIds, upTo);
      } catch (error) {
        logger.warn({ err: error, orderId, commandIds }, 'the journal cannot be asked');
        throw error;
      }
    },
    answerWithinMs,
    journalWithinMs,
    inTime: (call, withinMs = answerWithinMs) => client.connection.withDeadline(Date.now() + withinMs, call),
    async outcomeOf(orderId, { commandId, correlationId }, ask) {
      try {
        return await ask();
      } catch (error) {
        if (!isTemporalOutage(error)) throw error;
        logger.warn({ err: error, orderId, commandId, correlationId }, 'no answer to a command');
        return { kind: 'unknown-outcome', orderId };
      }
    },
  };
}
