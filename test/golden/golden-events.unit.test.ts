import { expect, test } from '@jest/globals';
import { isSameEvent } from '../../src/log/journal/same-event.js';
import { messageId } from '../../src/log/workflow/messages.js';
import { append } from '../../src/log/append.js';
import { orderLog } from '../../src/order-log.js';
import { decide } from '../../src/order/decide.js';
import { type OrderEvent, type StoredEvent, schemaVersions } from '../../src/order/events.js';
import { evolve, fold } from '../../src/order/evolve.js';
import { followsRules } from '../../src/order/rules.js';
import { upcast } from '../../src/order/upcasters.js';
import { goldenEvents } from './golden-events.js';
import { readLock } from './lock.js';
import { assertShape } from './shape.js';
import { storedRuns } from './stored-events.js';

const golden = await goldenEvents();
const runs = await storedRuns();

test('every version of every event has a golden event', async () => {
  const { Envelope: _, ...locked } = await readLock();
  expect([...golden.keys()]).toEqual(Object.keys(locked));
  const ever = Object.entries(schemaVersions).flatMap(([type, today]) =>
    Array.from({ length: today }, (_value, index) => `${type}@${index + 1}`),
  );
  expect([...golden.keys()]).toEqual(ever.toSorted());
});

test.each([...golden])('%s is upcast and folded', (name, stored) => {
  expect(`${stored.type}@${stored.schemaVersion}`).toBe(name);
  assertShape(stored);
  const event = upcast(stored);
  expect(event).toMatchObject({ type: stored.type, schemaVersion: schemaVersions[event.type] });
  assertShape(event);
  expect(JSON.parse(JSON.stringify(event))).toStrictEqual(event);
  const order = event.type === 'OrderCreated' ? undefined : created();
  expect(evolve(order, event)).toMatchObject({ version: event.version, updatedAt: event.occurredAt });
});

test('a field too many, too few or of another type is rejected', () => {
  const stored = golden.get('NoteAdded@1');
  if (stored === undefined) throw new Error('no golden NoteAdded');
  expect(() => assertShape({ ...stored, data: { text: 'hello', by: 'me' } })).toThrow('no NoteAdded@1');
  expect(() => assertShape({ ...stored, data: {} })).toThrow('no NoteAdded@1');
  expect(() => assertShape({ ...stored, data: { text: 1 } })).toThrow('no NoteAdded@1');
  expect(() => assertShape({ ...stored, schemaVersion: 2 })).toThrow('NoteAdded@2 is not locked');
  expect(() => assertShape(Object.assign({ by: 'me' }, stored))).toThrow('no Envelope');
});

function created() {
  const stored = golden.get('OrderCreated@1');
  return fold(stored === undefined ? [] : [upcast(stored)]);
}

test('every event of every stored run has a known shape', () => {
  const events = [...runs.values()].flatMap((run) => run.events);
  expect(events.length).toBeGreaterThan(runs.size);
  for (const event of events) assertShape(event);
});

test('the fold of old events is the state that the code which wrote them had', () => {
  const first = runs.get('continued-as-new.0.json');
  const second = runs.get('continued-as-new.1.json');
  if (first === undefined || second === undefined || !('order' in second.start))
    throw new Error('not stored');
  const { order } = second.start;
  expect(first.events.map((event) => event.schemaVersion)).toContain(1);
  expect(fold(eachOnce(first.events))).toStrictEqual(order);
});

test('a replay of a stored run decides the order that was stored, under the same rules', () => {
  const firsts = [...runs.values()].filter(({ start }) => 'create' in start);
  for (const { start, events } of firsts) {
    if (!('create' in start) || events[0] === undefined) throw new Error('not stored');
    const { data, ...command } = start.create;
    const decision = decide(undefined, { type: 'CreateOrder', data }, events[0].occurredAt);
    if ('refusal' in decision) throw new Error(decision.refusal.message);
    const cause = { ...command, causationId: messageId(command), occurredAt: events[0].occurredAt };
    const decided = append(orderLog.entity, start.orderId, undefined, decision.events, cause);
    expect(decided.events.map((event, at) => isSameEvent(orderLog, event, events[at] ?? event))).toEqual([
      true,
    ]);
    expect(followsRules(decided.state, 2)).toBe((data.rules ?? 1) >= 2);
  }
  expect(
    firsts.filter(({ start }) => 'create' in start && start.create.data.rules === undefined),
  ).not.toEqual([]);
});

function eachOnce(events: readonly StoredEvent[]): readonly OrderEvent[] {
  const byVersion = new Map(events.map((event) => [event.version, upcast(event)]));
  return [...byVersion.values()].toSorted((a, b) => a.version - b.version);
}
