import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const folder = join('docs', 'decisions');
const names = readdirSync(folder).filter((name) => /^\d{4}-.*\.md$/.test(name));

test('each decision is in the index, fits on a screen, and names what would change it', () => {
  const index = readFileSync(join(folder, 'README.md'), 'utf8');
  expect(names.length).toBeGreaterThan(9);
  for (const name of names) {
    const text = readFileSync(join(folder, name), 'utf8');
    expect(index).toContain(`(${name})`);
    const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect({ name, headings }).toEqual({
      name,
      headings: ['Context', 'Decision', 'Consequences', 'What would change our mind'],
    });
    expect(text.split('\n').length).toBeLessThan(60);
  }
});
