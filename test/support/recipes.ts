import { readFile } from 'node:fs/promises';

/** The pages with recipes, in the order in which their blocks are applied. */
export const RECIPES = ['own-command', 'own-event', 'own-view', 'own-entity'].map(
  (name) => `docs/guides/${name}.md`,
);

/** A block of a recipe: a new file of the project, or a change of an existing one. */
export interface Block {
  readonly language: 'ts' | 'diff';
  readonly file: string;
  readonly lines: readonly string[];
  /** the page that has the block */
  readonly recipe: string;
  /** the name of the block's example; absent if the block is a step of the page's recipe */
  readonly example?: string;
}

/** All blocks of the recipes, and those of examples beside them. */
export async function recipeBlocks(): Promise<readonly Block[]> {
  return (await Promise.all(RECIPES.map(blocksOf))).flat();
}

async function blocksOf(recipe: string): Promise<readonly Block[]> {
  const found: Block[] = [];
  let indent: number | undefined;
  let lines: string[] = [];
  for (const line of (await readFile(recipe, 'utf8')).split('\n')) {
    const fence = /^( *)```(?:(ts|diff) file=(\S+)(?: example=(\S+))?)?/.exec(line);
    if (fence !== null && indent === undefined) {
      const [, spaces = '', language, file, example] = fence;
      indent = spaces.length;
      lines = [];
      if (file !== undefined)
        found.push({
          language: language === 'ts' ? 'ts' : 'diff',
          file,
          lines,
          recipe,
          ...(example !== undefined && { example }),
        });
    } else if (fence !== null) indent = undefined;
    else if (indent !== undefined) lines.push(line.slice(indent));
  }
  return found;
}

/**
 * The text of a block's file after the block is applied.
 *
 * @param text the file before; undefined if there is none
 * @throws Error if a block is a new file, but the file exists; or if a place that a block changes
 *   is not in its file exactly once
 */
export function applied({ language, file, lines, recipe }: Block, text: string | undefined): string {
  if (language === 'ts') {
    if (text !== undefined) throw new Error(`${recipe}: ${file} exists already.`);
    return `${lines.join('\n')}\n`;
  }
  let changed = text ?? '';
  for (const hunk of lines.join('\n').split('\n@@\n')) {
    const marked = hunk.split('\n');
    const [before, after] = ['-', '+'].map((mark) =>
      marked
        .filter((line) => line === '' || line.startsWith(' ') || line.startsWith(mark))
        .map((line) => `${line.slice(1)}\n`)
        .join(''),
    );
    const parts = `\n${changed}`.split(`\n${before}`);
    if (parts.length !== 2)
      throw new Error(
        `${recipe}: ${parts.length - 1} places in ${file} are\n${before}There must be one: mend the recipe.`,
      );
    changed = parts.join(`\n${after}`).slice(1);
  }
  return changed;
}
