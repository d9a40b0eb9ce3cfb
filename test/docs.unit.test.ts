import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { describe, expect, test } from '@jest/globals';
import { MongoClient } from 'mongodb';
import { createAdmission } from '../src/api/overload/admission.js';
import { admissionMetrics } from '../src/api/overload/admit.js';
import { type Instruments, registerMetrics } from '../src/api/operations/routes-metrics.js';
import { exposureGauges, orderGauges } from '../src/api/queries/gauges/order-gauges.js';
import { projectionGauges } from '../src/api/queries/gauges/projection-gauges.js';
import { createHttp } from '../src/api/server.js';
import { readConfig } from '../src/server/config.js';
import { createLogger } from '../src/server/logging/logger.js';
import { dependencies } from '../workers/roles/readiness.js';
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
  expect(textOf('docs/glossary.md').split('\n').length).toBeLessThan(78);
});

/** The cells of the table with this head: its rows, without those that only name a group. */
function tableOf(page: string, head: string): readonly (readonly string[])[] {
  const lines = textOf(page).split('\n');
  const from = lines.findIndex((line) => line.replaceAll(/ +/g, ' ').startsWith(`| ${head} |`));
  const rows = lines.slice(from + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .filter((line) => !line.startsWith('| **'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('the lists that follow from the code', () => {
  // Neither is connected.
  const db = new MongoClient('mongodb://127.0.0.1').db('none');
  const client = new Client({ connection: Connection.lazy() });
  const exposure = {
    db,
    stepMetrics: undefined,
    undecided: () => Promise.reject(new Error('Nothing is asked.')),
  };

  test('list each script, and each exit code, as the help does', async () => {
    const { out } = await runWithoutTemporal('--help');
    const [scripts = '', codes = ''] = out.split('Exit codes:');
    const page = 'docs/reference/scripts.md';
    const inHelp = (text: string, pattern: RegExp) =>
      [...text.matchAll(pattern)].map(([, name = '', meaning = '']) => [`\`${name}\``, meaning]);
    expect(tableOf(page, 'script')).toEqual(
      inHelp(scripts, /^ {2}(?!help )([a-z][a-z-]*)(?: [[<]\S+)* {2,}(\S.*)$/gm),
    );
    expect(tableOf(page, 'code')).toEqual(inHelp(codes, /^ {2}(\d+) {2}(.+)$/gm));
  });

  test('list each dependency of readiness, with what does not work meanwhile', () => {
    const config = readConfig({ KAFKA_BROKERS: '127.0.0.1:9092' });
    const page = textOf('docs/operations.md').replaceAll(/\s+/g, ' ');
    const told = [...page.matchAll(/- \*\*`(\w+)`\*\*: [^*]+ _Meanwhile_: (.+?)\. _Remedy_:/g)];
    expect(told.map(([, name, meanwhile]) => [name, meanwhile])).toEqual(
      dependencies({ client, config, db, exposure }).map(({ name, cost }) => [name, cost]),
    );
  });

  test('list each metric', async () => {
    const app = await createHttp(createLogger('silent'));
    const instruments = [
      orderGauges(db),
      exposureGauges(exposure),
      projectionGauges(db),
      admissionMetrics(createAdmission()),
    ];
    // The metrics are named, and get no values.
    registerMetrics(
      app,
      instruments.map((instrument): Instruments => (registry) => {
        instrument(registry);
        return async () => undefined;
      }),
    );
    const { body } = await app.inject('/metrics');
    const ofProcess = /^(?:process|nodejs)_/;
    expect(
      tableOf('docs/operations.md', 'metric')
        .map(([metric = '']) => metric.replaceAll(/\{.*\}|`/g, ''))
        .toSorted(),
    ).toEqual(
      matches(body, /^# TYPE (\S+)/gm)
        .filter((name) => !ofProcess.test(name))
        .toSorted(),
    );
    await app.close();
  });
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
