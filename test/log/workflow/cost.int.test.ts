import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { temporal } from '@temporalio/proto';
import { Orders } from './support.js';

let orders: Orders;
beforeAll(async () => {
  orders = await Orders.open();
});
afterAll(async () => {
  await orders.close();
});

const EventType = temporal.api.enums.v1.EventType;

/** The events that Temporal bills besides starts, updates, signals and activities. */
const otherActions = [
  EventType.EVENT_TYPE_TIMER_STARTED,
  EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
  EventType.EVENT_TYPE_MARKER_RECORDED,
];

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

  const { events } = await order.history();
  const count = (...types: number[]) =>
    (events ?? []).filter((event) => types.includes(event.eventType ?? 0)).length;
  const actions = count(
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
  );
  const { raw } = await order.handle.describe();
  const info = raw.workflowExecutionInfo;
  const cost = {
    events: Number(info?.historyLength),
    stateTransitions: Number(info?.stateTransitionCount),
    bytes: Number(info?.historySizeBytes),
    actions,
    otherActions: count(...otherActions),
  };
  expect(events?.length).toBe(cost.events);
  expect(cost.events).toBeLessThanOrEqual(76);
  expect(cost.stateTransitions).toBeLessThanOrEqual(30);
  expect(cost.bytes).toBeLessThanOrEqual(18 * 1024);
  expect(cost.actions).toBeLessThanOrEqual(13);
  expect(cost.otherActions).toBeLessThanOrEqual(4);
});
