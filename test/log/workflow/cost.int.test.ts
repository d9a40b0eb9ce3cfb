import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BUDGET, type TemporalCost, temporalCost } from '../../support/workflow-run.js';
import { Orders } from './support.js';

let orders: Orders;
beforeAll(async () => {
  orders = await Orders.open();
});
afterAll(async () => {
  await orders.close();
});

test('an order’s usual path stays within its budget of history, transitions and billable actions', async () => {
  const { order } = await orders.start();
  await order.until(
    ({ order: { status, owed }, unrecorded }) => status === 'confirmed' && owed.length + unrecorded === 0,
  );
  const { shipmentId = '' } = await order.update('CreateShipment', {});
  await order.until(({ unrecorded }) => unrecorded === 0);
  await order.update('DispatchShipment', {
    shipmentId,
    carrier: 'DHL',
    trackingNumber: '00340434161094042557',
  });
  await order.until(({ order: { owed }, unrecorded }) => owed.length + unrecorded === 0);
  await order.update('DeliverShipment', { shipmentId });
  await order.until(({ order: { status }, unrecorded }) => status === 'completed' && unrecorded === 0);

  const cost = await temporalCost(orders.client, order.handle.workflowId);
  const over = Object.entries(BUDGET).filter(([name, most]) => cost[name as keyof TemporalCost] > most);
  expect({ over, cost }).toEqual({ over: [], cost });
});
