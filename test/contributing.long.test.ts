import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { applied, type Block, RECIPES, recipeBlocks } from './support/recipes.js';

const run = promisify(execFile);
const LIMIT_MS = 600_000;
/** What a copy needs to be checked and tested. */
const COPIED = [
  'package.json',
  'tsconfig.json',
  'jest.config.mjs',
  '.oxlintrc.json',
  '.prettierrc.json',
  'src',
  'workers',
  'test',
  'examples',
  'dist/web',
];

const blocks = (await recipeBlocks()).filter(({ example }) => example === undefined);
const files = [...new Set(blocks.map(({ file }) => file))];
/** All tests except the random walks, which take long. */
const tests = files.filter((file) => file.endsWith('.test.ts') && !file.includes('properties'));

let copy: string;

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'orders-contributing-'));
  for (const name of COPIED) await cp(name, join(copy, name), { recursive: true });
  await symlink(resolve('node_modules'), join(copy, 'node_modules'));
  for (const block of blocks) await apply(block);
});
afterAll(async () => {
  await rm(copy, { recursive: true, force: true });
});

test('each recipe has blocks, and a test', () => {
  const tested = blocks.filter(({ file }) => file.endsWith('.test.ts')).map(({ recipe }) => recipe);
  for (const recipe of RECIPES) expect(tested).toContain(recipe);
});

test(
  'the project as the recipes leave it has no error of types, lint or format',
  async () => {
    for (const project of ['tsconfig.json', 'src/web/tsconfig.json'])
      await tool('tsc', '--noEmit', '-p', project);
    await tool('oxlint', '--type-aware', '--deny-warnings', ...files);
    // A whole file in a recipe is formatted with the shorter lines of that page.
    const changed = blocks.filter(({ language }) => language === 'diff').map(({ file }) => file);
    await tool('prettier', '--check', ...new Set(changed));
  },
  LIMIT_MS,
);

test(
  'the new events are locked, and the tests of stored events pass with those of the recipes',
  async () => {
    const { stdout } = await jest('--testMatch=**/golden/record.ts');
    expect(stdout).toContain('Locked: OrderExpedited@1, ReturnRequested@2');
    const bundle = join(copy, 'dist', 'workflow-bundle.js');
    await inCopy(process.execPath, ['workers/bundles/workflows-process.mjs', 'src/workflows.ts', bundle]);
    await jest('test/golden', 'test/cli/program', 'test/logs', 'test/web/pages/order/', ...tests);
  },
  LIMIT_MS,
);

async function apply(block: Block): Promise<void> {
  const path = join(copy, block.file);
  const text = existsSync(path) ? await readFile(path, 'utf8') : undefined;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, applied(block, text));
}

async function tool(name: string, ...args: readonly string[]) {
  return await inCopy(join('node_modules', '.bin', name), args);
}

async function jest(...args: readonly string[]) {
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  return await inCopy(process.execPath, [...flags, 'node_modules/jest/bin/jest.js', ...args]);
}

/** Runs a program, which starts no servers. @throws Error with what it printed */
async function inCopy(program: string, args: readonly string[]) {
  const { PATH, HOME, TEST_TEMPORAL_ADDRESS, TEST_MONGODB_URI } = process.env;
  try {
    return await run(program, [...args], {
      cwd: copy,
      env: { PATH, HOME, TEST_TEMPORAL_ADDRESS, TEST_MONGODB_URI, NO_SERVERS: '1' },
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}
