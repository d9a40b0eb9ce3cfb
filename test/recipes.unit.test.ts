import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { applied, recipeBlocks } from './support/recipes.js';

test('every block of the recipes applies to the sources, after those before it', async () => {
  const texts = new Map<string, string>();
  for (const block of await recipeBlocks()) {
    const { file } = block;
    const text = texts.get(file) ?? (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
    texts.set(file, applied(block, text));
  }
  expect(texts.size).toBeGreaterThan(10);
});
