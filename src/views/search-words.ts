/**
 * The words under which texts are found. Case, accents, compatibility forms and punctuation are
 * ignored: `muller`, `LUDENSCHEIDT`, `mullerlud` and `müller-l` all find `Müller-Lüdenscheidt`. A
 * run is a sequence of letters, digits or symbols. Each run gives a word, which begins with the run
 * and goes on to the next space. A query word matches any word that begins with it.
 */
export function searchWords(texts: readonly (string | undefined)[]): string[] {
  const chunks = texts.flatMap((text) => chunksOf(text ?? ''));
  return [...new Set(chunks.flatMap((runs) => runs.map((_, index) => wordOf(runs.slice(index)))))];
}

/** The words of a search. */
export function queryWords(text: string): string[] {
  return chunksOf(text).map(wordOf);
}

/**
 * The words of a text by which a whole-word search finds it: each run, and the joined runs of each
 * piece between spaces.
 */
export function wholeWords(text: string): string[] {
  return [...new Set(chunksOf(text).flatMap((runs) => [wordOf(runs), ...runs.map((run) => wordOf([run]))]))];
}

/** A longer word is cut, to bound the index entries of a text with many runs and no spaces. */
const MAX_WORD_LENGTH = 64;

function wordOf(runs: readonly string[]): string {
  const word = runs.join('');
  return word.length <= MAX_WORD_LENGTH ? word : Array.from(word).slice(0, MAX_WORD_LENGTH).join('');
}

/** The pieces between spaces, each as the list of its runs. Pieces without a run are left out. */
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
      // The text is converted via upper case, which turns ß into ss.
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
/**
 * The accents of Latin, Greek and Cyrillic. In other scripts, marks distinguish words, as letters
 * do.
 */
const accents = /[\u0300-\u036f]/g;
