import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The paths of all Markdown pages of this project. */
export const PAGES: readonly string[] = [
  '.',
  'docs',
  'docs/decisions',
  'docs/guides',
  'docs/reference',
  'examples',
]
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((path) => path.endsWith('.md'))
  .toSorted();
