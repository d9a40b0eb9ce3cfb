import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Certified, certify } from '../support/certify.js';

const providers = {
  example: 'test/effects/example-provider/payments.mjs',
  chargesTwice: 'test/effects/wrong-providers/charges-twice.mjs',
  forgets: 'test/effects/wrong-providers/forgets.mjs',
  declinesOnTimeOut: 'test/effects/wrong-providers/declines-on-time-out.mjs',
  losesTheKey: 'test/effects/wrong-providers/loses-the-key.mjs',
  neverKnows: 'test/effects/wrong-providers/never-knows.mjs',
};

const inventory = 'test/effects/example-provider/inventory.mjs';

let folder: string;
let certified: Readonly<Record<keyof typeof providers, Certified>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orders-certification-'));
  const of = (name: keyof typeof providers) =>
    certify('payments', providers[name], { EXAMPLE_LEDGER: join(folder, name) });
  const [example, chargesTwice, forgets, declinesOnTimeOut, losesTheKey, neverKnows] = await Promise.all([
    of('example'),
    of('chargesTwice'),
    of('forgets'),
    of('declinesOnTimeOut'),
    of('losesTheKey'),
    of('neverKnows'),
  ]);
  certified = { example, chargesTwice, forgets, declinesOnTimeOut, losesTheKey, neverKnows };
  // One of them has to wait for what it will never know.
}, 900_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

test('the example is certified', () => {
  const { exitCode, failed, certificate } = certified.example;
  expect({ exitCode, failed }).toEqual({ exitCode: 0, failed: [] });
  expect(certificate).toMatchObject({ kind: 'payments', provider: providers.example, passed: true });
  expect(certificate.cases).toHaveLength(46);
});

test('the example of an inventory is certified', async () => {
  const { exitCode, failed, certificate } = await certify('inventory', inventory, {
    EXAMPLE_STOCK: join(folder, 'stock'),
  });
  expect({ exitCode, failed }).toEqual({ exitCode: 0, failed: [] });
  expect(certificate).toMatchObject({ kind: 'inventory', provider: inventory, passed: true });
  expect(certificate.cases).toHaveLength(39);
});

test('a provider that charges twice for a key is not', () => {
  const { exitCode, failed, certificate } = certified.chargesTwice;
  expect({ exitCode, passed: certificate.passed }).toEqual({ exitCode: 1, passed: false });
  expect(failed).toContain('capture: repeated: would charge twice');
  expect(failed).toContain('capture: crash after the call: would charge twice');
  expect(failed.filter((one) => /^(authorize|void|refund)/.test(one))).toEqual([]);
});

test('a provider that forgets a charge that took effect is not', () => {
  const { exitCode, failed } = certified.forgets;
  expect(exitCode).toBe(1);
  expect(failed).toContain('authorize: crash after the call: would charge twice');
  expect(failed).toContain('authorize: time-out that took effect: would charge twice');
  expect(failed).not.toContain('authorize: repeated: would charge twice');
});

test('a provider that declines on a time-out is not', () => {
  const { exitCode, failed } = certified.declinesOnTimeOut;
  expect(exitCode).toBe(1);
  expect(failed).toContain('authorize: time-out that took effect: a time-out would decide an order');
});

test('a provider that makes a new key after a time-out that took effect is not, for that alone', () => {
  const { exitCode, failed, certificate } = certified.losesTheKey;
  expect(exitCode).toBe(1);
  expect(failed).toEqual(['authorize: time-out that took effect: would charge twice']);
  expect(certificate.cases.find(({ passed }) => !passed)).toMatchObject({
    expected: 'no answer or the right one, and never a decision',
    happened:
      'the balance is {"held":2000,"captured":0,"refunded":0}, not {"held":1000,"captured":0,"refunded":0}',
  });
});

test('a provider that never knows what became of a key is not, and that is not asked for ever', () => {
  const { exitCode, failed, certificate } = certified.neverKnows;
  expect(exitCode).toBe(1);
  expect(failed).toContain('authorize: crash after the call: the order would wait for ever');
  expect(certificate.cases.map(({ happened }) => happened)).toEqual(
    expect.arrayContaining([
      'authorize has no outcome in 90 s; the last answer is lookUp: unknown',
      'not tried: no effect has an outcome',
    ]),
  );
  expect(failed.filter((one) => !one.endsWith('the order would wait for ever'))).toEqual([]);
});
