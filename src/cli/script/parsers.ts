import { InvalidArgumentError } from 'commander';
import type { Field } from '../../api/commands/entry.js';
import type { AmendedLine, LineQuantity, NewLine } from '../../order/commands.js';
import { messageOf } from '../../outages/message-of.js';

/*
 * Parsers of what is typed. A parser throws an `InvalidArgumentError` with one sentence. It does
 * not decide whether a value is allowed: the schemas and the order do. A parser with a second
 * parameter is for an option that may be repeated, and adds to the values before.
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

/** Any text; for an option that may be repeated. */
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
 * Parses what was typed. `before` is what the same parser returned for the option's earlier
 * occurrences. The type is taken from a method, so that parsers with a narrower `before` fit.
 */
export type Parser = { parse(text: string, before?: unknown): unknown }['parse'];

/** The parsers that `Field.parser` names in the table of commands. */
export const parsers: Readonly<Record<NonNullable<Field['parser']>, Parser>> = {
  amount,
  address: json,
  texts,
  newLines,
  amendedLines,
  quantities,
};
