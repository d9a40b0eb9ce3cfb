import { Type, type TSchema } from 'typebox';
import type { CommittedRecord } from '../../../kafka/committed-records.js';
import { type CommandType, type FollowUpCommand, partOf } from '../../../order/commands.js';
import { refuseSystemName } from '../../access/on-behalf-of.js';
import { HttpProblem } from '../../problem.js';
import { Id, isKey, versionIn } from '../../schemas/values.js';
import { checkAgainst } from '../../requests/validation.js';
import { bodyParts } from '../body-parts.js';
import type { CommandMeta } from '../../../log/gateway/message.js';
import type { OrderBody } from '../gateway/gateway.js';
import { commands } from '../table.js';
import { traceIdOf } from '../trace.js';
import { optionalHeaders } from './command-headers.js';

/** The command that a record contains. */
export interface AskedCommand {
  readonly orderId: string;
  readonly command: { readonly type: 'CreateOrder'; readonly data: OrderBody } | FollowUpCommand;
  readonly meta: CommandMeta;
}

const types: readonly string[] = Object.keys(commands);

/** Records may have other headers as well, with values that are not text. */
const Headers = Type.Object({ command: Type.Enum(types), ...optionalHeaders });

/** The headers that are read. */
export const headerNames: ReadonlySet<string> = new Set([...Object.keys(Headers.properties), 'traceparent']);

const KeyOfRecord = Type.Object({ key: Id });

/** `<topic>:<partition>:<offset>` */
export function recordIdOf(topic: string, { partition, offset }: CommittedRecord): string {
  return `${topic}:${partition}:${offset}`;
}

/**
 * The correlation id that a record's command, its log lines and its refusal have. It is known even
 * if nothing else of the record can be read.
 */
export function correlationIdOf(topic: string, record: CommittedRecord): string {
  const given = record.headers.get('x-correlation-id')?.toString('utf8');
  return given !== undefined && isKey(given) ? given : recordIdOf(topic, record);
}

/**
 * Reads a record as a command, and checks it as the HTTP API checks a request.
 *
 * @throws HttpProblem if the record is not a valid command
 */
export function commandIn(topic: string, record: CommittedRecord): AskedCommand {
  const orderId = keyOf(record);
  const given = Object.fromEntries(
    [...record.headers]
      .filter(([name]) => Object.hasOwn(Headers.properties, name))
      .map(([name, value]) => [name, text(value)]),
  );
  const headers = checkAgainst(Headers, 'headers', given) as Readonly<Record<string, string | undefined>>;
  const type = headers['command'] as CommandType;
  const actor = `kafka:${topic}`;
  const expectedVersion = versionIn(headers['if-match'] ?? '*');
  const onBehalfOf = headers['on-behalf-of'];
  if (onBehalfOf !== undefined) refuseSystemName(onBehalfOf);
  const traceId = traceIdOf(record.headers.get('traceparent')?.toString('latin1'));
  const meta: CommandMeta = {
    issuer: actor,
    key: headers['idempotency-key'] ?? recordIdOf(topic, record),
    actor,
    ...(onBehalfOf !== undefined && { onBehalfOf }),
    correlationId: correlationIdOf(topic, record),
    ...(traceId !== undefined && { traceId }),
    ...(expectedVersion !== undefined && { expectedVersion }),
  };
  const body = checkAgainst(schemaOf(type), 'body', json(record.value)) as object;
  if (type === 'CreateOrder') return { orderId, command: { type, data: orderIn(orderId, body) }, meta };
  const data = { ...partIn(partOf(type), headers), ...body };
  // The body was checked. The table's type ensures that its schema describes this data.
  return { orderId, command: { type, data } as FollowUpCommand, meta };
}

function keyOf({ key }: CommittedRecord): string {
  if (key === undefined || key.length === 0)
    throw invalid('The record has no key: it must be the order’s id.');
  const orderId = text(key);
  checkAgainst(KeyOfRecord, 'headers', { key: orderId });
  return orderId;
}

function orderIn(orderId: string, { id = orderId, ...order }: { readonly id?: string }): OrderBody {
  if (id !== orderId) throw invalid('The id in the body is not the key of the record.');
  return order as OrderBody;
}

function partIn(
  part: 'shipment' | 'return' | undefined,
  headers: Readonly<Record<string, string | undefined>>,
): object {
  if (part === undefined) return {};
  const id = headers[`${part}-id`];
  if (id === undefined) throw invalid(`The header ${part}-id is missing.`);
  return { [`${part}Id`]: id };
}

function json(value: Buffer | undefined): unknown {
  if (value === undefined || value.length === 0) return {};
  const content = text(value);
  try {
    return JSON.parse(content);
  } catch {
    throw new HttpProblem(400, 'invalid_json', 'The value is not valid JSON.');
  }
}

function text(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new HttpProblem(400, 'invalid_utf8', 'The record is not UTF-8. Send it as Unicode in UTF-8.');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const bodies = new Map<CommandType, TSchema>();

function schemaOf(type: CommandType): TSchema {
  const schema = bodies.get(type) ?? commands[type].body(bodyParts);
  bodies.set(type, schema);
  return schema;
}

function invalid(detail: string): HttpProblem {
  return new HttpProblem(400, 'invalid_request', detail);
}
