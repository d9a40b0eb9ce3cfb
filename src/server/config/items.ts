/**
 * The items of a list, which are separated by commas. Spaces around an item do not belong to it. An
 * item that has a comma is in double quotes, in which `""` is a quote.
 */
export function itemsIn(text: string): readonly string[] {
  return [...text.matchAll(/\s*"((?:[^"]|"")+)"\s*(?=,|$)|[^,]+/g)]
    .map(([whole, quoted]) => quoted?.replaceAll('""', '"') ?? whole.trim())
    .filter((item) => item !== '');
}
