import { expect, test } from '@jest/globals';
import { createGate } from '../../src/effects/gate.js';
import { ProviderBusy } from '../../src/effects/provider-busy.js';
import { DeadlineExceeded } from '../../src/outages/timeout.js';

const patient = { concurrency: 10, timeoutMs: 60_000 };
const fails = () => Promise.reject(new Error('down'));
const works = () => Promise.resolve('paid');

/** Calls that stay in flight until `end` is called. */
function held() {
  let end: (answer: string) => void = () => undefined;
  const answer = new Promise<string>((resolve) => {
    end = resolve;
  });
  return { work: () => answer, end: () => end('paid') };
}

test('calls run up to the limit, as many again wait, and the next call is refused', async () => {
  const gate = createGate('bank', { ...patient, concurrency: 1 });
  const { work, end } = held();
  const first = gate.call('a', work);
  const second = gate.call('b', works);
  await expect(gate.call('c', works)).rejects.toThrow(ProviderBusy);
  end();
  expect(await Promise.all([first, second])).toEqual(['paid', 'paid']);
  expect(await gate.call('c', works)).toBe('paid');
});

test('a call that waits too long gives up its place in the line', async () => {
  const gate = createGate('bank', { ...patient, concurrency: 1 });
  const { work, end } = held();
  const first = gate.call('a', work);
  await expect(gate.call('b', works)).rejects.toThrow('bank has 1 calls under way, and none ended');
  end();
  await first;
  expect(await gate.call('b', works)).toBe('paid');
});

test('a call without an answer has an unknown outcome, is aborted, and gives up its place', async () => {
  const gate = createGate('bank', { concurrency: 1, timeoutMs: 20 });
  let given: AbortSignal | undefined;
  const hangs = (signal: AbortSignal) => {
    given = signal;
    return new Promise(() => undefined);
  };
  const call = gate.call('a', hangs);
  await expect(call).rejects.toThrow(DeadlineExceeded);
  await expect(call).rejects.toThrow('bank did not answer in 20 ms; the outcome is unknown');
  expect(given?.aborted).toBe(true);
  expect(await gate.call('a', works)).toBe('paid');
});

test('no more calls begin per second than the limit allows', async () => {
  const gate = createGate('bank', { ...patient, perSecond: 0.01 });
  expect(await gate.call('a', works)).toBe('paid');
  await expect(gate.call('b', works)).rejects.toThrow('bank may be asked only 0.01 times a second');
});

test('a provider that fails one effect after the other gets a pause, then a single trial call', async () => {
  const gate = createGate('bank', patient);
  for (const key of ['a', 'b', 'c', 'd', 'e']) await expect(gate.call(key, fails)).rejects.toThrow('down');
  await expect(gate.call('a', works)).rejects.toThrow('bank has a pause, because calls to it fail: down');
  const { work, end } = held();
  const trial = gate.call('f', work);
  await expect(gate.call('g', works)).rejects.toThrow(ProviderBusy);
  end();
  expect(await trial).toBe('paid');
  expect(await Promise.all([gate.call('a', works), gate.call('g', works)])).toEqual(['paid', 'paid']);
});

test('a single effect that keeps failing is not a reason for a pause', async () => {
  const gate = createGate('bank', patient);
  for (let n = 0; n < 20; n += 1) await expect(gate.call('a', fails)).rejects.toThrow('down');
  expect(await gate.call('b', works)).toBe('paid');
});
