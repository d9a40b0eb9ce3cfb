import type { CommandMeta, CommandResult, Gateway } from '../../api/commands/gateway/gateway.js';
import type { Preview } from '../../api/commands/gateway/preview.js';
import { routeOf } from '../../api/commands/table.js';
import type { CommandAnswer } from '../../order-log.js';
import { type FollowUpCommand, partOf } from '../../order/commands.js';
import { exitCodes, Failure } from '../script/script.js';
import type { Answered, Api } from './api.js';

/**
 * Sends commands to the API with the key of `api`. The owner of the key is the actor. A refusal is
 * thrown as a `Failure` with the API's problem.
 */
export function httpGateway(api: Api): Omit<Gateway, 'fact'> {
  return {
    async create(id, order, meta) {
      const body = id === undefined ? order : { id, ...order };
      return await sendCommand(api, routeOf('CreateOrder'), body, meta);
    },
    async previewCreate(id, order, meta) {
      const body = id === undefined ? order : { id, ...order };
      return await previewCommand(api, routeOf('CreateOrder'), body, meta);
    },
    async preview(orderId, command, meta) {
      const { path, body } = requestOf(orderId, command);
      return await previewCommand(api, path, body, meta);
    },
    execute: async (orderId, command, meta) => await sendToOrder(api, orderId, command, meta),
    signal: async (orderId, command, meta) =>
      await sendToOrder(api, orderId, command, meta, { prefer: 'respond-async' }),
  };
}

async function sendToOrder(
  api: Api,
  orderId: string,
  command: FollowUpCommand,
  meta: CommandMeta,
  headers: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const { path, body } = requestOf(orderId, command);
  return await sendCommand(api, path, body, meta, headers);
}

function requestOf(orderId: string, { type, data }: FollowUpCommand) {
  const part = partOf(type);
  const name = part === undefined ? undefined : `${part}Id`;
  const members = Object.entries(data);
  const ids = new Map([['orderId', orderId], ...members.filter(([member]) => member === name)]);
  const path = routeOf(type).replaceAll(/:(\w+)/g, (_, id: string) => encodeURIComponent(ids.get(id) ?? ''));
  return { path, body: Object.fromEntries(members.filter(([member]) => member !== name)) };
}

async function previewCommand(
  api: Api,
  path: string,
  sent: unknown,
  meta: CommandMeta,
): Promise<CommandResult> {
  const { body, headers } = await api.postForAnswer<Preview>(`${path}?preview=true`, sent, headersOf(meta));
  return { kind: 'previewed', preview: body, replayed: isReplayed(headers) };
}

async function sendCommand(
  api: Api,
  path: string,
  body: unknown,
  meta: CommandMeta,
  headers: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  try {
    const sent = await api.postForAnswer<CommandAnswer>(path, body, { ...headers, ...headersOf(meta) });
    const replayed = isReplayed(sent.headers);
    if (sent.status === 202) return { kind: 'accepted', orderId: sent.body.orderId, replayed };
    return { kind: 'answered', answer: sent.body, replayed };
  } catch (error) {
    if (!(error instanceof Failure) || error.exitCode !== exitCodes.unavailable) throw error;
    const message = `${error.details.message.replace(/\.$/, '')}; to try again, add --key ${meta.key}`;
    throw new Failure(error.exitCode, { ...error.details, message });
  }
}

function headersOf({ key, correlationId, expectedVersion, onBehalfOf }: CommandMeta) {
  return {
    'idempotency-key': key,
    'x-correlation-id': correlationId,
    ...(expectedVersion === undefined ? {} : { 'if-match': `"${expectedVersion}"` }),
    ...(onBehalfOf === undefined ? {} : { 'on-behalf-of': onBehalfOf }),
  };
}

function isReplayed(headers: Answered<unknown>['headers']): boolean {
  return headers.get('idempotent-replayed') === 'true';
}
