import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeEach, expect, jest, test } from '@jest/globals';

/** What was written to the disk, in sequence: the names of files and folders, and of links. */
let written: string[] = [];
const open = new Map<number, string>();
jest.unstable_mockModule('node:fs', () => ({
  ...fs,
  openSync(path: string, ...rest: [string, number]) {
    const file = fs.openSync(path, ...rest);
    open.set(file, path);
    return file;
  },
  fsyncSync(file: number) {
    const path = open.get(file) ?? '';
    written.push(`${basename(path).replace(/\.[-0-9a-f]+$/, ' (draft)')}: ${contentOf(path)}`);
    fs.fsyncSync(file);
  },
  linkSync(from: string, to: string) {
    fs.linkSync(from, to);
    written.push(`${basename(to)} is linked`);
  },
}));
const { createFile, createFolder, readJson } = await import('../../../src/server/embedded/files.js');

const root = fs.mkdtempSync(join(tmpdir(), 'orders-files-'));
afterAll(() => fs.rmSync(root, { recursive: true }));
beforeEach(() => {
  written = [];
});

function contentOf(path: string): string {
  return fs.statSync(path).isDirectory() ? fs.readdirSync(path).join() : fs.readFileSync(path, 'utf8');
}

test('a file that was created is on the disk, with its content and its name', () => {
  const folder = fs.mkdtempSync(join(root, 'file-'));
  expect(createFile(join(folder, 'a'), 'mine')).toBe(true);
  expect(written).toEqual(['a (draft): mine', 'a is linked', `${basename(folder)}: a`]);
});

test('a file that another process has just created is on the disk as well', () => {
  const folder = fs.mkdtempSync(join(root, 'theirs-'));
  fs.writeFileSync(join(folder, 'a'), 'theirs');
  expect(createFile(join(folder, 'a'), 'mine')).toBe(false);
  expect(written.at(-1)).toBe(`${basename(folder)}: a`);
  expect(contentOf(join(folder, 'a'))).toBe('theirs');
});

test('each folder that was created is on the disk, and only its owner may use it', () => {
  const folder = fs.mkdtempSync(join(root, 'folder-'));
  createFolder(join(folder, 'new', 'newer'));
  createFolder(join(folder, 'new', 'newer'));
  expect(written).toEqual([`${basename(folder)}: new`, 'new: newer']);
  expect(fs.statSync(join(folder, 'new', 'newer')).mode & 0o777).toBe(0o700);
});

test('a damaged file is no JSON file, unless the caller decides otherwise', () => {
  const path = join(root, 'damaged');
  fs.writeFileSync(path, '{"a":');
  const isNumber = (content: unknown): content is number => typeof content === 'number';
  expect(readJson(isNumber, path)).toBeUndefined();
  expect(readJson(isNumber, path, () => 7)).toBe(7);
});
