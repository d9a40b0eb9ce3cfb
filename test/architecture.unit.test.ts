import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

/** A picture of the parts of the code (`rooms`), and of what each may import. */
interface Picture {
  /** folder, or file, by its id in the picture */
  readonly rooms: ReadonlyMap<string, string>;
  /** rooms that every room may import without an arrow */
  readonly base: ReadonlySet<string>;
  /** `<folder> --> <folder>` */
  readonly inward: readonly string[];
  /** dotted arrows, which point outward; in the same form */
  readonly outward: readonly string[];
}

interface Import {
  readonly from: string;
  readonly to: string;
}

const document = readFileSync('docs/architecture.md', 'utf8');
const sections = [...document.matchAll(/^## (.*)\n[^#]*?```mermaid\n([^]*?)```/gm)];
const pictures = sections.map(([, title = '', text = '']) => [title, pictureOf(text)] as const);
const sources = filesOf('src');
const imports = sources.flatMap(importsOf);

test('the pictures and the imports are found', () => {
  expect(pictures).toHaveLength(4);
  expect(imports.length).toBeGreaterThan(500);
});

test('each file is in a room of each picture that covers it', () => {
  for (const [title, { rooms }] of pictures) {
    const folder = ['src/log/', 'src/api/', 'src/cli/'].find((one) =>
      [...rooms.values()].every((room) => room.startsWith(one)),
    );
    const files = sources.filter((file) => file.startsWith(folder ?? 'src/'));
    const outside = files.filter((file) => roomOf(file, rooms) === undefined);
    expect({ title, outside }).toEqual({ title, outside: [] });
  }
});

test('no file of src imports a file outside of src', () => {
  expect(imports.filter(({ to }) => !to.startsWith('src/'))).toEqual([]);
});

test('no file imports itself through others, types included', () => {
  expect(circlesOf(imports)).toEqual([]);
});

test('the page imports no server, driver or Node module, types included', () => {
  const importsBy = importsByFile(imports);
  const reached = sources
    .filter((file) => file.startsWith('src/web/'))
    .flatMap((file) => [...reachedFrom(file, importsBy)]);
  const foreign = /\bfrom '(?:node:|mongodb|fastify|@temporalio)/;
  expect(reached).toContain('src/order/evolve.ts');
  expect([...new Set(reached)].filter((file) => foreign.test(readFileSync(file, 'utf8')))).toEqual([]);
});

test('a cycle of files is found, without the files that only lead to it', () => {
  const arrows = ['a > b', 'b > c', 'c > b', 'c > d', 'd > d', 'e > a', 'b > f'];
  const found = circlesOf(
    arrows.map((arrow) => arrow.split(' > ')).map(([from = '', to = '']) => ({ from, to })),
  );
  expect(found).toEqual([['b', 'c'], ['d']]);
});

describe.each(pictures)('%s', (_, { rooms, base, inward, outward }) => {
  const actual = new Map<string, Import>();
  for (const one of imports) {
    const [from, to] = [roomOf(one.from, rooms), roomOf(one.to, rooms)];
    if (from === undefined || to === undefined || from === to || base.has(to)) continue;
    actual.set(`${from} --> ${to}`, one);
  }

  test('each import between rooms is drawn', () => {
    const drawn = new Set([...inward, ...outward]);
    const missing = [...actual].filter(([arrow]) => !drawn.has(arrow));
    expect(missing.map(([arrow, { from, to }]) => `${arrow}, for ${from} imports ${to}`)).toEqual([]);
  });

  test('each arrow is an import', () => {
    expect([...inward, ...outward].filter((arrow) => !actual.has(arrow))).toEqual([]);
  });

  test('solid arrows that point inward close no cycle, and a dotted arrow does', () => {
    for (const arrow of inward)
      expect({ arrow, closes: closes(arrow, inward) }).toMatchObject({ closes: false });
    for (const arrow of outward)
      expect({ arrow, closes: closes(arrow, [...inward, ...outward]) }).toMatchObject({ closes: true });
  });

  test('no room imports what its row in the architecture forbids', () => {
    const others = imports.filter(({ from, to }) => {
      const [importer, imported] = [roomOf(from, rooms), roomOf(to, rooms)];
      if (importer === undefined || imported === undefined) return false;
      return base.has(importer) && !base.has(imported);
    });
    expect(others).toEqual([]);
  });
});

function pictureOf(text: string): Picture {
  const rooms = new Map(
    [...text.matchAll(/(\w+)\["(src\/[^"]+)"\]/g)].map(([, id = '', room = '']) => [id, room]),
  );
  const [, group = ''] = /subgraph base[^\n]*\n([^]*?)\n *end/.exec(text) ?? [];
  const base = new Set([...group.matchAll(/"(src\/[^"]+)"/g)].map(([, room = '']) => room));
  const arrows = (kind: string) =>
    [...text.replaceAll(/\["[^"]*"\]/g, '').matchAll(new RegExp(`^ *(\\w+) ${kind} (\\w+)$`, 'gm'))].map(
      ([, from = '', to = '']) => `${rooms.get(from)} --> ${rooms.get(to)}`,
    );
  return { rooms, base, inward: arrows('-->'), outward: arrows('-\\.->') };
}

/** Whether the arrow is part of a cycle. */
function closes(arrow: string, arrows: readonly string[]): boolean {
  const [from = '', to = ''] = arrow.split(' --> ');
  const reached = new Set([to]);
  for (const room of reached)
    for (const other of arrows) {
      const [begin = '', end = ''] = other.split(' --> ');
      if (begin === room) reached.add(end);
    }
  return reached.has(from);
}

/**
 * Files that import each other in a circle, each set of them once: two that both reach the other.
 */
function circlesOf(arrows: readonly Import[]): readonly (readonly string[])[] {
  const importsBy = importsByFile(arrows);
  const reach = new Map([...importsBy.keys()].map((file) => [file, reachedFrom(file, importsBy)]));
  const circles = [...reach].flatMap(([file, reached]) =>
    reached.has(file) ? [[...reached].filter((other) => reach.get(other)?.has(file)).sort()] : [],
  );
  return circles.filter((one, index) => circles.findIndex(([first]) => first === one[0]) === index);
}

function importsByFile(arrows: readonly Import[]): ReadonlyMap<string, readonly string[]> {
  const importsBy = new Map<string, string[]>();
  for (const { from, to } of arrows) importsBy.set(from, [...(importsBy.get(from) ?? []), to]);
  return importsBy;
}

function reachedFrom(file: string, importsBy: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const reached = new Set(importsBy.get(file));
  for (const one of reached) for (const next of importsBy.get(one) ?? []) reached.add(next);
  return reached;
}

/** `<folder>/*.ts` is a room of the files directly in the folder, and goes before the folder. */
function roomOf(file: string, rooms: Picture['rooms']): string | undefined {
  const all = [...rooms.values()];
  const direct = `${dirname(file)}/*.ts`;
  if (all.includes(direct)) return direct;
  return all.find((room) => file === room || file.startsWith(`${room}/`));
}

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(?:tsx?|mjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

function importsOf(from: string): readonly Import[] {
  const specifiers = readFileSync(from, 'utf8').matchAll(/(?:\bfrom|\bimport\(?) ?'(\.[^']+)'/g);
  return [...specifiers].map(([, specifier = '']) => {
    const to = join(dirname(from), specifier.replace(/\.js$/, '.ts'));
    return { from, to: existsSync(`${to}x`) ? `${to}x` : to };
  });
}
