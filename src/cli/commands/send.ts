import type { CommandMeta } from '../../log/gateway/message.js';
import type { CommandResult } from '../../api/commands/gateway/gateway.js';
import { isAtRest } from '../../order/consequences.js';
import type { Order } from '../../order/order.js';
import type { Api } from '../connections/api.js';
import { openGateway } from '../connections/gateway.js';
import { untilOrder } from '../connections/order-events.js';
import { previewCard } from '../printing/preview-card.js';
import { sendsWithKey } from '../script/api-key.js';
import { exitCodes, Failure, failureLine, failureOfRefusal } from '../script/failure.js';
import { withLastStep } from '../script/interrupt.js';
import type { CommandOptions } from '../script/options.js';
import { type CommandGateway, report, type Session } from '../script/script.js';
import { checkSender, metaOf, refuseActor, underKey } from '../script/sender.js';

/* Sends a command, waits for the order if that is asked for, and prints the outcome. */

/** The outcome of a command, as `--json` prints it. */
export interface SentCommand {
  readonly orderId: string;
  /** absent with `--async`, which waits for no answer */
  readonly version?: number;
  readonly status?: string;
  readonly events?: readonly { readonly version: number; readonly type: string }[];
  readonly shipmentId?: string;
  readonly returnId?: string;
  readonly replayed: boolean;
  /** with `--wait`: whether the order is at rest (`isAtRest`); users rely on this name */
  readonly settled?: boolean;
}

type Send = (gateway: CommandGateway, meta: CommandMeta) => Promise<CommandResult>;

/**
 * Sends one command, waits for the order if `--wait` asks for it, and prints the outcome.
 *
 * @param prepare checks what was typed, before anything is connected
 * @throws Failure if the command was refused, or its outcome is unknown
 */
export async function sendAndReport(
  session: Session,
  options: CommandOptions,
  prepare: () => Promise<Send>,
): Promise<void> {
  const meta = metaOf(options);
  if (sendsWithKey(session, options)) refuseActor(options);
  await checkSender(meta);
  const send = await prepare();
  const { api, gateway, close } = await openGateway(session, options);
  const sending = async () => await successOf(gateway, meta, send);
  let outcome: Success;
  try {
    outcome = await (options.preview === true ? sending() : underKey(session, meta.key, sending));
  } finally {
    await close();
  }
  if (outcome.kind === 'previewed') {
    const { preview } = outcome;
    return report(session, options, preview, () => previewCard(preview, session.terminal.paint));
  }
  let sent = sentOf(outcome);
  if (options.wait !== undefined && options.wait > 0)
    sent = await waitUntilAtRest(session, api, sent, options.wait);
  report(session, options, sent, () => [sentLine(sent)]);
}

/**
 * Sends one command.
 *
 * @throws Failure if the command was refused, or its outcome is unknown
 */
export async function sendTo(gateway: CommandGateway, meta: CommandMeta, send: Send): Promise<SentCommand> {
  const outcome = await successOf(gateway, meta, send);
  if (outcome.kind === 'previewed') throw new TypeError('A preview sends nothing.');
  return sentOf(outcome);
}

type Success = Exclude<CommandResult, { readonly kind: 'refused' | 'unknown-outcome' }>;

function sentOf(outcome: Exclude<Success, { readonly kind: 'previewed' }>): SentCommand {
  const { replayed } = outcome;
  return outcome.kind === 'answered'
    ? { ...outcome.answer, replayed }
    : { orderId: outcome.orderId, replayed };
}

async function successOf(gateway: CommandGateway, meta: CommandMeta, send: Send): Promise<Success> {
  const result = await send(gateway, meta);
  switch (result.kind) {
    case 'answered':
    case 'accepted':
    case 'previewed':
      return result;
    case 'refused':
      throw failureOfRefusal(result);
    case 'unknown-outcome':
      throw new Failure(exitCodes.unavailable, {
        code: 'outcome_unknown',
        message: `no answer about order ${result.orderId}: it may still take effect`,
      });
    default:
      return result satisfies never;
  }
}

/**
 * Waits until the order is at rest, or the time is up. If the API does not answer, this only prints
 * a message, because the command was sent already. If it is interrupted, it prints what was sent.
 */
async function waitUntilAtRest(
  { terminal }: Session,
  api: Api,
  sent: SentCommand,
  seconds: number,
): Promise<SentCommand> {
  try {
    const isDone = (seen: Order) => seen.version >= (sent.version ?? 1) && isAtRest(seen);
    const { order, reached } = await withLastStep(
      async () => await untilOrder(api, sent.orderId, isDone, { withinMs: seconds * 1_000 }),
      () => terminal.complain(`interrupted while waiting; sent: ${sentLine(sent)}`),
    );
    if (order === undefined) return { ...sent, settled: false };
    return { ...sent, version: order.version, status: order.status, settled: reached };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    terminal.complain(failureLine(error));
    return { ...sent, settled: false };
  }
}

/** The outcome of a command on one line. */
function sentLine({ orderId, version, status, events, shipmentId, returnId, ...sent }: SentCommand): string {
  return [
    `order ${orderId}`,
    ...(version === undefined || status === undefined ? ['accepted'] : [`${status} at version ${version}`]),
    ...(events === undefined || events.length === 0 ? [] : [events.map(({ type }) => type).join(', ')]),
    ...(shipmentId === undefined ? [] : [`shipment ${shipmentId}`]),
    ...(returnId === undefined ? [] : [`return ${returnId}`]),
    ...(sent.replayed ? ['answered before'] : []),
    ...(sent.settled === false ? ['not at rest yet'] : []),
  ].join(' · ');
}
