import { InvalidArgumentError } from 'commander';
import type { Field } from '../../api/commands/entry.js';
import type { AmendedLine, LineQuantity, NewLine } from '../../order/commands.js';
import { messageOf } from '../../outages/message-of.js';

/*
 * Parsers of what is typed. A parser throws an `InvalidArgumentError` with one sentence. It does
 * not decide whether a value is allowed: the schemas and the order do. A parser with a second
 * parameter is for an option that may be repeated: it adds to the values of earlier occurrences.
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
export const waitSeconds = numberFrom(0, 30);

/** An amount in minor units. */
export function amount(text: string): number {
  if (/^\d+[.,]\d+$/.test(text))
    throw new InvalidArgumentError('Amounts are in minor units: write 1999 for EUR 19.99.');
  return wholeNumber(text);
}

/**
 * A line of an order, such as `A-1:2:1999` or `A-1:2:1999:Green mug`. A colon that belongs to the
 * SKU is written `\:`.
 */
export function newLines(text: string, before: readonly NewLine[] = []): readonly NewLine[] {
  const line = /^((?:[^:\\]|\\:)+):(\d+):([\d.,]+)(?::(.*))?$/s;
  const [, sku, quantity, unitPrice, name] = line.exec(text) ?? [];
  if (sku === undefined || quantity === undefined || unitPrice === undefined)
    throw new InvalidArgumentError(
      String.raw`Expected SKU:QUANTITY:UNITPRICE[:NAME], such as A-1:2:1999, with \: for a colon in a SKU.`,
    );
  const added = { sku: plainSku(sku), quantity: wholeNumber(quantity), unitPrice: amount(unitPrice) };
  return [...before, name === undefined ? added : { ...added, name }];
}

/** A quantity of a SKU, such as `A-1:2`. A colon of the SKU may be written `\:`. */
export function quantities(text: string, before: readonly LineQuantity[] = []): readonly LineQuantity[] {
  const [, sku, quantity] = /^(.+):(\d+)$/.exec(text) ?? [];
  if (sku === undefined || quantity === undefined)
    throw new InvalidArgumentError('Expected SKU:QUANTITY, such as A-1:2.');
  return [...before, { sku: plainSku(sku), quantity: wholeNumber(quantity) }];
}

function plainSku(typed: string): string {
  return typed.replaceAll(String.raw`\:`, ':');
}

/**
 * A line of an amendment, such as `A-1:2`, or `B-7:1:500` for a SKU that is new in the order. A
 * colon that belongs to the SKU is written `\:`; otherwise `A:1:2` could mean two things.
 */
export function amendedLines(text: string, before: readonly AmendedLine[] = []): readonly AmendedLine[] {
  const parts = text.split(/(?<!\\):/);
  return [...before, ...(parts.length > 2 ? newLines(text) : quantities(text))];
}

/** Texts with commas between them. */
export function commaList(text: string): readonly string[] {
  return text.split(',').map((one) => one.trim());
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
