import { afterEach, expect, jest, test } from '@jest/globals';
import { listRows } from '../../../../src/web/pages/orders/rows.js';
import { until } from '../../../support/until.js';

const orderIds = Array.from({ length: 50 }, (_, index) => `order-${index}`);

afterEach(() => {
  jest.restoreAllMocks();
});

test('all rows that change at the same time are read again, however many they are', async () => {
  let version = 1;
  jest.spyOn(globalThis, 'fetch').mockImplementation(async (path) => {
    const asked = orderIds.find((orderId) => typeof path === 'string' && path.endsWith(`/${orderId}`));
    const rows = orderIds.map((orderId) => ({ orderId, version }));
    return Response.json(asked === undefined ? { data: rows } : { orderId: asked, version });
  });
  const list = listRows({});
  const versions = () => new Set(list.state.value?.rows.map((row) => row.version));
  list.more();
  await until(() => expect(versions()).toEqual(new Set([1])));
  version = 2;
  for (const orderId of orderIds) list.orderChanged(orderId, false);
  await until(() => expect(versions()).toEqual(new Set([2])));
  list.close();
});

test('a further page keeps the number of orders that were created since the list was read', async () => {
  let pages = 0;
  jest.spyOn(globalThis, 'fetch').mockImplementation(async () => {
    pages += 1;
    return Response.json({ data: [{ orderId: `order-${pages}`, version: 1 }], nextCursor: `${pages}` });
  });
  const list = listRows({});
  list.more();
  await until(() => expect(list.state.value).toMatchObject({ created: 0 }));
  list.orderChanged('order-9', true);
  list.more();
  await until(() => expect(list.state.value?.rows).toHaveLength(2));
  expect(list.state.value).toMatchObject({ created: 1 });
  list.close();
});

test('rows are still read again after the list was shown again', async () => {
  let version = 1;
  jest.spyOn(globalThis, 'fetch').mockImplementation(async (path) => {
    const row = { orderId: 'order-1', version };
    const isRow = typeof path === 'string' && path.endsWith('/order-1');
    return Response.json(isRow ? row : { data: [row] });
  });
  const list = listRows({});
  const versions = () => list.state.value?.rows.map((row) => row.version);
  list.more();
  await until(() => expect(versions()).toEqual([1]));
  list.orderChanged('order-1', false);
  version = 2;
  list.restart();
  await until(() => expect(versions()).toEqual([2]));
  version = 3;
  list.orderChanged('order-1', false);
  await until(() => expect(versions()).toEqual([3]), 5);
  list.close();
});
