import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from '@jest/globals';
import { type CommandStartedEvent, MongoClient } from 'mongodb';
import { record } from '../../src/log/recording/recording.js';
import { orderLog } from '../../src/order-log.js';
import { states } from '../order/examples.js';
import { logOf } from '../support/database.js';
import { shared, uniqueName } from '../support/servers.js';

/** A connection with weaker default write and read concerns. */
const client = new MongoClient(shared.mongodbUri, {
  monitorCommands: true,
  writeConcern: { w: 1 },
  readConcern: { level: 'local' },
});
const db = client.db(uniqueName('durability'));
afterAll(async () => {
  await db.dropDatabase();
  await client.close();
});

test('an event is recorded when a majority has it on disk, whatever the connection’s options say', async () => {
  const commands: CommandStartedEvent[] = [];
  client.on('commandStarted', (event) => commands.push(event));
  const log = logOf(states.confirmed, randomUUID());
  await record(orderLog, db, log.slice(0, 2));
  await record(orderLog, db, log);
  const writes = commands.filter(({ commandName }) => ['insert', 'update'].includes(commandName));
  expect(new Set(writes.map(({ command }) => command[command['insert'] ? 'insert' : 'update']))).toEqual(
    new Set(['order_events', 'orders']),
  );
  for (const { command } of writes) expect(command['writeConcern']).toEqual({ w: 'majority', j: true });
  const reads = commands.filter(({ commandName }) => commandName === 'find');
  expect(reads.length).toBeGreaterThan(0);
  for (const { command } of reads) expect(command['readConcern']).toMatchObject({ level: 'majority' });
});
