import { describe, expect, test } from '@jest/globals';
import { diff } from '../../../src/log/journal/diff.js';
import type { StateDifference } from '../../../src/log/entity-log/differences.js';
import { stateAt } from '../../../src/log/journal/time-travel.js';
import { orderLog } from '../../../src/order-log.js';
import type { OrderEvent } from '../../../src/order/events.js';
import { fold } from '../../../src/order/evolve.js';
import type { Order } from '../../../src/order/order.js';
import { toView } from '../../../src/order/view.js';
import { amend, hold, note, states } from '../../order/examples.js';

const all = Object.entries(states).map(([name, scenario]) => [name, scenario.log] as const);

describe('an order as it was', () => {
  test.each(all)('after each of its versions is the fold up to that version (%s)', (_name, log) => {
    for (const { version } of log)
      expect(stateAt(orderLog, log, { version })).toStrictEqual(fold(log.slice(0, version)));
  });

  test.each(all)('at a time is the fold of all events up to then (%s)', (_name, log) => {
    for (const { occurredAt } of log) {
      const happened = log.filter((event) => event.occurredAt <= occurredAt);
      expect(stateAt(orderLog, log, { at: occurredAt })).toStrictEqual(fold(happened));
    }
    expect(stateAt(orderLog, log, { at: '2025-12-31T23:59:59.999Z' })).toBeUndefined();
    expect(stateAt(orderLog, log, { at: '9999-01-01T00:00:00.000Z' })).toStrictEqual(fold(log));
  });

  test('is known up to a gap in the log', () => {
    const { log } = states.confirmed;
    const gapped = log.filter(({ version }) => version !== 3);
    expect(stateAt(orderLog, gapped, { version: 4 })?.version).toBe(2);
    expect(stateAt(orderLog, gapped, { at: '9999-01-01T00:00:00.000Z' })?.version).toBe(2);
  });
});

/** The public shape, without the members that a diff leaves out. */
function publicShape(order: Order): unknown {
  return JSON.parse(
    JSON.stringify(toView(order), (name, value: unknown) =>
      ['version', 'updatedAt', 'allowedCommands', 'blockedCommands'].includes(name) ? undefined : value,
    ),
  );
}

const ids: Readonly<Record<string, string>> = {
  lines: 'sku',
  shipments: 'shipmentId',
  returns: 'returnId',
  refunds: 'refundId',
};

/** Applies the changes to an order's public shape, by the documented meaning of paths. */
function applied(before: unknown, changes: readonly StateDifference[]): unknown {
  const whole = structuredClone(before);
  for (const change of changes) {
    const names = change.path.split('/').slice(1);
    const last = names.pop() ?? '';
    // oxlint-disable-next-line typescript/no-explicit-any -- walks through whatever shape there is
    let part: any = whole;
    let list = '';
    for (const name of names) {
      part = Array.isArray(part) ? part.find((entry) => entry[ids[list] ?? ''] === name) : part[name];
      list = name;
    }
    const { before: from, after: to } = change;
    if (Array.isArray(part)) {
      const index = part.findIndex((entry) => entry[ids[list] ?? ''] === last);
      if (to === undefined) part.splice(index, 1);
      else if (from === undefined) part.push(to);
      else part[index] = to;
    } else if (Array.isArray(part[last]) && !Array.isArray(to ?? from)) {
      if (to === undefined)
        part[last].splice(
          part[last].findIndex((entry: unknown) => same(entry, from)),
          1,
        );
      else part[last].push(to);
    } else if (to === undefined) {
      delete part[last];
    } else {
      expect(part[last]).toEqual(from);
      part[last] = to;
    }
  }
  return whole;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

describe('a diff', () => {
  test.each(all)('between any two versions leads from the one to the other (%s)', (_name, log) => {
    for (const from of versions(log)) {
      for (const to of versions(log).filter((version) => version >= from)) {
        const [before, after] = [publicShape(at(log, from)), publicShape(at(log, to))];
        const { changes, steps } = diff(orderLog, log, from, to);
        expect(applied(before, changes)).toEqual(after);
        expect(steps.map(({ version }) => version)).toEqual(versions(log.slice(from, to)));
        expect(steps.reduce((whole, step) => applied(whole, step.changes), before)).toEqual(after);
      }
    }
  });

  test('of a version with itself is empty', () => {
    expect(diff(orderLog, states.confirmed.log, 2, 2)).toMatchObject({
      from: 2,
      to: 2,
      changes: [],
      steps: [],
    });
  });

  test('is small, and says by whom and why', () => {
    const { log } = states.confirmed.do(hold, note);
    const { length } = log;
    expect(diff(orderLog, log, length - 2, length)).toEqual({
      orderId: 'o-1',
      from: length - 2,
      to: length,
      changes: [
        { path: '/held', before: false, after: true },
        { path: '/holdReason', after: 'check the address' },
        { path: '/notes', after: { text: 'rings twice', at: expect.any(String), actor: 'tester' } },
      ],
      steps: [
        {
          version: length - 1,
          type: 'OrderHeld',
          occurredAt: expect.any(String),
          actor: 'tester',
          commandId: 'HoldOrder',
          correlationId: 'test',
          causationId: 'HoldOrder',
          reason: 'check the address',
          changes: [
            { path: '/held', before: false, after: true },
            { path: '/holdReason', after: 'check the address' },
          ],
        },
        {
          version: length,
          type: 'NoteAdded',
          occurredAt: expect.any(String),
          actor: 'tester',
          commandId: 'AddNote',
          correlationId: 'test',
          causationId: 'AddNote',
          changes: [
            { path: '/notes', after: { text: 'rings twice', at: expect.any(String), actor: 'tester' } },
          ],
        },
      ],
    });
  });

  test('names an entry of a list by its id, and omits what is unchanged in it', () => {
    const before = states.readyToDispatch.log.length;
    const { changes } = diff(orderLog, states.onItsWay.log, before, states.onItsWay.log.length);
    expect(changes).toContainEqual({ path: '/shipments/s1/status', before: 'created', after: 'dispatched' });
    expect(changes).toContainEqual({ path: '/lines/A-1/shipped', before: 0, after: 2 });
    expect(changes.map(({ path }) => path)).not.toContain('/lines/A-1/quantity');
  });

  test('handles goods with the names of object members, or of members that diffs omit', () => {
    const skus = ['toString', 'constructor', 'valueOf', 'version', 'updatedAt'];
    const lines = skus.map((sku) => ({ sku, quantity: 1, unitPrice: 10 }));
    const { log } = states.confirmed.do(amend(...lines)).settle('reserve');
    const { changes } = diff(orderLog, log, states.confirmed.log.length, log.length);
    const came = skus.map((sku) => ({
      path: `/lines/${sku}`,
      after: expect.objectContaining({ sku, quantity: 1 }),
    }));
    expect(changes).toEqual(expect.arrayContaining(came));
    expect(changes.find(({ path }) => path === '/lines/toString')).not.toHaveProperty('before');
  });
});

function versions(log: readonly OrderEvent[]): readonly number[] {
  return log.map(({ version }) => version);
}

function at(log: readonly OrderEvent[], version: number): Order {
  const order = stateAt(orderLog, log, { version });
  if (order === undefined) throw new Error('There is no such version.');
  return order;
}
