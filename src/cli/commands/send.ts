import type { CommandMeta } from '../../log/gateway/message.js';
import type { CommandResult } from '../../api/commands/gateway/gateway.js';
import { isAtRest } from '../../order/consequences.js';
import type { Api } from '../connections/api.js';
import { type CommandGateway, openGateway } from '../connections/gateway.js';
import { untilOrder } from '../connections/order-events.js';
import { previewCard } from '../printing/order-card.js';
import { exitCodes, Failure, failureLine, failureOfRefusal } from '../script/failure.js';
import type { CommandOptions } from '../script/options.js';
import { report, type Session } from '../script/script.js';
import { checkSender, isOverHttp, metaOf, refuseActor } from '../script/sender.js';

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
  /** with `--wait`: whether the order is at rest (`isAtRest`); a public name */
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
  if (isOverHttp(session, options)) refuseActor(options);
  await checkSender(meta);
  const send = await prepare();
  const { api, gateway, close } = await openGateway(session, options);
  let outcome: Accepted;
  try {
    outcome = await outcomeOf(gateway, meta, send);
  } catch (error) {
    throw options.preview === true ? error : withKey(error, meta.key);
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

/** A failure without an answer, with the key under which the command can be sent again. */
function withKey(error: unknown, key: string): unknown {
  if (!(error instanceof Failure) || error.exitCode !== exitCodes.unavailable) return error;
  const message = `${error.details.message.replace(/\.$/, '')}; to try again, add --key ${key}`;
  return new Failure(error.exitCode, { ...error.details, message });
}

/**
 * Sends one command.
 *
 * @throws Failure if the command was refused, or its outcome is unknown
 */
export async function sendTo(gateway: CommandGateway, meta: CommandMeta, send: Send): Promise<SentCommand> {
  const outcome = await outcomeOf(gateway, meta, send);
  if (outcome.kind === 'previewed') throw new TypeError('A preview sends nothing.');
  return sentOf(outcome);
}

type Accepted = Exclude<CommandResult, { readonly kind: 'refused' | 'unknown-outcome' }>;

function sentOf(outcome: Exclude<Accepted, { readonly kind: 'previewed' }>): SentCommand {
  const { replayed } = outcome;
  return outcome.kind === 'answered'
    ? { ...outcome.answer, replayed }
    : { orderId: outcome.orderId, replayed };
}

async function outcomeOf(gateway: CommandGateway, meta: CommandMeta, send: Send): Promise<Accepted> {
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
 * a message, because the command was sent already.
 */
async function waitUntilAtRest(
  { terminal }: Session,
  api: Api,
  sent: SentCommand,
  seconds: number,
): Promise<SentCommand> {
  try {
    const { order, reached } = await untilOrder(
      api,
      sent.orderId,
      (seen) => seen.version >= (sent.version ?? 1) && isAtRest(seen),
      { withinMs: seconds * 1_000 },
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
