import { expect, test } from '@jest/globals';
import { assert, pre, property, string } from 'fast-check';
import { queryWords, searchWords } from '../../src/views/search-words.js';

function finds(query: string, text: string): boolean {
  const kept = searchWords([text]);
  const words = queryWords(query);
  return words.length > 0 && words.every((word) => kept.some((one) => one.startsWith(word)));
}

test.each([
  ['muller', 'Müller'],
  ['MÜLLER', 'Muller'],
  ['müller', 'Mu\u0308ller'],
  ['strasse', 'Hauptstr. 1, Straße 2'],
  ['STRAẞE', 'Strasse'],
  ['οδυσσευς', 'ΟΔΥΣΣΕΎΣ'],
  ['istanbul', 'İSTANBUL'],
  ['ａｄａ', 'Ada'],
  ['office', 'O\ufb03ce'],
  ['o’brien', "O'Brien"],
  ['obrien', 'O´Brien'],
  ["o'brien", 'OBrien'],
  ['brien', "O'Brien"],
  ['lüdenscheidt', 'Müller-Lüdenscheidt'],
  ['mullerlud', 'Müller-Lüdenscheidt'],
  ['müller-l', 'Müller-Lüdenscheidt'],
  ['ada@example.com', 'Ada@Example.com'],
  ['example.com', 'ada@example.com'],
  ['com', 'ada@example.com'],
  ['a1', 'A-1'],
  ['a-1', 'A_1'],
  ['ёлка', 'Елка'],
  ['🎁', 'for a 🎁'],
  ['漢', '漢字'],
  ['ada lov', 'Lovelace, Ada'],
])('%s finds %s', (query, text) => {
  expect(finds(query, text)).toBe(true);
});

test.each([
  ['か', 'が'],
  ['ller', 'Müller'],
  ['ada x', 'Ada'],
  ['...', 'a.b'],
])('%s does not find %s', (query, text) => {
  expect(finds(query, text)).toBe(false);
});

test('a text with a letter is found by itself, also in capitals', () => {
  assert(
    property(string({ unit: 'grapheme', maxLength: 200 }), (text) => {
      pre(queryWords(text).length > 0);
      expect(finds(text, text)).toBe(true);
      expect(finds(text.toUpperCase(), text)).toBe(true);
      expect(finds(text.normalize('NFD'), text.normalize('NFC'))).toBe(true);
    }),
  );
});

test('a long text without spaces takes limited space', () => {
  const words = searchWords([`${'ab.'.repeat(66)}😀`, '😀'.repeat(70)]);
  expect(words.every((word) => Array.from(word).length <= 64 && !/\p{Cs}/u.test(word))).toBe(true);
});
