import { writeFile } from 'node:fs/promises';
import type { EventSchemas } from './event-schemas.js';

const file = 'src/api/reference/event-schemas.ts';
const head = `/** The data of each event, as JSON Schema. Written by \`npm run events:lock\`. */
export const eventSchemas: Readonly<Record<string, object>> = `;

/** The schemas of the current event versions by type, as the reference of the API shows them. */
export function catalogueOf(today: EventSchemas): Readonly<Record<string, object>> {
  return Object.fromEntries(
    Object.entries(today)
      .filter(([name]) => name !== 'Envelope')
      .map(([name, schema]) => [name.replace(/@\d+$/, ''), schema]),
  );
}

export async function writeCatalogue(today: EventSchemas): Promise<void> {
  await writeFile(file, `${head}${JSON.stringify(catalogueOf(today), null, 2)};\n`);
}
