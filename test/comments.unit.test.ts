import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const MAX_COMMENT_CHARACTERS = 100;

function sourcesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(?:ts|tsx|js|mjs)$/.test(path))
    .map((path) => join(folder, path));
}

/**
 * The lines that are only comment. Directives to the linter are left out, because they cannot be
 * broken.
 */
function commentLinesOf(source: string): readonly string[] {
  return readFileSync(source, 'utf8')
    .split('\n')
    .filter((line) => /^\s*(?:\/\/|\/?\*)/.test(line) && !line.includes('oxlint-disable'));
}

test.each(['src', 'workers', 'test'])('no comment line of %s has more than 100 characters', (folder) => {
  const lines = sourcesOf(folder).flatMap((source) =>
    commentLinesOf(source).map((line) => ({ source, line })),
  );
  expect(lines.length).toBeGreaterThan(100);
  expect(lines.filter(({ line }) => line.length > MAX_COMMENT_CHARACTERS)).toEqual([]);
});
