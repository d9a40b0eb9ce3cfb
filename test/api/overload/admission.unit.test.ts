import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  type Bound,
  createAdmission,
  DEFAULT_BOUNDS,
  workKinds,
  type Leave,
} from '../../../src/api/overload/admission.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const keepsUp = () => false;

function admissionOf(create: Bound, isBehind = keepsUp) {
  return createAdmission({ ...DEFAULT_BOUNDS, create }, isBehind);
}

async function entered(asked: Promise<Leave | undefined>): Promise<Leave> {
  const leave = await asked;
  if (leave === undefined) throw new Error('It was refused.');
  return leave;
}

describe('a limit on concurrent requests', () => {
  const bound = { most: 2, waiting: 1, waitMs: 100 };

  test('lets a number of requests in, makes some wait, and refuses the rest immediately', async () => {
    const admission = admissionOf(bound);
    const [first] = [await entered(admission.enter('create')), await entered(admission.enter('create'))];
    expect(admission.refuses('create')).toBe(false);
    const third = admission.enter('create');
    expect(admission.refuses('create')).toBe(true);
    expect(await admission.enter('create')).toBeUndefined();
    expect(admission.state('create')).toEqual({ inFlight: 2, waiting: 1, limit: 2 });
    first();
    await entered(third);
    expect(admission.state('create')).toEqual({ inFlight: 2, waiting: 0, limit: 2 });
  });

  test('refuses a request that has waited too long, and gives its turn to the next', async () => {
    const admission = admissionOf({ ...bound, most: 1 });
    const first = await entered(admission.enter('create'));
    const late = admission.enter('create');
    jest.advanceTimersByTime(100);
    expect(await late).toBeUndefined();
    const next = admission.enter('create');
    first();
    await entered(next);
  });

  test('counts a place once even if it is given back twice', async () => {
    const admission = admissionOf(bound);
    const [first] = [await entered(admission.enter('create')), await entered(admission.enter('create'))];
    first();
    first();
    expect(admission.state('create').inFlight).toBe(1);
  });

  test('of one kind does not affect another kind', async () => {
    const admission = admissionOf({ most: 0, waiting: 0, waitMs: 0 });
    expect(await admission.enter('create')).toBeUndefined();
    for (const kind of workKinds.filter((one) => one !== 'create')) await entered(admission.enter(kind));
  });
});

describe('an adaptive limit', () => {
  const bound = { least: 5, most: 10, targetMs: 500, waiting: 100, waitMs: 10_000 };

  /** Takes all places for `ms` each, once or several times. */
  async function fill(admission: ReturnType<typeof admissionOf>, ms: number): Promise<void> {
    const places = Array.from({ length: admission.state('create').limit }, () => admission.enter('create'));
    const leaves = await Promise.all(places.map(entered));
    jest.advanceTimersByTime(ms);
    for (const leave of leaves) leave();
  }

  test('grows up to its maximum while all places are used and requests are quick', async () => {
    const admission = admissionOf(bound);
    expect(admission.state('create').limit).toBe(8);
    for (let round = 0; round < 10; round += 1) await fill(admission, 10);
    expect(admission.state('create').limit).toBe(9);
    for (let round = 0; round < 30; round += 1) await fill(admission, 10);
    expect(admission.state('create').limit).toBe(10);
  });

  test('does not grow for requests that leave places unused', async () => {
    const admission = admissionOf(bound);
    for (let request = 0; request < 100; request += 1) (await entered(admission.enter('create')))();
    expect(admission.state('create').limit).toBe(8);
  });

  test('shrinks once for requests that were slow together, down to its minimum', async () => {
    const admission = admissionOf(bound);
    await fill(admission, 600);
    expect(admission.state('create').limit).toBe(6);
    for (let round = 0; round < 5; round += 1) await fill(admission, 600);
    expect(admission.state('create').limit).toBe(5);
  });
});

test('while the event loop lags, only one request at a time is let in, except cheap ones', async () => {
  let isBehind = true;
  const admission = admissionOf({ most: 2, waiting: 2, waitMs: 100 }, () => isBehind);
  const first = await entered(admission.enter('create'));
  expect(admission.refuses('create')).toBe(true);
  expect(await admission.enter('create')).toBeUndefined();
  for (const kind of ['read', 'message'] as const) {
    await entered(admission.enter(kind));
    await entered(admission.enter(kind));
  }
  first();
  await entered(admission.enter('create'));
  isBehind = false;
  await entered(admission.enter('create'));
});
