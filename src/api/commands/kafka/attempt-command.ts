import type { CommittedRecord } from '../../../kafka/committed-records.js';
import { messageOf } from '../../../outages/message-of.js';
import { grpcStatusIn, isTooLarge } from '../../../outages/temporal-outage.js';
import { HttpProblem } from '../../problem.js';
import { problemOf } from '../answers.js';
import type { CommandResult, Gateway } from '../gateway/gateway.js';
import { type AskedCommand, commandIn } from './command-record.js';

/**
 * `durable`: Temporal has the command. A problem: the command is refused. `retryBecause`: its
 * outcome is unknown, so it is tried again.
 */
export type AttemptResult = 'durable' | HttpProblem | { readonly retryBecause: string };

/**
 * After this many attempts without an answer, a command is sent as a signal, which needs no worker.
 */
const SIGNAL_AFTER = 5;

/**
 * Sends the command of a record. It takes effect once, however often this is called, because its
 * key stays the same.
 *
 * @param attempt 1 for the first
 */
export async function attemptCommand(
  gateway: Gateway,
  topic: string,
  record: CommittedRecord,
  attempt: number,
): Promise<AttemptResult> {
  try {
    return outcomeOf(await send(gateway, commandIn(topic, record), attempt));
  } catch (error) {
    if (error instanceof HttpProblem) return error;
    const status = grpcStatusIn(error);
    if (status !== undefined && isTooLarge(status))
      return new HttpProblem(413, 'body_too_large', 'The command is larger than Temporal takes. Send less.');
    return { retryBecause: messageOf(error) };
  }
}

async function send(
  gateway: Gateway,
  { orderId, command, meta }: AskedCommand,
  attempt: number,
): Promise<CommandResult> {
  if (command.type === 'CreateOrder') return await gateway.create(orderId, command.data, meta);
  if (attempt > SIGNAL_AFTER) return await gateway.signal(orderId, command, meta);
  return await gateway.execute(orderId, command, meta);
}

function outcomeOf(result: CommandResult): AttemptResult {
  if (result.kind !== 'refused' && result.kind !== 'unknown-outcome') return 'durable';
  const problem = problemOf(result);
  return problem.status === 503 ? { retryBecause: `${problem.code}: ${problem.message}` } : problem;
}
