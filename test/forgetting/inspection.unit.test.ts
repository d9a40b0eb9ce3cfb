import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

/** For each collection, as the source names it, its place in a certificate or why it has none. */
const collections: Readonly<Record<string, string>> = {
  "'customer_keys'": 'place: key store',
  "'orders'": 'place: view orders, with its search words',
  'view.collection': 'place: view orders, with its search words',
  'endpointLog.view.collection': 'no personal data: what an operator says about a receiver',
  'journalName(log)': 'place: journal',
  '`${entity.name}_events_set_aside`': 'place: events set aside by a resumption',
  '`${entity.name}_forks`': 'no personal data: versions and types of events',
  // A build of a feed view, or of the state view while it is rebuilt.
  collection: 'place: feed views, with their kept builds',
  "'webhook_deliveries'": 'place: webhook deliveries',
  "'webhook_waiting'": 'place: webhook deliveries',
  "'webhook_subscriptions'": 'no personal data: positions and health of a receiver',
  "'webhook_secrets'": 'no personal data: secrets of receivers',
  "'kafka_subscriptions'": 'no personal data: positions',
  "'feed_readers'": 'no personal data: names of clients, and positions',
  "'kafka_command_partitions'": 'no personal data: offsets',
  "'kafka_command_failures'": 'no personal data: why records cannot be taken',
  "'kafka_refused_commands'":
    'no personal data: offsets, and problems of the API, which name members and not what is in them',
  "'parked_events'": 'no personal data: a reference to an event, and why its fold failed',
  "'parked_audit'": 'no personal data: what an operator did, and why',
  "'projections'": 'no personal data: positions of views',
  "'store_rebuilds'": 'no personal data: progress of rebuilds',
  'log.reconciliations': 'no personal data: ids and versions that differ; values are sealed',
  "'feed'": 'no personal data: positions',
  "'leases'": 'no personal data: which process does which task',
  "'stock'": 'no personal data: counts of goods',
  "'stock_state'": 'no personal data: counts of goods',
  "'stock_movements'": 'no personal data: goods, and keys of effects',
  // The database of the sandbox provider, which stands for the payment provider.
  LEDGER: 'no place: what the payment provider was given is not reached',
  "'sandbox_labels'": 'no personal data: answers of the sandbox of carriers, and hashes of requests',
  "'tracked_parcels'": 'no personal data: orders, shipments, carriers and tracking numbers',
  "'forgettings'": 'no personal data: the forgetting itself, with its certificate',
  "'system_keys'": 'no personal data: keys of the system',
  "'api_keys'": 'no personal data: hashes of keys of clients',
};

const sources = ['src', 'workers'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8')),
);

test('each collection is a place of the certificate, or has a reason why it is not', () => {
  const named = sources.flatMap((text) =>
    [...text.matchAll(/\.collection(?:<[^(]*>)?\(((?:[^()]|\([^()]*\))+)\)/g)].map(([, name = '']) => name),
  );
  expect([...new Set(named)].toSorted()).toEqual(Object.keys(collections).toSorted());
});

test('each place is in the certificate', () => {
  const certified = readFileSync('src/forgetting/inspection.ts', 'utf8');
  for (const what of Object.values(collections)) {
    const [, place] = /^place: (.+)$/.exec(what) ?? [];
    if (place !== undefined) expect(certified).toContain(`place: '${place}'`);
  }
});
