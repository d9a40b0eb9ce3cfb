import { InvalidArgumentError } from 'commander';
import type { AmendedLine, LineQuantity, NewLine } from '../order/commands.js';

/**
 * Reads what was typed. Says only whether it can be read; whether it is allowed, the command's schema and the order say.
 * Every function here throws an `InvalidArgumentError` with one sentence.
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

/** `A-1:2:1999` or `A-1:2:1999:Green mug`; to be used repeatedly. */
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

/** `A-1:2`; to be used repeatedly. */
export function quantities(text: string, before: readonly LineQuantity[] = []): readonly LineQuantity[] {
  const [, sku, quantity] = /^(.+):(\d+)$/.exec(text) ?? [];
  if (sku === undefined || quantity === undefined)
    throw new InvalidArgumentError('Expected SKU:QUANTITY, such as A-1:2.');
  return [...before, { sku, quantity: wholeNumber(quantity) }];
}

/** `A-1:2`, or `B-7:1:500` for goods that are new in the order; to be used repeatedly. */
export function amendedLines(text: string, before: readonly AmendedLine[] = []): readonly AmendedLine[] {
  const added = text.split(':').length > 2 ? newLines(text) : quantities(text);
  return [...before, ...added];
}

/** To be used repeatedly. */
export function several(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** JSON as it was typed. */
export function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(
      `Expected JSON (${error instanceof Error ? error.message : 'unreadable'}).`,
    );
  }
}
