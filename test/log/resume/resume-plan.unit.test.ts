import { describe, expect, test } from '@jest/globals';
import { type KnownLog, planResumption } from '../../../src/log/resume/resume-plan.js';
import { type OrderHistory, orderLog } from '../../../src/order-log.js';
import type { EventDraft, StoredEvent } from '../../../src/order/events.js';
import type { Order } from '../../../src/order/order.js';
import { states } from '../../order/examples.js';

const { log } = states.onItsWay;
const finished = states.cancelled.log;
const n = log.length;

function history(events: OrderHistory['events'], more: Partial<OrderHistory> = {}): OrderHistory {
  return {
    orderId: 'o-1',
    events,
    firstVersion: events[0]?.version ?? 1,
    isComplete: true,
    isForecast: false,
    isOpen: true,
    isResuming: false,
    ...more,
  };
}

function plan(known: Partial<KnownLog<Order, EventDraft>>) {
  return planResumption(orderLog, {
    viewed: 0,
    journal: log,
    recorded: new Set(log.map(({ version }) => version)),
    isHalted: false,
    ...known,
  });
}

/** The event as another run would decide it, with other content. */
function other(event: StoredEvent | undefined): StoredEvent {
  if (event === undefined) throw new Error('There is no event.');
  return { ...event, occurredAt: '2030-01-01T00:00:00.000Z' };
}

const ended = { isOpen: false, ending: 'terminated' };
const none = { record: [], setAside: [] };

describe('a history that agrees with the journal', () => {
  test.each([0, 1, 3, n])('and is %i events longer is recorded first', (longer) => {
    const journal = log.slice(0, n - longer);
    const record = log.slice(n - longer);
    expect(plan({ journal, history: history(log) })).toEqual({ kind: 'running', record, setAside: [] });
    expect(plan({ journal, history: history(log, ended) })).toMatchObject({ kind: 'resume', record });
  });

  test('fills a gap in the journal, whatever was recorded beyond it', () => {
    const journal = log.filter(({ version }) => version !== 3);
    const record = [log[2]];
    expect(plan({ journal, viewed: n, history: history(log, ended) })).toMatchObject({
      kind: 'resume',
      record,
    });
  });

  test('needs nothing if the order is finished', () => {
    const over = { journal: finished, recorded: new Set<number>() };
    expect(plan({ ...over, history: history(finished, ended) })).toEqual({ kind: 'ended', ...none });
    expect(plan(over)).toEqual({ kind: 'ended', ...none });
  });

  test('is resumed where its workflow has halted', () => {
    expect(plan({ history: history(log), isHalted: true })).toMatchObject({ kind: 'resume', ...none });
  });

  test('and is longer is never overruled by the journal', () => {
    const journal = log.slice(0, 2);
    for (const isOpen of [true, false])
      expect(plan({ journal, history: history(log, { isOpen }) })).toMatchObject({ record: log.slice(2) });
  });
});

describe('a history that was restored to an earlier point', () => {
  test.each([1, 3, n - 1])('to version %i: the journal wins', (version) => {
    const back = history(log.slice(0, version));
    expect(plan({ history: back, viewed: n })).toMatchObject({
      kind: 'resume',
      state: { version: n },
      ...none,
    });
  });

  test('and then decided otherwise, unrecorded: the journal wins', () => {
    const otherwise = [...log.slice(0, 4), other(log[4])] as OrderHistory['events'];
    const recorded = new Set([1, 2, 3, 4]);
    expect(plan({ history: history(otherwise), recorded })).toMatchObject({
      kind: 'resume',
      state: { version: n },
    });
  });

  test('and then decided otherwise, recorded: neither wins', () => {
    const otherwise = [...log.slice(0, 4), other(log[4])] as OrderHistory['events'];
    expect(plan({ history: history(otherwise) })).toEqual({
      kind: 'contradiction',
      journal: log[4],
      history: otherwise[4],
    });
  });

  test('to before its first task: the journal wins', () => {
    const forecast = history(log.slice(0, 1), { isForecast: true });
    expect(plan({ history: forecast })).toMatchObject({ kind: 'resume', state: { version: n } });
  });

  test('and whose order has finished: its run is replaced', () => {
    const back = history(finished.slice(0, 4));
    expect(plan({ journal: finished, history: back })).toMatchObject({ kind: 'resume' });
    expect(plan({ journal: finished, history: { ...back, ...ended } })).toMatchObject({ kind: 'ended' });
  });
});

describe('without a history', () => {
  test('the journal wins, and events after a gap are set aside', () => {
    expect(plan({ viewed: n })).toMatchObject({ kind: 'resume', state: { version: n }, ...none });
    const journal = log.filter(({ version }) => version !== n - 1);
    expect(plan({ journal, viewed: n - 2 })).toMatchObject({
      kind: 'resume',
      state: { version: n - 2 },
      setAside: log.slice(n - 1),
    });
  });

  test('an event is not set aside if a view has folded it, or if the log has no beginning', () => {
    const journal = log.filter(({ version }) => version !== n - 1);
    expect(plan({ journal, viewed: n }).kind).toBe('incomplete');
    expect(plan({ journal: log.slice(1) }).kind).toBe('incomplete');
  });

  test('and without a journal, the order is unknown', () => {
    expect(plan({ journal: [] })).toEqual({ kind: 'unknown' });
  });
});

describe('a workflow without decisions', () => {
  const nothing = { journal: [], history: history(log.slice(0, 1), { isForecast: true }) };
  test('runs, or is started again', () => {
    expect(plan(nothing)).toEqual({ kind: 'running', ...none });
    expect(plan({ ...nothing, history: { ...nothing.history, ...ended } })).toEqual({ kind: 'restart' });
  });
});

test('a run that is taking the order over is left to finish that', () => {
  const partly = history(log.slice(0, 2), { isResuming: true });
  expect(plan({ history: partly })).toEqual({ kind: 'resuming' });
  expect(plan({ history: { ...partly, ...ended } })).toMatchObject({ kind: 'resume', state: { version: n } });
});

test('a history without its first runs needs a journal that has them', () => {
  const later = history(log.slice(4), { isComplete: false, ...ended });
  expect(plan({ history: later })).toMatchObject({ kind: 'resume', ...none });
  expect(plan({ history: later, journal: log.slice(0, 2) }).kind).toBe('incomplete');
});
