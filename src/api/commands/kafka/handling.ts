import type { CommittedRecord } from '../../../delivery/kafka/committed-records.js';
import { isMongoOutage } from '../../../outages/mongo-outage.js';
import { isTemporalOutage } from '../../../outages/temporal-outage.js';
import type { Logger } from '../../../server/logger.js';
import { HttpProblem } from '../../problem.js';
import { problemOf } from '../answers.js';
import type { CommandResult, Gateway } from '../gateway.js';
import { type AskedCommand, commandIn, correlationIdOf } from './command-record.js';

/** `durable`: in Temporal. `again`: there was no answer, or a server is away. */
export type Outcome = 'durable' | 'again' | HttpProblem;

/** From then on, a command that gets no answer is sent as a signal, which needs no worker. */
const SIGNAL_AFTER = 5;
/** An error that is not an outage is a defect; it may be one of a moment. */
const MOST_DEFECTS = 5;

/**
 * Does what a record asks for, at most once however often it is called: its key is the same.
 *
 * @param attempt 1 for the first
 */
export async function handle(
  { gateway, logger }: { readonly gateway: Gateway; readonly logger: Logger },
  topic: string,
  record: CommittedRecord,
  attempt: number,
): Promise<Outcome> {
  try {
    return outcomeOf(await send(gateway, commandIn(topic, record), attempt));
  } catch (error) {
    if (error instanceof HttpProblem) return error;
    if (isTemporalOutage(error) || isMongoOutage(error)) return 'again';
    const correlationId = correlationIdOf(topic, record);
    logger.error({ err: error, correlationId, attempt }, 'a command of Kafka failed');
    if (attempt < MOST_DEFECTS) return 'again';
    return new HttpProblem(
      500,
      'internal_error',
      `This should not have happened. It is logged under ${correlationId}.`,
    );
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

function outcomeOf(result: CommandResult): Outcome {
  if (result.kind !== 'refused' && result.kind !== 'unknown-outcome') return 'durable';
  const problem = problemOf(result);
  return problem.status === 503 ? 'again' : problem;
}
