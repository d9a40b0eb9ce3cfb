import { readFile, readdir } from 'node:fs/promises';

const folder = new URL('./histories/', import.meta.url);

/** The file of run `index` (0, 1 …) of a path. */
export function historyFile(path: string, index: number): URL {
  return new URL(`${path.replaceAll(/[^a-z0-9]+/g, '-')}.${index}.json`, folder);
}

/** Every stored history, by its file's name. */
export async function storedHistories(): Promise<ReadonlyMap<string, unknown>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, JSON.parse(await readFile(new URL(name, folder), 'utf8'))] as const),
    ),
  );
}
