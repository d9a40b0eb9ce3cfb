import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';

const decisions = join('docs', 'decisions');
const files = ['.', 'docs', decisions, 'examples'].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);

test.each(files)('%s links to what is there', (file) => {
  const text = readFileSync(file, 'utf8');
  const targets = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
  const local = targets.filter((target) => !/^[a-z]+:/.test(target));
  expect(local.filter((target) => !existsSync(join(dirname(file), target)))).toEqual([]);
});

test.each(files)('%s names files that are there', (file) => {
  const text = readFileSync(file, 'utf8');
  const created = [...text.matchAll(/```ts file=(\S+)/g)].map(([, path = '']) => path);
  const named = [...text.matchAll(/`((?:src|test|workers|docs|examples)\/[\w./-]+)`/g)].map(
    ([, path = '']) => path,
  );
  expect(named.filter((path) => !created.includes(path) && !isThere(path))).toEqual([]);
});

test('each decision is in the index, fits on a screen, and says what would change it', () => {
  const index = readFileSync(join(decisions, 'README.md'), 'utf8');
  const names = readdirSync(decisions).filter((name) => /^\d{4}-.*\.md$/.test(name));
  expect(names.length).toBeGreaterThan(9);
  for (const name of names) {
    const text = readFileSync(join(decisions, name), 'utf8');
    expect(index).toContain(`(${name})`);
    const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect({ name, headings }).toEqual({
      name,
      headings: ['Context', 'Decision', 'Consequences', 'What would change our mind'],
    });
    expect(text.split('\n').length).toBeLessThan(60);
  }
});

/** A file, a folder, or the beginning of a test's path, as `npm test` takes it. */
function isThere(path: string): boolean {
  if (existsSync(path)) return true;
  const folder = dirname(path);
  return existsSync(folder) && readdirSync(folder).some((name) => join(folder, name).startsWith(path));
}
