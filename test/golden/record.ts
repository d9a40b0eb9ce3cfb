import { writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { type StoredEvent, schemaVersions } from '../../src/order/events.js';
import { writeCatalogue } from './catalogue.js';
import { eventSchemas, eventSources } from './event-schemas.js';
import { goldenEvents, goldenFile } from './golden-events.js';
import { additions, readLock, violations, writeLock } from './lock.js';
import { storedRuns } from './stored-events.js';

const details = {
  customer: { id: 'c-1', name: 'Ada Example', email: 'ada@example.com' },
  shippingAddress: {
    name: 'Ada Example',
    street: '1 Main Street',
    city: 'Springfield',
    postalCode: '12345',
    region: 'IL',
    country: 'US',
  },
  note: 'ring twice',
  tags: ['gift'],
};

/**
 * `npm run events:lock`: adds the shape and a golden event of each version that is new. Changes no
 * existing one.
 */
test('the shapes and golden events of new versions', async () => {
  const locked = await readLock();
  const today = await eventSchemas(await eventSources(), schemaVersions);
  expect(violations(locked, today)).toEqual([]);
  const added = additions(locked, today);
  await writeLock({ ...locked, ...today });
  await writeCatalogue(today);

  // Imported after the shapes are locked, because the examples check each event against its locked
  // shape.
  const { create, states } = await import('../order/examples.js');
  const { Scenario } = await import('../order/specification.js');
  const detailed = Scenario.empty.do(create(details));
  const known = await goldenEvents();
  const runs = [...(await storedRuns()).values()];
  const decided = [...runs, detailed.log, ...Object.values(states).map(({ log }) => log)].flatMap((log) =>
    'events' in log ? log.events : log,
  );
  for (const name of Object.keys(today)) {
    if (name === 'Envelope' || known.has(name)) continue;
    const [golden] = decided.filter((event) => nameOf(event) === name).toSorted((a, b) => size(b) - size(a));
    if (golden === undefined) throw new Error(`no example of ${name}: give test/order/examples.ts one`);
    await writeFile(goldenFile(name), `${JSON.stringify(golden, null, 2)}\n`);
  }
  if (added.length > 0) process.stdout.write(`Locked: ${added.join(', ')}\n`);
});

function nameOf({ type, schemaVersion }: StoredEvent): string {
  return `${type}@${schemaVersion}`;
}

function size(event: StoredEvent): number {
  return JSON.stringify(event.data).length;
}
