import { MAX_TAG_LENGTH } from '../../order/patterns.js';

/**
 * The items of a list, separated by commas. An item that has a comma itself is in double quotes, in
 * which `""` stands for one quote. Spaces around an item do not belong to it. (`list` in
 * `variables.ts` is for lists whose items have no commas.)
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
  return Array.from(text).length > MAX_TAG_LENGTH;
}
