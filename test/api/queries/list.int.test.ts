import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createCursors } from '../../../src/api/queries/cursor.js';
import { type OrderListQuery, toFind } from '../../../src/api/queries/list-orders.js';
import { ensureStateViewIndexes } from '../../../src/log/entity-log/state-view.js';
import { append } from '../../../src/log/append.js';
import { orderLog } from '../../../src/order-log.js';
import { decide } from '../../../src/order/decide.js';
import type { OrderView } from '../../../src/order/view.js';
import { orders, toDocument } from '../../../src/views/orders.js';
import { startTestApi, type TestApi } from '../../support/api.js';

const COUNT = 600;
const statuses = ['pending', 'confirmed', 'completed', 'cancelled'] as const;

let api: TestApi;
let all: OrderView[];

beforeAll(async () => {
  api = await startTestApi();
  await ensureStateViewIndexes(orderLog, api.mongo.db);
  const documents = Array.from({ length: COUNT }, (_, i) => documentOf(i));
  await orders(api.mongo.db).insertMany(documents);
  all = documents.map(
    ({ _id, settled: _s, finished: _f, skus: _k, search: _w, state: _o, owedSince: _c, ...view }) => view,
  );
});
afterAll(async () => {
  await api.close();
});

/** Orders with few distinct times and totals, so that the tie-breaker of the sort matters. */
function documentOf(i: number) {
  const orderId = `o-${String((i * 7919) % COUNT).padStart(4, '0')}`;
  const occurredAt = new Date(Date.UTC(2026, 0, 1 + (i % 20))).toISOString();
  const decision = decide(
    undefined,
    {
      type: 'CreateOrder',
      data: {
        customer: {
          id: `c-${i % 30}`,
          name: i % 2 === 0 ? 'Ada Example' : 'Ben Müller',
          email: `u${i}@example.com`,
        },
        currency: 'EUR',
        lines: [{ sku: `A-${i % 10}`, quantity: 1, unitPrice: 100 * (1 + (i % 15)), name: 'Lamp (blue)' }],
        payment: { method: 'tok_ok' },
        tags: i % 3 === 0 ? ['gift', 'vip'] : ['gift'],
        terms: { paymentDeadline: 1, returnWindow: 1, authorizationTtl: 1 },
      },
    },
    occurredAt,
  );
  if ('refusal' in decision) throw new Error(decision.refusal.message);
  const cause = { occurredAt, commandId: 'k', correlationId: 'k', causationId: 'k.0', actor: 'test' };
  const { state: order } = append(orderLog.entity, orderId, undefined, decision.events, cause);
  const status = statuses[i % statuses.length] ?? 'pending';
  const updatedAt = new Date(Date.parse(occurredAt) + (i % 50) * 3_600_000).toISOString();
  const holds = i % 7 === 0 ? [{ cause: 'command' as const, reason: 'check' }] : [];
  return toDocument({ ...order, status, holds, updatedAt });
}

async function pages(query: string): Promise<OrderView[]> {
  const found: OrderView[] = [];
  let path = `/v1/orders?${query}`;
  for (;;) {
    const { status, body } = await api.get(path);
    expect(status).toBe(200);
    found.push(...body.data);
    if (body.nextCursor === undefined) return found;
    path = `/v1/orders?${query}&cursor=${encodeURIComponent(body.nextCursor)}`;
  }
}

const sorted = (of: OrderView[], field: 'createdAt' | 'updatedAt' | 'total', sign: 1 | -1) =>
  of.toSorted((a, b) =>
    a[field] === b[field] ? (a.orderId < b.orderId ? -sign : sign) : a[field] < b[field] ? -sign : sign,
  );

describe('a list of orders', () => {
  test.each<[string, (order: OrderView) => boolean]>([
    ['', () => true],
    ['status=confirmed', (order) => order.status === 'confirmed'],
    ['held=true', (order) => order.held],
    ['held=false&status=confirmed', (order) => !order.held && order.status === 'confirmed'],
    ['paymentStatus=none&fulfillmentStatus=none&held=true', (order) => order.held],
    ['paymentStatus=captured', () => false],
    ['customerId=c-7', (order) => order.customer.id === 'c-7'],
    ['sku=A-3', (order) => order.lines.some((line) => line.sku === 'A-3')],
    ['tag=vip', (order) => order.tags.includes('vip')],
    ['q=ada', (order) => order.customer.name.startsWith('Ada')],
    ['q=MÜL', (order) => order.customer.name.endsWith('Müller')],
    ['q=lamp+vip', (order) => order.tags.includes('vip')],
    ['q=u12@example', (order) => order.customer.email === 'u12@example.com'],
    ['q=.*', () => false],
    ['q=(blue', () => true],
    ['q=muller', (order) => order.customer.name.endsWith('Müller')],
    ['q=%EF%BC%A1%EF%BD%84%EF%BD%81', (order) => order.customer.name.startsWith('Ada')],
    ['q=example.com+a3', (order) => order.lines.some(({ sku }) => sku === 'A-3')],
    ['createdAt[gte]=2026-01-05', (order) => order.createdAt >= '2026-01-05'],
    ['createdAt[gt]=2026-01-05T00:00:00Z', (order) => order.createdAt > '2026-01-05T00:00:00.000Z'],
    [
      'createdAt[gte]=2026-01-05&createdAt[lt]=2026-01-07',
      (order) => order.createdAt >= '2026-01-05' && order.createdAt < '2026-01-07',
    ],
    ['updatedAt[lte]=2026-01-02T02:00:00%2B02:00', (order) => order.updatedAt <= '2026-01-02T00:00:00.000Z'],
    ['total[gte]=500&total[lt]=900', (order) => order.total >= 500 && order.total < 900],
    ['total[gt]=1400', (order) => order.total > 1400],
    ['total[lte]=100', (order) => order.total <= 100],
    [
      'status=pending&customerId=c-8&tag=gift&sku=A-8',
      (order) => order.status === 'pending' && order.customer.id === 'c-8',
    ],
  ])('with %s has the matching orders, newest first', async (query, matches) => {
    const expected = sorted(all.filter(matches), 'createdAt', -1);
    expect(await pages(`${query}&limit=50`.replace(/^&/, ''))).toEqual(expected);
  });

  test.each([
    ['createdAt', 1],
    ['createdAt', -1],
    ['updatedAt', 1],
    ['updatedAt', -1],
    ['total', 1],
    ['total', -1],
  ] as const)('sorted by %s (%i) has every order once, whatever the page size', async (field, sign) => {
    const expected = sorted(all, field, sign).map(({ orderId }) => orderId);
    for (const limit of [7, 200]) {
      const found = await pages(`sort=${sign === 1 ? '' : '-'}${field}&limit=${limit}`);
      expect(found.map(({ orderId }) => orderId)).toEqual(expected);
    }
  });

  test('has 50 orders on a page by default', async () => {
    expect((await api.get('/v1/orders')).body.data).toHaveLength(50);
  });
});

describe('a cursor', () => {
  async function cursor(query = 'limit=1'): Promise<string> {
    return String((await api.get(`/v1/orders?${query}`)).body.nextCursor);
  }

  test('may be used with another limit', async () => {
    expect((await api.get(`/v1/orders?limit=3&cursor=${await cursor()}`)).status).toBe(200);
  });

  test('is signed with the first secret, and is accepted while its secret is in the list', () => {
    const [before, rotating, after] = [['old'], ['new', 'old'], ['new']] as const;
    const place = ['2026-01-01T00:00:00.000Z', 'o-1'];
    const kept = createCursors(before).write([], place);
    expect(createCursors(rotating).read([], kept)).toEqual(place);
    expect(() => createCursors(after).read([], kept)).toThrow('was not given by this API');
    expect(createCursors(after).read([], createCursors(rotating).write([], place))).toEqual(place);
  });

  test.each([
    ['is of other filters', async () => `status=pending&cursor=${await cursor()}`],
    ['is of another sort', async () => `sort=total&cursor=${await cursor()}`],
    ['was changed', async () => `cursor=A${(await cursor()).slice(1)}`],
    ['lost its signature', async () => `cursor=${(await cursor()).split('.')[0]}`],
    [
      'was signed by somebody else',
      async () => `cursor=${createCursors(['x'.repeat(16)]).write([], ['a', 'b'])}`,
    ],
    ['is nonsense', async () => 'cursor=abc'],
    ['is empty', async () => 'cursor='],
  ])('that %s is refused', async (_what, query) => {
    expect(await api.get(`/v1/orders?${await query()}`)).toMatchObject({
      status: 400,
      body: { code: 'invalid_cursor', errors: [{ pointer: '/cursor', in: 'query' }] },
    });
  });
});

test('a search without a word is refused, because every order would match it', async () => {
  expect(await api.get('/v1/orders?q=%20')).toMatchObject({
    status: 400,
    body: { code: 'invalid_request', errors: [{ pointer: '/q', in: 'query' }] },
  });
});

describe('a page is read from an index, in its order,', () => {
  const cursors = createCursors(['a secret of this test']);
  const filters: OrderListQuery[] = [
    {},
    { status: 'confirmed' },
    { customerId: 'c-7' },
    { sku: 'A-3' },
    { tag: 'vip' },
    { 'createdAt[gte]': '2026-01-05', 'createdAt[lt]': '2026-01-15' },
    { status: 'confirmed', 'createdAt[gte]': '2026-01-05' },
    { customerId: 'c-7', status: 'confirmed' },
    { paymentStatus: 'authorized' },
    { fulfillmentStatus: 'shipped' },
    { held: 'true' },
    { paymentStatus: 'authorized', fulfillmentStatus: 'none', held: 'true' },
  ];
  const documented: OrderListQuery[] = [
    ...filters.flatMap((filter) => [filter, { ...filter, sort: 'createdAt' as const }]),
    ...(['updatedAt', '-updatedAt', 'total', '-total'] as const).flatMap((sort) => [
      { sort },
      { sort, status: 'confirmed' as const },
    ]),
    { sort: 'total', 'total[gte]': 500 },
  ];
  const cases = documented.flatMap((query) => {
    const { list, field } = toFind(cursors, query, 300_000);
    const cursor = cursors.write(list, [field === 'total' ? 700 : '2026-01-10T00:00:00.000Z', 'o-0300']);
    const text = JSON.stringify(query);
    return [
      [`the first page of ${text}`, query] as const,
      [`a later page of ${text}`, { ...query, cursor }] as const,
    ];
  });

  test.each(cases)('for %s', async (_text, query) => {
    const stages = await stagesOf(query);
    expect(stages).toContain('IXSCAN');
    expect(stages).not.toContain('COLLSCAN');
    expect(stages).not.toContain('SORT');
  });

  test.each(['ada', 'u12@example', 'ada vip'])(
    'and for the words "%s" without reading every order',
    async (q) => {
      const stages = await stagesOf({ q });
      expect(stages).toContain('IXSCAN');
      expect(stages).not.toContain('COLLSCAN');
    },
  );

  async function stagesOf(query: OrderListQuery): Promise<string[]> {
    const { filter, sort } = toFind(cursors, query, 300_000);
    const plan = await orders(api.mongo.db).find(filter).sort(sort).limit(51).explain('queryPlanner');
    const stages: string[] = [];
    JSON.stringify(plan['queryPlanner']['winningPlan'], (key, value: unknown) => {
      if (key === 'stage') stages.push(String(value));
      return value;
    });
    return stages;
  }
});
