import type { CommandMeta, CommandResult, Gateway } from '../api/commands/gateway.js';
import { pathOf } from '../api/commands/table.js';
import type { CommandAnswer } from '../order-log.js';
import { type FollowUpCommand, partOf } from '../order/commands.js';
import type { Api } from './api.js';
import { exitCodes, Failure } from './failure.js';

/**
 * Sends commands to the API, with the key of `api`. A refusal is thrown as the `Failure` that the
 * API's problem becomes. The actor is whose key it is.
 */
export function httpGateway(api: Api): Omit<Gateway, 'fact'> {
  return {
    async create(id, order, meta) {
      const body = id === undefined ? order : { id, ...order };
      return await send(api, pathOf('CreateOrder'), body, meta);
    },
    execute: async (orderId, command, meta) => await toOrder(api, orderId, command, meta),
    signal: async (orderId, command, meta) =>
      await toOrder(api, orderId, command, meta, { prefer: 'respond-async' }),
  };
}

async function toOrder(
  api: Api,
  orderId: string,
  { type, data }: FollowUpCommand,
  meta: CommandMeta,
  headers: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const part = partOf(type);
  const name = part === undefined ? undefined : `${part}Id`;
  const members = Object.entries(data);
  const ids = new Map([['orderId', orderId], ...members.filter(([member]) => member === name)]);
  const path = pathOf(type).replaceAll(/:(\w+)/g, (_, id: string) => encodeURIComponent(ids.get(id) ?? ''));
  const body = Object.fromEntries(members.filter(([member]) => member !== name));
  return await send(api, path, body, meta, headers);
}

async function send(
  api: Api,
  path: string,
  body: unknown,
  { key, correlationId, expectedVersion, onBehalfOf }: CommandMeta,
  headers: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  try {
    const sent = await api.send<CommandAnswer>(path, body, {
      ...headers,
      'idempotency-key': key,
      'x-correlation-id': correlationId,
      ...(expectedVersion === undefined ? {} : { 'if-match': `"${expectedVersion}"` }),
      ...(onBehalfOf === undefined ? {} : { 'on-behalf-of': onBehalfOf }),
    });
    const replayed = sent.headers.get('idempotent-replayed') === 'true';
    if (sent.status === 202) return { kind: 'accepted', orderId: sent.body.orderId, replayed };
    return { kind: 'answered', answer: sent.body, replayed };
  } catch (error) {
    if (!(error instanceof Failure) || error.exitCode !== exitCodes.unavailable) throw error;
    const message = `${error.details.message.replace(/\.$/, '')}; to try again, add --key ${key}`;
    throw new Failure(error.exitCode, { ...error.details, message });
  }
}
