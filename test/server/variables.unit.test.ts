import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readConfig } from '../../src/server/config.js';
import { HELP } from '../../workers/help.mjs';

/** The variables that `readConfig` looks at. */
function variablesRead(): readonly string[] {
  const read = new Set<string>();
  readConfig(
    new Proxy<Record<string, string | undefined>>(
      {},
      {
        get(_env, name) {
          if (typeof name === 'string') read.add(name);
          return undefined;
        },
      },
    ),
  );
  return [...read];
}

const reference = readFileSync(join(process.cwd(), 'docs', 'reference', 'variables.md'), 'utf8');

test.each(variablesRead())('%s is in the help of `npm start` and in the reference', (name) => {
  const word = new RegExp(`\\b${name}\\b`);
  expect(HELP).toMatch(word);
  expect(reference).toMatch(word);
});

test('the help names no variable that is not read', () => {
  const named = HELP.match(/\b[A-Z]+(?:_[A-Z]+)+\b/g) ?? [];
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !variablesRead().includes(name))).toEqual([]);
});
