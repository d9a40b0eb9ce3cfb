/* Commands as people type them in a terminal. */
import type { Field } from '../../../api/commands/entry.js';
import { commands } from '../../../api/commands/table.js';
import type { AmendedLine } from '../../../order/commands.js';
import type { Choice } from './choices.js';

/** The order that a command is for, and the version that it must have. */
export interface Target {
  readonly orderId: string;
  readonly version: number;
}

/** @param origin of the API, such as `https://orders.example` */
export function curlOfCommand(
  origin: string,
  { path }: Choice,
  body: object,
  { orderId, version }: Target,
): string {
  const url = `${origin}/v1/orders/${encodeURIComponent(orderId)}/${path}`;
  return curlOf(url, body, `-H 'If-Match: "${version}"'`);
}

/** The `curl` command for a POST of JSON. */
export function curlOf(url: string, body: object, ...options: readonly string[]): string {
  return [
    `curl -s ${url}`,
    `-H 'content-type: application/json'`,
    ...options,
    `-d ${quoted(JSON.stringify(body))}`,
  ].join(' ');
}

/** The script of the command, as `npx orders` runs it. */
export function scriptOfCommand({ type, part }: Choice, body: object, { orderId, version }: Target): string {
  const { verb, fields } = commands[type];
  const values = new Map<string, unknown>(Object.entries(body));
  const given = Object.entries(fields).flatMap(([member, all]) =>
    [all].flat().flatMap((field: Field) => {
      const value = values.get(member);
      const own: unknown = field.member === undefined ? value : Object(value)[field.member];
      return own === undefined ? [] : typedAs(field, own);
    }),
  );
  return [
    'npx orders',
    verb,
    orderId,
    ...(part === undefined ? [] : [part]),
    ...given,
    `--if-match ${version}`,
  ].join(' ');
}

/** A value as it is typed: as an argument, or as an option, which is repeated for each text. */
function typedAs({ flags, parser }: Field, value: unknown): readonly string[] {
  const [option = ''] = flags.split(' ');
  const words = textsOf(parser, value).map(quoted);
  return option.startsWith('--') ? words.map((word) => `${option} ${word}`) : words;
}

/** The texts from which the parser makes the value. */
function textsOf(parser: Field['parser'], value: unknown): readonly string[] {
  switch (parser) {
    case undefined:
    case 'amount':
      return [String(value)];
    case 'address':
      return [JSON.stringify(value)];
    case 'texts':
      return value as readonly string[];
    case 'newLines':
    case 'amendedLines':
    case 'quantities':
      return (value as readonly AmendedLine[]).map(({ sku, quantity, unitPrice, name }) =>
        [sku, quantity, unitPrice, name].filter((part) => part !== undefined).join(':'),
      );
    default:
      return parser satisfies never;
  }
}

/** A text quoted as one word for a shell. */
export function quoted(text: string): string {
  return /^[\w.:/-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
