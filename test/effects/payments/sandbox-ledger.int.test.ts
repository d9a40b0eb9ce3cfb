import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Document } from 'mongodb';
import { sandboxLedger } from '../../../src/effects/payments/sandbox-ledger.js';
import { sandboxPayments } from '../../../src/effects/payments/sandbox-payments.js';
import { setUpSandbox } from '../../../src/effects/payments/sandbox-set-up.js';
import { openDatabase, type Database } from '../../support/database.js';

let database: Database;
beforeEach(async () => {
  database = await openDatabase();
});
afterEach(() => database.close());

const authorizing = {
  key: 'o-1:authorize:2',
  correlationId: 'c',
  type: 'authorize',
  amount: 3_998,
  currency: 'EUR',
  method: 'tok_ok',
  ttl: 604_800_000,
} as const;
const authorizationId = 'auth_10f1a73376e0ba2eaba2';
const capturing = {
  key: 'o-1:capture:7',
  correlationId: 'c',
  type: 'capture',
  authorizationId,
  shipmentId: 's1',
  amount: 3_998,
  currency: 'EUR',
} as const;

/**
 * An order's entries, and many others, as they were when the ledger was in the database of the
 * orders.
 */
const written: readonly (Document & { readonly _id: string })[] = [
  {
    _id: authorizing.key,
    calls: 1,
    orderId: 'o-1',
    type: 'authorize',
    amount: 3_998,
    currency: 'EUR',
    request: authorizing,
    outcome: { type: 'authorized', authorizationId },
    authorization: {
      id: authorizationId,
      method: 'tok_ok',
      status: 'authorized',
      expiresAt: '2126-01-08T00:00:00.000Z',
      captured: 3_998,
    },
  },
  {
    _id: capturing.key,
    calls: 2,
    orderId: 'o-1',
    type: 'capture',
    amount: 3_998,
    currency: 'EUR',
    request: capturing,
    outcome: { type: 'captured', captureId: 'cap_1' },
    capture: { id: 'cap_1', method: 'tok_ok', refunded: 0 },
  },
  ...Array.from({ length: 1_200 }, (_, index) => ({
    _id: `o-${index + 2}:authorize:2`,
    calls: 1,
    orderId: `o-${index + 2}`,
    type: 'authorize',
    amount: 1,
    currency: 'EUR',
    request: { ...authorizing, key: `o-${index + 2}:authorize:2`, amount: 1, method: 'tok_declined' },
    outcome: { type: 'declined', code: 'card_declined' },
  })),
];

function oldLedger() {
  return database.db.collection<{ _id: string }>('sandbox_payments');
}

async function writeOldLedger(): Promise<void> {
  await oldLedger().insertMany([...written]);
}

async function expectMigrated(): Promise<void> {
  const entries: readonly Document[] = await sandboxLedger(database.db).find().sort({ _id: 1 }).toArray();
  expect(entries).toEqual(written.toSorted(({ _id: a }, { _id: b }) => (a < b ? -1 : 1)));
  expect(await database.db.listCollections({ name: 'sandbox_payments' }).toArray()).toEqual([]);
}

test('a ledger of an earlier version is migrated unchanged, and a second migration changes nothing', async () => {
  await writeOldLedger();
  await setUpSandbox(database.db);
  await expectMigrated();
  await setUpSandbox(database.db);
  await expectMigrated();
});

test('several processes migrate it at the same time', async () => {
  await writeOldLedger();
  const moves = await Promise.allSettled(Array.from({ length: 5 }, () => setUpSandbox(database.db)));
  expect(moves.map(({ status }) => status)).toContain('fulfilled');
  await setUpSandbox(database.db);
  await expectMigrated();
});

test('a migration that was killed half-way is completed, and reverts nothing that came later', async () => {
  await writeOldLedger();
  const went = { ...written[1], calls: 9, capture: { id: 'cap_1', method: 'tok_ok', refunded: 500 } };
  const ledger = sandboxLedger(database.db);
  await database.db.client
    .db(ledger.dbName)
    .collection<{ _id: string }>(ledger.collectionName)
    .insertOne({ ...went, _id: capturing.key });
  await setUpSandbox(database.db);
  expect(await ledger.countDocuments()).toBe(written.length);
  expect(await ledger.findOne({ _id: capturing.key })).toEqual(went);
});

test('an earlier payment is recognized under its key before the migration', async () => {
  await writeOldLedger();
  const payments = sandboxPayments(database.db);
  expect(await payments.authorize(authorizing)).toEqual({ type: 'authorized', authorizationId });
  expect(await payments.capture(capturing)).toEqual({ type: 'captured', captureId: 'cap_1' });
  expect(await sandboxLedger(database.db).findOne({ _id: capturing.key })).toMatchObject({ calls: 3 });
  expect(await database.db.listCollections({ name: 'sandbox_payments' }).toArray()).toEqual([]);
});
