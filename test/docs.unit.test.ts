import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { usageErrorOf } from './cli/command-line.js';
import { runWithoutTemporal } from './cli/without-temporal.js';
import { PAGES } from './support/pages.js';

const textOf = (page: string): string => readFileSync(page, 'utf8');

/** A page without its blocks of code. */
const proseOf = (page: string): string => textOf(page).replaceAll(/^ *```[^]*?^ *```/gm, '');

function matches(text: string, pattern: RegExp): readonly string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, found = '']) => found))];
}

/** The id that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

async function verbs(): Promise<readonly string[]> {
  const help = await runWithoutTemporal('--help');
  return matches(help.out, /^ {2}([a-z][a-z-]*)/gm);
}

test('the pages are found', () => {
  expect(PAGES).toEqual(expect.arrayContaining(['README.md', 'docs/design.md', 'docs/feed.md']));
});

test('the glossary fits on a screen', () => {
  expect(textOf('docs/glossary.md').split('\n').length).toBeLessThan(60);
});

describe.each(PAGES)('%s', (page) => {
  test('each file that it names exists', () => {
    const named = matches(proseOf(page), /`([\w.@-]+(?:\/[\w.@-]+)+\/?)`/g).filter(
      (path) => /^(?:src|test|workers|docs)\//.test(path) || /\.(?:ts|mjs|json|md)$/.test(path),
    );
    const created = matches(textOf(page), /```ts file=(\S+)/g);
    const missing = named.filter(
      (path) =>
        !created.includes(path) && !['.', 'src', 'test'].some((folder) => existsSync(join(folder, path))),
    );
    expect(missing).toEqual([]);
  });

  test('each row of a table has as many cells as its head', () => {
    const cells = (row: string) => row.replaceAll('\\|', '').split('|').length;
    const tables = matches(textOf(page), /((?:^ *\|.*\n)+)/gm).map((table) => table.trimEnd().split('\n'));
    expect(
      tables.flatMap(([head = '', ...rows]) => rows.filter((row) => cells(row) !== cells(head))),
    ).toEqual([]);
  });

  test('each test that it quotes exists', () => {
    const quoted = [...proseOf(page).matchAll(/`([\w./-]+\.test\.ts)`,\s+_([^_]+)_/g)];
    const missing = quoted.filter(
      ([, file = '', name = '']) => !textOf(join('test', file)).includes(`'${name.replaceAll(/\s+/g, ' ')}`),
    );
    expect(missing.map(([quote]) => quote)).toEqual([]);
  });

  test('each relative link leads to a page or a heading', () => {
    const links = matches(proseOf(page), /\]\(([^)\s]+)\)/g).filter((link) => !/^[a-z]+:/.test(link));
    const broken = links.filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(target)) return true;
      return (
        anchor !== undefined &&
        !matches(proseOf(target), /^#+ (.+)$/gm)
          .map(anchorOf)
          .includes(anchor)
      );
    });
    expect(broken).toEqual([]);
  });

  test('each npm script that it names exists', () => {
    const { scripts } = JSON.parse(textOf('package.json'));
    const named = matches(textOf(page), /npm run ([a-z][\w:-]*)/g);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

  test('each `npx orders` command that it names exists', async () => {
    const known = await verbs();
    expect(known.length).toBeGreaterThan(20);
    const named = matches(textOf(page), /npx (?:--prefix <checkout> )?orders ([a-z][a-z-]*)/g);
    expect(named.filter((verb) => !known.includes(verb))).toEqual([]);
  });

  test('each `npx orders` command in its prose has arguments and options that the script takes', () => {
    const lines = matches(proseOf(page), /`npx orders ([^`]+)`/g);
    const faults = lines.map((line) => ({ line, fault: usageErrorOf(line.replaceAll(/\s+/g, ' ')) }));
    expect(faults.filter(({ fault }) => fault !== undefined)).toEqual([]);
  });
});
