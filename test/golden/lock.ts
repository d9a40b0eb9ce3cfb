import { readFile, writeFile } from 'node:fs/promises';
import type { EventSchemas, JsonSchema } from './event-schemas.js';

const file = new URL('./event-schemas.json', import.meta.url);

/** The shape of every event version that was ever written. Shapes are only added, never changed. */
export async function readLock(): Promise<EventSchemas> {
  return JSON.parse(await readFile(file, 'utf8'));
}

export async function writeLock(schemas: EventSchemas): Promise<void> {
  const names = Object.keys(schemas).toSorted();
  const sorted = Object.fromEntries(names.map((name) => [name, schemas[name]]));
  await writeFile(file, `${JSON.stringify(sorted, null, 2)}\n`);
}

/** The shapes that are not in the lock yet. */
export function additions(locked: EventSchemas, today: EventSchemas): readonly string[] {
  return Object.keys(today).filter((name) => locked[name] === undefined);
}

/** The shapes in which the code differs from the lock, each with what to do about it. */
export function violations(locked: EventSchemas, today: EventSchemas): readonly string[] {
  return [
    ...Object.keys(today).flatMap((name) => changed(name, locked[name], today[name])),
    ...Object.keys(locked).flatMap((name) => lost(name, today)),
  ];
}

function changed(
  name: string,
  before: JsonSchema | undefined,
  now: JsonSchema | undefined,
): readonly string[] {
  if (before === undefined || now === undefined) return [];
  const [old, young] = [fields(before), fields(now)];
  const differences = [...new Set([...old.keys(), ...young.keys()])]
    .filter((path) => old.get(path) !== young.get(path))
    .map((path) => `${path}: ${old.get(path) ?? 'absent'} → ${young.get(path) ?? 'absent'}`);
  if (differences.length === 0) return [];
  return [
    `${name} is in journals and histories and has changed: ${differences.join('; ')}.\n${remedy(name)}`,
  ];
}

function remedy(name: string): string {
  const [type, version] = name.split('@');
  if (version === undefined) return 'An envelope has no version: leave what is there as it is.';
  return (
    `Write ${type} ${Number(version) + 1} (schemaVersions in src/order/events.ts), upcast ${name} to it ` +
    '(src/order/upcasters.ts), then `npm run events:lock`. See docs/guides/own-event.md.'
  );
}

function lost(name: string, today: EventSchemas): readonly string[] {
  const [type = '', version] = name.split('@');
  const written = Object.keys(today).find((entry) => entry.split('@')[0] === type);
  if (written === undefined) return [`${name} was written, so it is read for ever: ${type} must stay.`];
  if (Number(written.split('@')[1]) >= Number(version ?? 0) || version === undefined) return [];
  return [`${name} was written, and today's code writes ${written}: versions never go back.`];
}

/** Each field by its path, such as `lines[].name`, with its type. */
function fields(schema: JsonSchema, path = '', isOptional = false): ReadonlyMap<string, string> {
  const { properties = {}, required = [], items, anyOf = [], ...rest } = schema;
  const own = rest.enum?.map((value) => `"${value}"`).join(' | ') ?? rest.type ?? 'one of';
  return new Map([
    [path, isOptional ? `${own}, optional` : own],
    ...Object.entries(properties).flatMap(([name, property]) => [
      ...fields(property, path === '' ? name : `${path}.${name}`, !required.includes(name)),
    ]),
    ...(items === undefined ? [] : fields(items, `${path}[]`)),
    ...anyOf.flatMap((member, index) => [...fields(member, `${path}|${index}`)]),
  ]);
}
