import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { TSchema } from 'typebox';
import type { Field } from '../../api/commands/entry.js';
import { logs } from '../../logs.js';
import type { AmendedLine, LineQuantity, NewLine } from '../../order/commands.js';
import { messageOf } from '../../outages/message-of.js';
import { type CommonOptions, exitCodes, Failure, usageFailure } from './script.js';
import type { Terminal } from './terminal.js';

/*
 * What is typed: its parsers, its check against the schemas of the HTTP API, and the options that
 * several scripts share.
 *
 * A parser throws an `InvalidArgumentError` with one sentence. It does not decide whether a value is
 * allowed: the schemas and the order do. A parser with a second parameter is for an option that may
 * be repeated, and adds to the values before.
 */

/** A whole number from `least` to `most`. */
export function numberFrom(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < least || number > most)
      throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
    return number;
  };
}

export const wholeNumber = numberFrom(0);
export const positive = numberFrom(1);
/** The value of `--wait`, as in the header `Prefer: wait`. */
export const seconds = numberFrom(0, 30);

/** An amount in minor units. */
export function amount(text: string): number {
  if (/^\d+[.,]\d+$/.test(text))
    throw new InvalidArgumentError('Amounts are in minor units: write 1999 for EUR 19.99.');
  return wholeNumber(text);
}

/** A line of an order, such as `A-1:2:1999` or `A-1:2:1999:Green mug`. */
export function newLines(text: string, before: readonly NewLine[] = []): readonly NewLine[] {
  const [, sku, quantity, unitPrice, name] = /^([^:]+):(\d+):([\d.,]+)(?::(.*))?$/s.exec(text) ?? [];
  if (sku === undefined || quantity === undefined || unitPrice === undefined)
    throw new InvalidArgumentError('Expected SKU:QUANTITY:UNITPRICE[:NAME], such as A-1:2:1999.');
  const line = { sku, quantity: wholeNumber(quantity), unitPrice: amount(unitPrice) };
  return [...before, name === undefined ? line : { ...line, name }];
}

/** A quantity of a SKU, such as `A-1:2`. */
export function quantities(text: string, before: readonly LineQuantity[] = []): readonly LineQuantity[] {
  const [, sku, quantity] = /^(.+):(\d+)$/.exec(text) ?? [];
  if (sku === undefined || quantity === undefined)
    throw new InvalidArgumentError('Expected SKU:QUANTITY, such as A-1:2.');
  return [...before, { sku, quantity: wholeNumber(quantity) }];
}

/** A line of an amendment, such as `A-1:2`, or `B-7:1:500` for a SKU that is new in the order. */
export function amendedLines(text: string, before: readonly AmendedLine[] = []): readonly AmendedLine[] {
  const added = text.split(':').length > 2 ? newLines(text) : quantities(text);
  return [...before, ...added];
}

/** Any text. */
export function texts(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

export function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`Expected JSON (${messageOf(error)}).`);
  }
}

/**
 * A JSON object from a file or, for `-`, from standard input.
 *
 * @throws Failure if it cannot be read
 */
export async function readJsonFile(path: string, terminal: Terminal): Promise<object> {
  let bytes: Uint8Array;
  try {
    bytes = path === '-' ? await terminal.readInput() : await readFile(path);
  } catch (error) {
    throw usageFailure(`${path} cannot be read: ${messageOf(error)}`);
  }
  const source = path === '-' ? 'standard input' : path;
  const text = textOf(bytes, source);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageFailure(`${source} is not JSON: ${messageOf(error)}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw usageFailure(`${source} has no order: expected one JSON object`);
}

/** Drops a byte order mark, and throws if the bytes are not UTF-8. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws Failure if the bytes are not UTF-8: the script does not guess another encoding */
function textOf(bytes: Uint8Array, source: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw usageFailure(`${source} is not UTF-8: save it as Unicode in UTF-8`);
  }
}

/**
 * Parses what was typed. `before` is what the same parser returned for the option's earlier
 * occurrences. The type is taken from a method, so that parsers with a narrower `before` fit.
 */
export type Parser = { parse(text: string, before?: unknown): unknown }['parse'];

/** The parsers that `Field.parser` names in the table of commands. */
export const parsers: Readonly<Record<NonNullable<Field['parser']>, Parser>> = {
  amount,
  json,
  texts,
  newLines,
  amendedLines,
  quantities,
};

/** Checks texts that are ids or keys. @throws Failure if one of them has a character that is not allowed */
export async function checkEach(
  kind: 'Id' | 'Key',
  values: Readonly<Record<string, unknown>>,
): Promise<void> {
  const names = Object.keys(values);
  await check(
    ({ closed, [kind]: one }) => closed(Object.fromEntries(names.map((name) => [name, one]))),
    values,
  );
}

/** @throws Failure with the words in which the HTTP API would refuse the value */
export async function check(schemaOf: (from: Schemas) => TSchema, value: unknown): Promise<void> {
  const from = await schemas();
  const { validatorCompiler, HttpProblem } = from;
  try {
    validatorCompiler({ schema: schemaOf(from), method: 'POST', url: '', httpPart: 'body' })(value);
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    const { errors = [] } = error.members;
    const message = errors.map(({ pointer, detail }) => `${pointer || 'the body'} ${detail}`).join('; ');
    throw new Failure(exitCodes.usage, { code: error.code, message: message || error.message });
  }
}

type Schemas = Awaited<ReturnType<typeof schemas>>;

/**
 * Loads the schemas when a command needs them. Queries and help do not need them, and start in half
 * the time without them.
 */
async function schemas() {
  const [parts, problems, values, validation] = await Promise.all([
    import('../../api/commands/body-parts.js'),
    import('../../api/problem.js'),
    import('../../api/schemas/values.js'),
    import('../../api/requests/validation.js'),
  ]);
  return { ...parts, ...problems, ...values, ...validation };
}

/** The option `--entity`, which says of which kind the entity with the given id is. */
export function entityOption(): Option {
  const names = logs.map(({ entity }) => entity.name);
  return new Option('--entity <name>', 'the kind of entity').choices(names).default('order');
}

/**
 * The options that `addCommandOptions` adds. `addSendOptions` adds all of them except `ifMatch`.
 */
export interface CommandOptions extends CommonOptions {
  readonly key?: string;
  readonly ifMatch?: number;
  readonly actor?: string;
  readonly onBehalfOf?: string;
  readonly async?: true;
  readonly wait?: number;
  readonly preview?: true;
}

/** Adds the options of a script that sends a command to an order that exists. */
export function addCommandOptions(command: Command): Command {
  return addSendOptions(command).option(
    '--if-match <version>',
    'only if the order is at this version',
    positive,
  );
}

/** Adds the options of every script that sends a command, including `create`. */
export function addSendOptions(command: Command): Command {
  return command
    .option('--key <key>', 'Idempotency-Key: the same key and command again give the same answer')
    .option('--actor <name>', 'who sends it, without a key (default: temporal:<your user name>)')
    .option('--on-behalf-of <name>', 'for whom; recorded beside the actor')
    .addOption(
      new Option('--async', 'do not wait for the answer, only until it is durable').conflicts('wait'),
    )
    .option('--wait <seconds>', 'wait until the order has nothing left to do by itself, 0 to 30', seconds)
    .addOption(
      new Option('--preview', 'show what it would do, and change nothing').conflicts(['async', 'wait']),
    );
}

/** The options that `addPageOptions` adds. */
export interface PageOptions extends CommonOptions {
  readonly limit?: number;
  readonly cursor?: string;
}

/** Adds the options of a script that shows one page of a list, which has at most `most` rows. */
export function addPageOptions(command: Command, most: number): Command {
  return command
    .option('--limit <number>', `how many at most, up to ${most}`, numberFrom(1, most))
    .option('--cursor <cursor>', 'continue from the end of an earlier list');
}

/** The options that `addRequestOptions` adds. */
export interface RequestOptions extends CommonOptions {
  readonly key?: string;
  readonly actor?: string;
}

/**
 * Adds the options of a script that asks the API for a change that is no command to an order, such
 * as `webhooks` and `forget`.
 */
export function addRequestOptions(command: Command): Command {
  return command
    .option('--key <key>', 'Idempotency-Key: the same key and command again give the same answer')
    .option('--actor <name>', 'who does it, without a key (default: cli:<your user name>)');
}
