import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';

const folder = join('dist', 'web');
const html = readFileSync(join(folder, 'index.html'), 'utf8');
const MAX_BYTES = 60 * 1024;

test('the first page is at most 60 kB, compressed', () => {
  const files = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map(([, name = '']) => name);
  expect(files.some((name) => name.endsWith('.js'))).toBe(true);
  expect(files.some((name) => name.endsWith('.css'))).toBe(true);
  const sizes = [html, ...files.map((name) => readFileSync(join(folder, name)))].map(
    (content) => gzipSync(content).length,
  );
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(MAX_BYTES);
});

test('nothing is loaded from elsewhere, and nothing is inline', () => {
  expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  expect(html).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/);
});

test('every file has a compressed copy beside it', () => {
  const names = readdirSync(join(folder, 'assets'));
  const files = names.filter((name) => !name.endsWith('.gz'));
  expect(files).not.toEqual([]);
  expect(names).toEqual(expect.arrayContaining(files.map((name) => `${name}.gz`)));
});
