import type { CommandResult } from '../../api/commands/gateway/gateway.js';
import type { Preview } from '../../api/commands/gateway/preview.js';
import { routeOf } from '../../api/commands/table.js';
import type { CommandMeta } from '../../log/gateway/message.js';
import type { CommandAnswer } from '../../order-log.js';
import { type FollowUpCommand, partOf } from '../../order/commands.js';
import type { CommandGateway } from '../script/script.js';
import type { Answered, Api } from './api.js';

/**
 * Sends commands to the API with the key of `api`. The owner of the key is the actor. A refusal is
 * thrown as a `Failure` with the API's problem.
 */
export function httpGateway(api: Api): CommandGateway {
  const creation = (id: string | undefined, order: object): Request => ({
    path: routeOf('CreateOrder'),
    body: id === undefined ? order : { id, ...order },
  });
  return {
    create: async (id, order, meta) => await send(api, creation(id, order), meta),
    previewCreate: async (id, order, meta) => await preview(api, creation(id, order), meta),
    preview: async (orderId, command, meta) => await preview(api, requestOf(orderId, command), meta),
    execute: async (orderId, command, meta) => await send(api, requestOf(orderId, command), meta),
    signal: async (orderId, command, meta) =>
      await send(api, requestOf(orderId, command), meta, { prefer: 'respond-async' }),
  };
}

interface Request {
  readonly path: string;
  readonly body: object;
}

function requestOf(orderId: string, { type, data }: FollowUpCommand): Request {
  const part = partOf(type);
  const name = part === undefined ? undefined : `${part}Id`;
  const members = Object.entries(data);
  const ids = new Map([['orderId', orderId], ...members.filter(([member]) => member === name)]);
  const path = routeOf(type).replaceAll(/:(\w+)/g, (_, id: string) => encodeURIComponent(ids.get(id) ?? ''));
  return { path, body: Object.fromEntries(members.filter(([member]) => member !== name)) };
}

async function preview(api: Api, { path, body }: Request, meta: CommandMeta): Promise<CommandResult> {
  const answer = await api.postForAnswer<Preview>(`${path}?preview=true`, body, headersOf(meta));
  return { kind: 'previewed', preview: answer.body, replayed: isReplayed(answer) };
}

async function send(
  api: Api,
  { path, body }: Request,
  meta: CommandMeta,
  headers: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const answer = await api.postForAnswer<CommandAnswer>(path, body, { ...headers, ...headersOf(meta) });
  const replayed = isReplayed(answer);
  if (answer.status === 202) return { kind: 'accepted', orderId: answer.body.orderId, replayed };
  return { kind: 'answered', answer: answer.body, replayed };
}

function headersOf({ key, correlationId, expectedVersion, onBehalfOf }: CommandMeta) {
  return {
    'idempotency-key': key,
    'x-correlation-id': correlationId,
    ...(expectedVersion === undefined ? {} : { 'if-match': `"${expectedVersion}"` }),
    ...(onBehalfOf === undefined ? {} : { 'on-behalf-of': onBehalfOf }),
  };
}

function isReplayed({ headers }: Answered<unknown>): boolean {
  return headers.get('idempotent-replayed') === 'true';
}
