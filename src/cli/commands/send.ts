import type { CommandMeta, CommandResult, Gateway } from '../../api/commands/gateway/gateway.js';
import type { Api } from '../connections/api.js';
import { openGateway } from '../connections/command-gateway.js';
import { isAtRest, until } from '../connections/order-events.js';
import type * as Input from '../script/input.js';
import { type CommandOptions, isOverHttp, metaOf, refuseActor } from '../script/options.js';
import { previewCard } from '../script/order-text.js';
import { exitCodes, Failure, failureLine, failureOfRefusal, report, type Session } from '../script/script.js';

/** The outcome of a command, as `--json` prints it. */
export interface Sent {
  readonly orderId: string;
  /** absent with `--async`, which waits for no answer */
  readonly version?: number;
  readonly status?: string;
  readonly events?: readonly { readonly version: number; readonly type: string }[];
  readonly shipmentId?: string;
  readonly returnId?: string;
  readonly replayed: boolean;
  /** with `--wait`: whether the order is at rest (`isAtRest`) */
  readonly settled?: boolean;
}

type Send = (gateway: Omit<Gateway, 'fact'>, meta: CommandMeta) => Promise<CommandResult>;

/**
 * Sends one command, waits for the order if `--wait` asks for it, and prints the outcome.
 *
 * @param prepare checks what was typed, before anything is connected
 * @throws Failure if the command was refused, or its outcome is unknown
 */
export async function sendAndReport(
  session: Session,
  options: CommandOptions,
  prepare: (input: typeof Input) => Promise<Send>,
): Promise<void> {
  // Imported on use: queries and help need no schemas, and start in half the time without them.
  const input = await import('../script/input.js');
  const meta = metaOf(options);
  if (isOverHttp(session, options)) refuseActor(options);
  input.checkSender(meta);
  const send = await prepare(input);
  const { api, gateway, close } = await openGateway(session, options);
  let outcome: Outcome;
  try {
    outcome = await outcomeOf(gateway, meta, send);
  } finally {
    await close();
  }
  if (outcome.kind === 'previewed') {
    const { preview } = outcome;
    return report(session, options, preview, () => previewCard(preview, session.terminal.paint));
  }
  let sent = sentOf(outcome);
  if (options.wait !== undefined && options.wait > 0) sent = await settled(session, api, sent, options.wait);
  const { print } = session.terminal;
  print(options.json === true ? JSON.stringify(sent) : sentLine(sent));
}

/**
 * Sends one command.
 *
 * @throws Failure if the command was refused, or its outcome is unknown
 */
export async function sendTo(gateway: Omit<Gateway, 'fact'>, meta: CommandMeta, send: Send): Promise<Sent> {
  const outcome = await outcomeOf(gateway, meta, send);
  if (outcome.kind === 'previewed') throw new TypeError('A preview sends nothing.');
  return sentOf(outcome);
}

type Outcome = Exclude<CommandResult, { readonly kind: 'refused' | 'unknown-outcome' }>;

function sentOf(outcome: Exclude<Outcome, { readonly kind: 'previewed' }>): Sent {
  const { replayed } = outcome;
  return outcome.kind === 'answered'
    ? { ...outcome.answer, replayed }
    : { orderId: outcome.orderId, replayed };
}

async function outcomeOf(gateway: Omit<Gateway, 'fact'>, meta: CommandMeta, send: Send): Promise<Outcome> {
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
        message: `no answer about order ${result.orderId}: it may still take effect; try again with --key ${meta.key}`,
      });
    default:
      return result satisfies never;
  }
}

/**
 * Waits until the order is at rest, or the time is up. The command was sent already, so an API that
 * does not answer only adds a message.
 */
async function settled({ terminal }: Session, api: Api, sent: Sent, seconds: number): Promise<Sent> {
  try {
    const { order, reached } = await until(
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
export function sentLine({ orderId, version, status, events, shipmentId, returnId, ...sent }: Sent): string {
  return [
    `order ${orderId}`,
    ...(version === undefined || status === undefined ? ['accepted'] : [`${status} at version ${version}`]),
    ...(events === undefined || events.length === 0 ? [] : [events.map(({ type }) => type).join(', ')]),
    ...(shipmentId === undefined ? [] : [`shipment ${shipmentId}`]),
    ...(returnId === undefined ? [] : [`return ${returnId}`]),
    ...(sent.replayed ? ['answered before'] : []),
    ...(sent.settled === false ? ['not settled yet'] : []),
  ].join(' · ');
}
