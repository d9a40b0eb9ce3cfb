import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { temporal } from '@temporalio/proto';
import { workflowId } from '../../src/order-log.js';
import { type Api, apiAt, byDhl } from '../support/orders-over-http.js';
import { createSystem, type System } from '../support/system.js';

let system: System;
let api: Api;
beforeAll(async () => {
  system = createSystem();
  const { address } = await system.start('write,read,worker');
  api = apiAt(address);
}, 120_000);
afterAll(async () => {
  await system.end();
}, 60_000);

const EventType = temporal.api.enums.v1.EventType;

const billed = {
  actions: [
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
  ],
  others: [
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    EventType.EVENT_TYPE_MARKER_RECORDED,
  ],
};

test('an order’s usual path over HTTP, with the real activities, stays within its budget', async () => {
  const order = await api.place();
  const { body } = await order.tell('shipments');
  await order.tell(`shipments/${body.shipmentId}/dispatch`, byDhl);
  await order.tell(`shipments/${body.shipmentId}/deliver`);
  await order.becomes({ status: 'completed' });

  const handle = system.client.workflow.getHandle(workflowId(order.id));
  const { events } = await handle.fetchHistory();
  const { raw } = await handle.describe();
  const info = raw.workflowExecutionInfo;
  const count = (types: readonly number[]) =>
    (events ?? []).filter(({ eventType }) => types.includes(eventType ?? 0)).length;
  const cost = {
    events: Number(info?.historyLength),
    stateTransitions: Number(info?.stateTransitionCount),
    bytes: Number(info?.historySizeBytes),
    actions: count(billed.actions),
    otherActions: count(billed.others),
  };
  const budget = { events: 76, stateTransitions: 30, bytes: 18_000, actions: 13, otherActions: 4 };
  const over = Object.entries(budget).filter(([name, most]) => cost[name as keyof typeof cost] > most);
  expect({ over, cost }).toEqual({ over: [], cost });
});
