import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { applied, type Block, recipeBlocks } from '../../support/recipes.js';

/**
 * Changes a copy of the sources as docs/guides/own-command.md says: adds a command with its event,
 * an optional member of another command, and the page's example of a field. The compiler must name
 * every file that is then to be changed. No file of the web page is: its forms follow from the
 * table of commands.
 */

const root = fileURLToPath(new URL('../../../', import.meta.url));
let copy: string;

beforeAll(async () => {
  copy = await mkdtemp(join(root, '.cache', 'new-command-'));
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  await cp(join(root, 'src'), join(copy, 'src'), { recursive: true });
  // The client scripts need `workers`, because they prepare a checkout as `npm start` does.
  const filter = (path: string) => !path.endsWith('.ts');
  await cp(join(root, 'workers'), join(copy, 'workers'), { recursive: true, filter });
  await writeFile(
    join(copy, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { rootDir: '.', outDir: 'dist', noEmitOnError: true, sourceMap: false },
      files: ['src/web/pages/order/inputs.ts'],
      include: ['src'],
      exclude: ['src/web'],
    }),
  );
});

afterAll(() => rm(copy, { recursive: true }));

/** In a file of src: the text to find, and what replaces it. */
type Edit = readonly [file: string, find: string, replacement: string];

/** The data of the new command and of its event, and the new optional member. */
const decided: readonly Edit[] = [
  ['order/commands.ts', '  AddNote: {', '  TagOrder: { readonly tags: readonly string[] };\n  AddNote: {'],
  [
    'order/events.ts',
    '  NoteAdded: {',
    '  OrderTagged: { readonly tags: readonly string[] };\n  NoteAdded: {',
  ],
  ['order/commands.ts', '  RefundPayment: {', '  RefundPayment: { readonly receipt?: string;'],
  ['order/events.ts', '  RefundRequested: {', '  RefundRequested: { readonly receipt?: string;'],
];

/** The changes that the compiler asks for after that. */
const following: readonly Edit[] = [
  ['order/commands.ts', "  AddNote: 'notes',", "  TagOrder: 'tags',\n  AddNote: 'notes',"],
  ['order/events.ts', '  NoteAdded: 1,', '  OrderTagged: 1,\n  NoteAdded: 1,'],
  ['order/events.ts', "  NoteAdded: 'A", "  OrderTagged: 'Tags were added.',\n  NoteAdded: 'A"],
  ['order/allowed.ts', '  AddNote: () =>', '  TagOrder: (order) => first(notOpen(order)),\n  AddNote: () =>'],
  [
    'order/decide.ts',
    "    case 'RefundPayment':",
    "    case 'TagOrder':\n      return decided({ type: 'OrderTagged', data: command.data });\n    case 'RefundPayment':",
  ],
  [
    'order/evolve.ts',
    "    case 'NoteAdded': {",
    "    case 'OrderTagged':\n      return { ...order, tags: [...order.tags, ...event.data.tags] };\n    case 'NoteAdded': {",
  ],
  [
    'api/commands/table.ts',
    '  AddNote: {',
    `  TagOrder: {
      scope: 'orders:write',
      summary: 'Add tags',
      body: (is) => is.closed({ tags: is.Tags }),
      verb: 'tag',
      fields: { tags: { flags: '--tag <tag>', description: 'a tag', parser: 'texts', required: true } },
      examples: ['tag 018f… --tag gift'],
    },
    AddNote: {`,
  ],
  [
    'order/decide.ts',
    'function refund(order: Order, { amount,',
    'function refund(order: Order, { receipt, amount,',
  ],
  ['order/decide.ts', 'amount, reason } });', 'amount, reason, ...(receipt && { receipt }) } });'],
  [
    'api/commands/table.ts',
    'amount: is.PositiveAmount,',
    'amount: is.PositiveAmount, receipt: is.optional(is.Name),',
  ],
  [
    'api/commands/table.ts',
    '      amount: {',
    "      receipt: { flags: '--receipt <number>', description: 'its receipt' },\n      amount: {",
  ],
];

test('the compiler names the six files that a new command needs', async () => {
  await apply(decided);
  const files = filesOf([...decided, ...following]);
  expect(files).toHaveLength(6);
  // Other files may have errors too, which the changes to these six correct.
  expect(filesOf(await compile())).toEqual(expect.arrayContaining([...files]));

  await apply(following);
  expect(await compile()).toEqual([]);
  expect(await helpOf('tag')).toContain('--tag <tag>');
  expect(await helpOf('refund')).toContain('--receipt <number>');
  expect(await compile(join(copy, 'src/web'))).toEqual([]);
  expect(await runNode('--input-type=module', '--eval', formOfTags)).toBe('{"tags":["gift","urgent"]}\n');
}, 240_000);

/** Prints what the form of the page sends, when two tags are entered. */
const formOfTags = `
  import { formOf } from './dist/src/web/pages/order/inputs.js';
  console.log(JSON.stringify(formOf('TagOrder', {}).bodyOf({ tags: 'gift, urgent' })));
`;

test('a field that an order keeps, and people see, changes the four files of the guide', async () => {
  const blocks = (await recipeBlocks()).filter(({ example }) => example === 'channel');
  expect(blocks).toHaveLength(4);
  const [inDomain, atEdge] = [true, false].map((isDomain) =>
    blocks.filter(({ file }) => file.startsWith('src/order/') === isDomain),
  );
  await applyBlocks(inDomain);
  expect(filesOf(await compile())).toEqual(['api/commands/table.ts', 'api/schemas/order.ts']);
  await applyBlocks(atEdge);
  expect(await compile()).toEqual([]);
  expect(await helpOf('create')).toContain('--channel <name>');
  expect(await runNode('--input-type=module', '--eval', shownChannel)).toBe('shop\n');
}, 240_000);

/** Prints the channel of an order that was created with one, as the view shows it. */
const shownChannel = `
  import { decide } from './dist/src/order/decide.js';
  import { fold } from './dist/src/order/evolve.js';
  import { toView } from './dist/src/order/view.js';
  const data = {
    customer: { id: 'c-1', name: 'Ada' }, currency: 'EUR', lines: [{ sku: 'A', quantity: 1, unitPrice: 100 }],
    payment: { method: 'tok_ok' }, terms: {}, channel: 'shop',
  };
  const { events } = decide(undefined, { type: 'CreateOrder', data }, '2026-01-01T00:00:00Z');
  const stored = events.map((event, at) => ({ ...event, orderId: 'o-1', version: at + 1, occurredAt: '' }));
  console.log(toView(fold(stored)).channel);
`;

function filesOf(edits: readonly (readonly [file: string, ...unknown[]])[]): readonly string[] {
  return [...new Set(edits.map(([file]) => file))].toSorted();
}

async function apply(edits: readonly Edit[]): Promise<void> {
  for (const [file, find, replacement] of edits) {
    const path = join(copy, 'src', file);
    const source = await readFile(path, 'utf8');
    if (source.split(find).length !== 2) throw new Error(`expected to find once in ${file}: ${find}`);
    await writeFile(
      path,
      source.replace(find, () => replacement),
    );
  }
}

async function applyBlocks(blocks: readonly Block[] = []): Promise<void> {
  for (const block of blocks) {
    const path = join(copy, block.file);
    await writeFile(path, applied(block, await readFile(path, 'utf8')));
  }
}

/** The errors of the compiler, each with its file; by default, in all of src but the page. */
async function compile(project = copy): Promise<readonly (readonly [file: string, message: string])[]> {
  const output = await runNode(join(root, 'node_modules/typescript/bin/tsc'), '--project', project);
  return [...output.matchAll(/^src\/(.+)\(\d+,\d+\): error (.+)$/gm)].map(([, file = '', message = '']) => [
    file,
    message,
  ]);
}

async function helpOf(verb: string): Promise<string> {
  return await runNode(join(copy, 'src/cli/orders.mjs'), verb, '--help');
}

/** The output of a program, whatever its exit code. */
async function runNode(...args: readonly string[]): Promise<string> {
  const running = promisify(execFile)(process.execPath, [...args], { cwd: copy });
  const { stdout } = await running.catch((error: unknown) => error as { readonly stdout: string });
  return stdout;
}
