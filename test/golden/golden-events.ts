import { readFile, readdir } from 'node:fs/promises';
import type { StoredEvent } from '../../src/order/events.js';

const folder = new URL('./events/', import.meta.url);

/** A file for each type and version that was ever written, named `<type>@<schemaVersion>.json`. */
export function goldenFile(name: string): URL {
  return new URL(`${name}.json`, folder);
}

/** Every golden event by its name, such as `OrderCreated@1`. */
export async function goldenEvents(): Promise<ReadonlyMap<string, StoredEvent>> {
  const names = (await readdir(folder)).map((file) => file.replace(/\.json$/, ''));
  const events = names
    .toSorted()
    .map(async (name) => [name, JSON.parse(await readFile(goldenFile(name), 'utf8'))] as const);
  return new Map(await Promise.all(events));
}
