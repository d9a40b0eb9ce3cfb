/**
 * The words under which texts are found. Case, accents, compatibility forms and punctuation make no difference: `Müller-Lüdenscheidt`
 * is found by `muller`, `LUDENSCHEIDT`, `mullerlud` and `müller-l`. A word that is kept is what a text has from one of its runs
 * of letters, digits or symbols up to the next space; each word of a query is the beginning of a kept one.
 */
export function searchWords(texts: readonly (string | undefined)[]): string[] {
  const chunks = texts.flatMap((text) => chunksOf(text ?? ''));
  return [...new Set(chunks.flatMap((runs) => runs.map((_, index) => wordOf(runs.slice(index)))))];
}

/** The words of a search. */
export function queryWords(text: string): string[] {
  return chunksOf(text).map(wordOf);
}

/** Longer ones are found by their beginning; this bounds what an order of many runs without spaces takes. */
const longestWord = 64;

function wordOf(runs: readonly string[]): string {
  const word = runs.join('');
  return word.length <= longestWord ? word : Array.from(word).slice(0, longestWord).join('');
}

/** What stands between spaces, each as its runs; those that have none are left out. */
function chunksOf(text: string): string[][] {
  return text
    .split(/\s+/u)
    .map((chunk) => folded(chunk).match(runPattern) ?? [])
    .filter((runs) => runs.length > 0);
}

/** Combining marks belong to their letter; `\p{So}` has the emoji. */
const runPattern = /[\p{L}\p{N}\p{M}\p{So}]+/gu;

function folded(text: string): string {
  if (isAscii.test(text)) return text.toLowerCase();
  return (
    text
      // By way of capitals, so that ß is ss.
      .toLowerCase()
      .toUpperCase()
      .toLowerCase()
      .replaceAll('ς', 'σ')
      .normalize('NFKD')
      .toLowerCase()
      .replaceAll(accents, '')
      .normalize('NFKC')
  );
}

// oxlint-disable-next-line no-control-regex -- all of ASCII
const isAscii = /^[\u0000-\u007f]*$/;
/** Of Latin, Greek and Cyrillic; marks of other scripts are as good as letters. */
const accents = /[\u0300-\u036f]/g;
