import { InvalidArgumentError, Option } from 'commander';
import type { Field } from '../../api/commands/entry.js';
import { logs } from '../../logs.js';
import type { AmendedLine, LineQuantity, NewLine } from '../../order/commands.js';

/**
 * Readers of arguments and options. They only parse: whether a value is allowed, the command's
 * schema and the order decide. A reader throws an `InvalidArgumentError` with one sentence. The
 * readers with a second parameter serve options that may be repeated: they add to the values read
 * before.
 */

/** A whole number, 0 or more. */
export function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number))
    throw new InvalidArgumentError('Expected a whole number, 0 or more.');
  return number;
}

/** An amount in minor units. */
export function amount(text: string): number {
  if (/^\d+[.,]\d+$/.test(text))
    throw new InvalidArgumentError('Amounts are in minor units: write 1999 for EUR 19.99.');
  return wholeNumber(text);
}

export function positive(text: string): number {
  const number = wholeNumber(text);
  if (number === 0) throw new InvalidArgumentError('Expected a whole number, 1 or more.');
  return number;
}

/** `--wait`: as `Prefer: wait`, 0 to 30 seconds. */
export function seconds(text: string): number {
  const number = wholeNumber(text);
  if (number > 30) throw new InvalidArgumentError('Expected 0 to 30 seconds.');
  return number;
}

/** `A-1:2:1999` or `A-1:2:1999:Green mug`. */
export function newLines(text: string, before: readonly NewLine[] = []): readonly NewLine[] {
  const [sku = '', quantity = '', unitPrice = '', ...name] = text.split(':');
  if (sku === '' || quantity === '' || unitPrice === '')
    throw new InvalidArgumentError('Expected SKU:QUANTITY:UNITPRICE[:NAME], such as A-1:2:1999.');
  return [
    ...before,
    {
      sku,
      quantity: wholeNumber(quantity),
      unitPrice: amount(unitPrice),
      ...(name.length === 0 ? {} : { name: name.join(':') }),
    },
  ];
}

/** `A-1:2`. */
export function quantities(text: string, before: readonly LineQuantity[] = []): readonly LineQuantity[] {
  const [, sku, quantity] = /^(.+):(\d+)$/.exec(text) ?? [];
  if (sku === undefined || quantity === undefined)
    throw new InvalidArgumentError('Expected SKU:QUANTITY, such as A-1:2.');
  return [...before, { sku, quantity: wholeNumber(quantity) }];
}

/** `A-1:2`, or `B-7:1:500` for a SKU that is new in the order. */
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
    throw new InvalidArgumentError(
      `Expected JSON (${error instanceof Error ? error.message : 'unreadable'}).`,
    );
  }
}

/** `before`: what the same reader returned for the option's earlier occurrences. */
export type Reader = { read(text: string, before?: unknown): unknown }['read'];

/** The readers, by `Field.reads` in the table of commands. */
export const readers: Readonly<Record<NonNullable<Field['reads']>, Reader>> = {
  amount,
  json,
  texts,
  newLines,
  amendedLines,
  quantities,
};

/** The kind of entity whose id is meant. */
export function entityOption(): Option {
  const names = logs.map(({ entity }) => entity.name);
  return new Option('--entity <name>', 'the kind of entity').choices(names).default('order');
}
