import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Certified, certify } from '../support/certify.js';

type Kind = Certified['certificate']['kind'];

const limitMs = 600_000;
/** Where the examples keep their ledgers. */
const ledgers = { payments: 'EXAMPLE_LEDGER', inventory: 'EXAMPLE_STOCK', carriers: 'EXAMPLE_LABELS' };

let folder: string;
/** Runs beside the others, because it waits for minutes for outcomes that stay unknown. */
let neverKnows: Promise<Certified>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orders-certification-'));
  neverKnows = certifyWrong('payments', 'never-knows');
});
afterAll(async () => {
  await neverKnows;
  await rm(folder, { recursive: true, force: true });
}, limitMs);

async function certifyModule(kind: Kind, path: string): Promise<Certified> {
  return await certify(kind, path, { [ledgers[kind]]: join(folder, path.replaceAll('/', '-')) });
}

async function certifyWrong(kind: Kind, name: string): Promise<Certified> {
  return await certifyModule(kind, `test/effects/wrong-providers/${kind}/${name}.mjs`);
}

test.each([
  ['payments', 50],
  ['inventory', 44],
  ['carriers', 19],
] as const)(
  'the example of %s is certified',
  async (kind, cases) => {
    const provider = `test/effects/example-provider/${kind}.mjs`;
    const { exitCode, failed, certificate } = await certifyModule(kind, provider);
    expect({ exitCode, failed }).toEqual({ exitCode: 0, failed: [] });
    expect(certificate).toMatchObject({ kind, provider, passed: true });
    expect(certificate.cases).toHaveLength(cases);
  },
  limitMs,
);

test.each([
  ['payments', 'loses-the-key', 'authorize: time-out that took effect: would charge twice'],
  ['payments', 'authorizes-while-it-waits', 'authorize: late answer: would charge twice'],
  ['payments', 'mixes-calls', 'reordered answers: would charge twice'],
  ['inventory', 'mixes-calls', 'reordered answers: would promise units twice'],
  ['inventory', 'reserves-in-part', 'all lines or none: would lose units'],
  ['carriers', 'loses-the-key', 'book: time-out that took effect: would book and pay for a label twice'],
  ['carriers', 'refuses-on-time-out', 'book: time-out that took effect: a time-out would decide an order'],
  ['carriers', 'books-while-it-waits', 'book: late answer: would book and pay for a label twice'],
  ['carriers', 'mixes-calls', 'reordered answers: would lose a label'],
  ['carriers', 'refuses-for-ever', 'requested again after a refusal: would lose a label'],
  ['carriers', 'names-the-receiver', 'the receiver: would keep personal data in the log'],
  ['carriers', 'guesses', 'unknown parcel: would take a parcel for delivered'],
] as const)(
  '%s: a provider that %s fails only this case: %s',
  async (kind, name, failure) => {
    const { exitCode, failed } = await certifyWrong(kind, name);
    expect({ exitCode, failed }).toEqual({ exitCode: 1, failed: [failure] });
  },
  limitMs,
);

test.each([
  ['payments', 'charges-twice', 'capture', ['repeated', 'crash after the call'], 'would charge twice'],
  [
    'payments',
    'declines-on-time-out',
    'authorize',
    ['time-out that took effect'],
    'a time-out would decide an order',
  ],
  ['inventory', 'deducts-twice', 'deduct', ['repeated', 'duplicate that comes late'], 'would lose units'],
] as const)(
  '%s: a provider that %s fails cases of one call: %s',
  async (kind, name, call, cases, risk) => {
    const { exitCode, failed, certificate } = await certifyWrong(kind, name);
    expect({ exitCode, passed: certificate.passed }).toEqual({ exitCode: 1, passed: false });
    expect(failed).toEqual(expect.arrayContaining(cases.map((one) => `${call}: ${one}: ${risk}`)));
    // Cases of several calls may fail, too, such as concurrent captures.
    const ofOthers = new RegExp(`^(?!${call}: )\\w+: .+: `);
    expect(failed.filter((one) => ofOthers.test(one))).toEqual([]);
  },
  limitMs,
);

test.each([
  ['payments', 'forgets', 'authorize', 'would charge twice'],
  ['carriers', 'forgets', 'book', 'would book and pay for a label twice'],
  ['carriers', 'books-twice', 'book', 'would book and pay for a label twice'],
] as const)(
  '%s: a provider that %s fails the crash after the call %s',
  async (kind, name, call, risk) => {
    const { exitCode, failed } = await certifyWrong(kind, name);
    expect(exitCode).toBe(1);
    expect(failed).toContain(`${call}: crash after the call: ${risk}`);
    expect(failed.filter((one) => !one.endsWith(risk))).toEqual([]);
  },
  limitMs,
);

test(
  'the certificate has the number of labels when one is booked twice',
  async () => {
    const { certificate } = await certifyWrong('carriers', 'loses-the-key');
    expect(certificate.cases.find(({ passed }) => !passed)).toMatchObject({
      expected: 'no answer or the right one, and never a decision',
      happened: 'the order has 2 labels, not 1',
    });
  },
  limitMs,
);

test(
  'a provider that never knows the outcome of a key is not certified, and asking it ends',
  async () => {
    const { exitCode, failed, certificate } = await neverKnows;
    expect(exitCode).toBe(1);
    expect(failed).toContain('authorize: crash after the call: the order would wait for ever');
    expect(certificate.cases.map(({ happened }) => happened)).toEqual(
      expect.arrayContaining([
        'authorize has no outcome in 90 s; the last answer is lookUp: unknown',
        'not tried: no effect has an outcome',
      ]),
    );
    expect(failed.filter((one) => !one.endsWith('the order would wait for ever'))).toEqual([]);
  },
  limitMs,
);

/** A module that can be loaded `times` times. Its processes stay, as with an open connection. */
const loadedTimes = (times: number) => `
  import { appendFileSync, readFileSync } from 'node:fs';
  const log = import.meta.filename + '.log';
  appendFileSync(log, '.');
  if (readFileSync(log, 'utf8').length > ${times}) throw new Error('no more accounts');
  setInterval(() => undefined, 1_000);
  const none = async () => ({ type: 'none' });
  export { none as authorize, none as capture, none as void, none as refund, none as lookUp };`;

test.each([
  ['ends while it is loaded', 'process.exit(3);', 'its process ended while it was loaded'],
  ['loads only once', loadedTimes(1), 'it does not load: no more accounts'],
  ['loads only twice', loadedTimes(2), 'it does not load: no more accounts'],
])('a provider that %s is refused immediately, with the reason', async (name, code, reason) => {
  const path = join(folder, `${name.replaceAll(' ', '-')}.mjs`);
  await writeFile(path, code);
  const { PATH } = process.env;
  const args = [join('src', 'cli', 'orders.mjs'), 'certify', 'payments', path];
  // If the script hangs, it is ended; then it has no exit code.
  const certifying = promisify(execFile)(process.execPath, args, { env: { PATH }, timeout: 30_000 });
  await expect(certifying).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining(reason) });
});
