import { longestTag } from '../../order/patterns.js';

/**
 * The items of a list that may have commas in an item (`list` in `variables.ts` is for lists without
 * them). Items are separated by commas. Spaces around an item do not belong to it. An
 * item that has a comma is in double quotes, in which `""` is a quote.
 *
 * @returns undefined if an item begins with a double quote that is not closed
 */
export function itemsIn(text: string): readonly string[] | undefined {
  const found = [...text.matchAll(/\s*"((?:[^"]|"")+)"\s*(?=,|$)|[^,]+/g)];
  if (found.some(([whole, quoted]) => quoted === undefined && isOpen(whole))) return undefined;
  return found
    .map(([whole, quoted]) => quoted?.replaceAll('""', '"') ?? whole.trim())
    .filter((item) => item !== '');
}

/** True if an item begins with a double quote that is not closed. */
function isOpen(item: string): boolean {
  return /^\s*"/.test(item) && (item.match(/"/g)?.length ?? 0) % 2 === 1;
}

/** Whether a text has more characters than a tag may have. */
export function isLongerThanTag(text: string): boolean {
  return Array.from(text).length > longestTag;
}
