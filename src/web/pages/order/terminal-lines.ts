/* Commands as people type them in a terminal. */
import type { Field } from '../../../api/commands/entry.js';
import { commands } from '../../../api/commands/table.js';
import type { Choice } from './choices.js';

export interface Target {
  readonly orderId: string;
  readonly version: number;
}

export function curlOfCommand({ path }: Choice, body: object, { orderId, version }: Target): string {
  return curlOf(`/v1/orders/${encodeURIComponent(orderId)}/${path}`, body, `-H 'If-Match: "${version}"'`);
}

/** The `curl` command for a POST of JSON. */
export function curlOf(path: string, body: object, ...options: readonly string[]): string {
  return [
    `curl -s ${location.origin}${path}`,
    `-H 'content-type: application/json'`,
    ...options,
    `-d ${quoted(JSON.stringify(body))}`,
  ].join(' ');
}

export function scriptOfCommand({ type, part }: Choice, body: object, { orderId, version }: Target): string {
  const { verb, fields } = commands[type];
  const given = Object.entries(fields).flatMap(([member, all]) => {
    const value: unknown = Object.entries(body).find(([name]) => name === member)?.[1];
    const [field] = [all].flat() as readonly Field[];
    return value === undefined || field === undefined ? [] : optionOf(field, value);
  });
  return [
    'npx orders',
    verb,
    orderId,
    ...(part === undefined ? [] : [part]),
    ...given,
    `--if-match ${version}`,
  ].join(' ');
}

function optionOf({ flags, parser, member }: Field, value: unknown): readonly string[] {
  const [option = ''] = flags.split(' ');
  if (parser === 'quantities' || parser === 'amendedLines') {
    const lines = value as readonly { readonly sku: string; readonly quantity: number }[];
    return lines.map(({ sku, quantity }) => `${option} ${sku}:${quantity}`);
  }
  const one = member === undefined ? value : Object(value)[member];
  const text = quoted(typeof one === 'object' ? JSON.stringify(one) : String(one));
  return [option.startsWith('--') ? `${option} ${text}` : text];
}

/** A text quoted as one word for a shell. */
export function quoted(text: string): string {
  return /^[\w.:/-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
