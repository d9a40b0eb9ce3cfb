import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ApplicationFailure as ActivityApplicationFailure } from '@temporalio/activity';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import type { RefusedUpdate } from '../../../src/log/workflow/messages.js';
import { eventFork } from '../../../src/log/workflow/steps.js';
import { type ContinuedOrder, type FactMessage, orderWorkflow } from '../../../src/order-log.js';
import { LIMITS } from '../../../src/order/commands.js';
import { fold } from '../../../src/order/evolve.js';
import { latch } from '../../support/latch.js';
import { workflowBundle } from '../../support/servers.js';
import { until } from '../../support/until.js';
import {
  Orders,
  StartedOrder,
  type ScriptedActivities,
  fastForward,
  messageOf,
  resumed,
  terms,
} from './support.js';

let orders: Orders;
let activities: ScriptedActivities;

/** A separate worker for each test, so that its scripted answers affect no other. */
async function fresh(): Promise<void> {
  orders = await Orders.open();
  activities = orders.activities;
}

beforeAll(fresh);
afterAll(async () => {
  await orders.close();
});

async function withFreshOrders(run: () => Promise<void>): Promise<void> {
  await orders.close();
  await fresh();
  await run();
}

const idle = ({ order, unrecorded }: Awaited<ReturnType<StartedOrder['state']>>) =>
  order.owed.length === 0 && unrecorded === 0;

async function confirmed(...args: Parameters<Orders['start']>) {
  const started = await orders.start(...args);
  await started.order.until((state) => state.order.status === 'confirmed' && idle(state));
  return started;
}

async function refusal(update: Promise<unknown>): Promise<RefusedUpdate & { type: string }> {
  const error: unknown = await update.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure))
    throw error;
  const [refused] = error.cause.details as [RefusedUpdate];
  return { ...refused, type: error.cause.type ?? '' };
}

describe('the log', () => {
  test('has every decided event once, in the inputs of activities, and folds to the workflow’s state', async () => {
    await withFreshOrders(async () => {
      const { order } = await confirmed();
      const { shipmentId = '' } = await order.update('CreateShipment', {});
      await order.update('DispatchShipment', { shipmentId, carrier: 'DHL', trackingNumber: '1' });
      await order.update('DeliverShipment', { shipmentId });
      const { order: state } = await order.until((now) => now.order.status === 'completed' && idle(now));
      const events = activities.recorded();
      expect(events.map((event) => event.version)).toEqual(events.map((_, index) => index + 1));
      expect(fold(events)).toEqual(state);
    });
  });

  test('effects keep their keys: order, effect, and the version that made it owed', async () => {
    await withFreshOrders(async () => {
      const { order, orderId } = await confirmed();
      await order.update('CancelOrder', { reason: 'changed my mind' });
      await order.handle.result();
      expect(activities.effects().toSorted()).toEqual(
        [
          `${orderId}:reserve:1`,
          `${orderId}:authorize:2`,
          `${orderId}:release:5`,
          `${orderId}:void:5`,
        ].toSorted(),
      );
    });
  });
});

describe('a cancellation', () => {
  test('during the reservation waits for it, then releases it, and nothing is authorized', async () => {
    await withFreshOrders(async () => {
      const { open, opened } = latch();
      activities.on('reserve', async () => {
        await opened;
        return { type: 'reserved' };
      });
      const { order, orderId } = await orders.start();
      await order.until((state) => state.order.owed.length === 1);
      const answer = await order.update('CancelOrder', { reason: 'too slow' });
      expect(answer.status).toBe('cancelled');
      open();
      await order.handle.result();
      expect(activities.effects()).toEqual([`${orderId}:reserve:1`, `${orderId}:release:3`]);
    });
  });

  test('during the authorization waits for it, then voids it', async () => {
    await withFreshOrders(async () => {
      const { open, opened } = latch();
      activities.on('authorize', async () => {
        await opened;
        return { type: 'authorized', authorizationId: 'a-1' };
      });
      const { order } = await orders.start();
      await order.until(({ order: { owed } }) => owed.some(({ type }) => type === 'authorize'));
      await order.update('CancelOrder', { reason: 'too slow' });
      open();
      await order.handle.result();
      expect(activities.recorded().map((event) => event.type)).toEqual(
        expect.arrayContaining(['PaymentAuthorized', 'AuthorizationVoided', 'StockReleased']),
      );
    });
  });

  test('of the workflow in Temporal cancels the order', async () => {
    await withFreshOrders(async () => {
      const { order } = await confirmed();
      await order.handle.cancel();
      expect(await order.handle.result()).toMatchObject({ status: 'cancelled' });
      expect(activities.recorded().find((event) => event.type === 'OrderCancelled')?.actor).toBe('temporal');
    });
  });
});

describe('messages', () => {
  test('a repeated command has the first answer, and the same key with another body is refused', async () => {
    const { order } = await confirmed();
    const commandId = randomUUID();
    const first = await order.update('AddNote', { text: 'ring twice' }, { commandId });
    expect(await order.update('AddNote', { text: 'ring twice' }, { commandId })).toEqual(first);
    const { type } = await refusal(
      order.update('AddNote', { text: 'ring once' }, { commandId, hash: 'other' }),
    );
    expect(type).toBe('key_reused');
    expect((await order.state()).order.notes).toHaveLength(1);
  });

  test('the key that created the order is a key of a command', async () => {
    const { order } = await confirmed();
    const create = activities
      .recorded()
      .find(({ orderId }) => `order-${orderId}` === order.handle.workflowId);
    const { type } = await refusal(
      order.update('AddNote', { text: 'x' }, { commandId: create?.commandId ?? '', hash: 'other' }),
    );
    expect(type).toBe('key_reused');
  });

  test('a command that does not fit is refused with what is allowed, and adds nothing to the history', async () => {
    const { order } = await confirmed();
    const { events: before } = await order.history();
    const refused = await refusal(order.update('ReleaseOrder', {}));
    expect(refused).toMatchObject({ type: 'not_allowed', version: 4, status: 'confirmed' });
    expect(refused.allowedCommands).toContain('hold');
    expect((await order.history()).events?.length).toBe(before?.length);
  });

  test('a stale version is refused before the state is checked', async () => {
    const { order } = await confirmed();
    const { type } = await refusal(order.update('ReleaseOrder', {}, { expectedVersion: 2 }));
    expect(type).toBe('stale_version');
  });

  test('a signal is decided if it fits, becomes an event if it does not, and counts once', async () => {
    await withFreshOrders(async () => {
      const { order } = await confirmed();
      await order.signal('ReleaseOrder', {});
      const twice = { commandId: 'twice' };
      await order.signal('HoldOrder', { reason: 'fraud check' }, twice);
      await order.signal('HoldOrder', { reason: 'fraud check' }, twice);
      const { order: state } = await order.until((now) => now.order.holds.length > 0 && idle(now));
      expect(
        activities
          .recorded()
          .slice(4)
          .map((event) => event.type),
      ).toEqual(['CommandRejected', 'OrderHeld']);
      expect(state.version).toBe(6);
    });
  });

  test('a key whose signal did not fit can be used again, as an update', async () => {
    const { order } = await confirmed();
    const again = { commandId: 'again' };
    await order.signal('ReleaseOrder', {}, again);
    expect((await refusal(order.update('ReleaseOrder', {}, again))).type).toBe('not_allowed');
    await order.update('HoldOrder', { reason: 'fraud check' });
    const { events } = await order.update('ReleaseOrder', {}, again);
    expect(events.map(({ type }) => type)).toEqual(['OrderReleased']);
  });

  test('a nonsensical signal does no harm', async () => {
    const { order } = await confirmed();
    for (const garbage of [undefined, null, 7, 'x', {}, { commandId: 1 }])
      await order.handle.signal('AddNote', garbage);
    await order.handle.signal('RequestReturn', messageOf({ lines: 'none' }));
    await order.handle.signal('PaymentSettled', messageOf({}));
    const answer = await order.update('AddNote', { text: 'still here' });
    expect(answer.events.at(-1)?.type).toBe('NoteAdded');
  });

  test('a command that is decided, but cannot be folded, is refused', async () => {
    await withFreshOrders(async () => {
      activities.on('capture', async () => ({ type: 'declined', code: 'card_expired' }));
      const { order } = await confirmed();
      await order.update('CreateShipment', {});
      await order.update('DispatchShipment', { shipmentId: 's1', carrier: 'DHL', trackingNumber: 't' });
      await order.until((state) => state.order.holds.length > 0 && idle(state));
      const unusable = () => messageOf({ payment: null });
      await order.handle.signal('CapturePayment', unusable());
      const update = order.handle.executeUpdate<unknown, [unknown]>('CapturePayment', { args: [unusable()] });
      expect((await refusal(update)).type).toBe('malformed');
      expect((await order.state()).order.rejections?.total).toBe(1);
    });
  });

  test('a provider’s webhook that overtakes the provider’s own answer counts once', async () => {
    await withFreshOrders(async () => {
      const { open, opened } = latch();
      activities.on('authorize', async () => {
        await opened;
        return { type: 'pending', authorizationId: 'a-1' };
      });
      const { order, orderId } = await orders.start();
      await order.until(({ order: { owed } }) => owed.some(({ type }) => type === 'authorize'));
      const fact = {
        reference: `${orderId}:authorize:2`,
        authorizationId: 'a-1',
        outcome: 'authorized',
      } as const;
      await order.handle.signal<[FactMessage]>('PaymentSettled', messageOf(fact));
      await order.until((state) => state.order.status === 'confirmed');
      open();
      const { order: state } = await order.until(idle);
      expect(state.authorizations).toMatchObject([{ authorizationId: 'a-1', status: 'authorized' }]);
      expect(activities.recorded().map((event) => event.type)).not.toContain('PaymentPending');
    });
  });
});

describe('continue-as-new', () => {
  test('while the journal is away carries over events and effects, and sends them again', async () => {
    await withFreshOrders(async () => {
      let isDown = true;
      activities.record = async () => {
        if (isDown) throw new Error('the journal is down');
      };
      const { order, orderId } = await orders.start({}, { continueAsNewAfter: 25 });
      const firstRun = await order.runId();
      for (let note = 1; note <= 12; note += 1) await order.update('AddNote', { text: `note ${note}` });
      expect(await order.runId()).not.toBe(firstRun);
      isDown = false;
      const { order: state } = await order.until((now) => now.order.status === 'confirmed' && idle(now));
      expect(fold(activities.recorded())).toEqual(state);
      expect(new Set(activities.effects())).toEqual(
        new Set([`${orderId}:reserve:1`, activities.effects().at(-1)]),
      );
      expect(state.notes).toHaveLength(12);
    });
  });

  test('remembers commands: a key of an earlier run has the same answer, and search attributes stay', async () => {
    const { order } = await confirmed({}, { continueAsNewAfter: 30 });
    const first = await order.update('AddNote', { text: 'first' }, { commandId: 'first' });
    const firstRun = await order.runId();
    for (let note = 1; note <= 8; note += 1) await order.update('AddNote', { text: `note ${note}` });
    expect(await order.runId()).not.toBe(firstRun);
    expect((await order.current().describe()).searchAttributes['OrderStatus']).toEqual(['confirmed']);
    expect(await order.update('AddNote', { text: 'first' }, { commandId: 'first' })).toEqual(first);
  });
});

describe("Temporal's list", () => {
  const listed = async (order: StartedOrder) => (await order.current().describe()).searchAttributes;
  const upserts = async (order: StartedOrder) =>
    ((await order.history()).events ?? []).filter(
      (event) => event.upsertWorkflowSearchAttributesEventAttributes,
    ).length;

  test('shows the statuses of an order, its total, and whether it is held', async () => {
    const { order } = await confirmed();
    expect(await listed(order)).toMatchObject({
      OrderStatus: ['confirmed'],
      PaymentStatus: ['authorized'],
      FulfillmentStatus: ['none'],
      OrderHeld: [false],
      NeedsAttention: [false],
      OrderTotal: [3998],
    });
    await order.update('AddNote', { text: 'no news to the list' });
    expect(await upserts(order)).toBe(1);
    await order.update('HoldOrder', { reason: 'fraud check' });
    await until(async () => expect(await listed(order)).toMatchObject({ OrderHeld: [true] }));
    await order.update('ReleaseOrder', {});
    await order.update('CreateShipment', { lines: [{ sku: 'A-1', quantity: 1 }] });
    await order.update('DispatchShipment', { shipmentId: 's1', carrier: 'DHL', trackingNumber: '1' });
    await order.until(idle);
    await until(async () =>
      expect(await listed(order)).toMatchObject({
        OrderHeld: [false],
        PaymentStatus: ['partially_captured'],
        FulfillmentStatus: ['partially_shipped'],
      }),
    );
    const next = await resumed(orders, order, []);
    await until(async () =>
      expect(await listed(next)).toMatchObject({
        OrderTotal: [3998],
        FulfillmentStatus: ['partially_shipped'],
      }),
    );
    await until(async () => {
      const query = `WorkflowId = "${order.handle.workflowId}" AND ExecutionStatus = "Running" AND OrderTotal > 3000 AND OrderHeld = false`;
      expect((await orders.client.workflow.count(query)).count).toBe(1);
    });
  });
});

test('an order too large to be handed on stays in its run until it is smaller', async () => {
  const { order: small } = await confirmed();
  const { order: state } = await small.until(idle);
  const note = { text: 'n'.repeat(19_600), at: state.createdAt, actor: 'tester' };
  const large = { ...state, notes: Array.from({ length: 97 }, () => note) };
  const handle = await orders.client.workflow.start(orderWorkflow, {
    workflowId: `${small.handle.workflowId}-large`,
    taskQueue: orders.taskQueue,
    args: [
      {
        orderId: state.orderId,
        order: large,
        unrecorded: [],
        remembered: [],
        continueAsNewAfter: 10,
      } satisfies ContinuedOrder,
    ],
  });
  const order = new StartedOrder(orders.client, handle);
  const firstRun = await order.runId();
  for (let count = 0; count < 3; count += 1) await order.update('AddNote', { text: 'short' });
  expect(await order.runId()).toBe(firstRun);
  // The state drops the oldest of this many notes.
  for (let count = 0; count < 5; count += 1) await order.update('AddNote', { text: 'short' });
  expect(await order.runId()).not.toBe(firstRun);
  expect((await order.until(idle)).order.version).toBe(state.version + 8);
});

test('a run without work replays, whichever worker took its first command', async () => {
  const before = await Orders.open();
  const { order: earlier } = await before.start();
  await earlier.until((now) => now.order.status === 'confirmed' && idle(now));
  await fastForward(earlier, terms.authorizationTtl + 1000);
  const { order: lapsed } = await earlier.until(
    (now) => now.order.authorizations[0]?.status === 'expired' && idle(now),
  );
  const continued = { orderId: lapsed.orderId, order: lapsed, unrecorded: [], remembered: [] };
  const handle = await before.client.workflow.start(orderWorkflow, {
    workflowId: `${earlier.handle.workflowId}-continued`,
    taskQueue: before.taskQueue,
    args: [continued satisfies ContinuedOrder],
  });
  await new StartedOrder(before.client, handle).until(idle);
  await before.close();

  const after = await Orders.open(before.taskQueue);
  try {
    const order = new StartedOrder(after.client, after.client.workflow.getHandle(handle.workflowId));
    await order.update('AddNote', { text: 'first' });
    await Worker.runReplayHistory({ workflowBundle }, await order.history());
  } finally {
    await after.close();
  }
});

test('a fork halts the order: no more effects, commands get order_forked, the state has the reason', async () => {
  await withFreshOrders(async () => {
    activities.on('reserve', async () => {
      throw ActivityApplicationFailure.nonRetryable('v1 is another event in the journal', eventFork);
    });
    const { order, orderId } = await orders.start();
    const { halted } = await order.until((state) => state.halted !== undefined);
    expect(halted?.message).toBe('v1 is another event in the journal');
    expect((await refusal(order.update('CancelOrder', { reason: 'x' }))).type).toBe('order_forked');
    expect(activities.effects()).toEqual([`${orderId}:reserve:1`]);
  });
});

test('with 500 unrecorded events, commands are refused until the journal has caught up', async () => {
  await withFreshOrders(async () => {
    let isDown = true;
    activities.record = async () => {
      if (isDown) throw new Error('the journal is down');
    };
    const { order } = await orders.start();
    for (let sent = 0; sent < 510; sent += 1) await order.signal('AddNote', { text: 'x' });
    await order.until(({ unrecorded }) => unrecorded > 500);
    expect((await refusal(order.update('AddNote', { text: 'one too many' }))).type).toBe('journal_behind');
    isDown = false;
    await order.until(({ unrecorded }) => unrecorded === 0);
    // After more than 500 commands, the order may have forgotten the first. `absentUpTo` says that
    // the journal lacks this one.
    const now = await order.update('AddNote', { text: 'now' }, { absentUpTo: 10_000 });
    expect(now.events).toHaveLength(1);
  });
});

test('signals that come while no worker runs are all taken in order, however many there are', async () => {
  const before = await Orders.open();
  const { order } = await before.start();
  await order.until((state) => state.order.status === 'confirmed' && idle(state));
  await before.close();

  const handle = orders.client.workflow.getHandle(order.handle.workflowId);
  // Together, these texts have more characters than the input of one activity may have. The number
  // of events is limited as well, as above.
  const texts = Array.from({ length: 150 }, (_, index) => String(index).padEnd(8_000, 'ü'));
  for (const text of texts) await handle.signal('AddNote', messageOf({ text }));

  const after = await Orders.open(before.taskQueue);
  try {
    const again = new StartedOrder(after.client, after.client.workflow.getHandle(handle.workflowId));
    const all = await again.until((state) => state.order.version === 4 + texts.length && idle(state));
    expect(all.order.notes.map(({ text }) => text)).toEqual(texts.slice(-LIMITS.notes));
    expect(after.activities.recorded().map(({ version }) => version)).toEqual(
      texts.map((_, index) => index + 5),
    );
  } finally {
    await after.close();
  }
});

describe('time', () => {
  test('expires an order whose payment stays pending, and what the order holds is released', async () => {
    await withFreshOrders(async () => {
      activities.on('authorize', async () => ({ type: 'pending', authorizationId: 'a-1' }));
      const { order, orderId } = await orders.start();
      await order.until((state) => state.order.authorizations.length === 1 && idle(state));
      await fastForward(order, terms.paymentDeadline + 1000);
      expect(await order.handle.result()).toMatchObject({ status: 'expired' });
      expect(activities.effects().slice(2).toSorted()).toEqual(
        [`${orderId}:release:5`, `${orderId}:void:4`].toSorted(),
      );
    });
  });

  test('lapses an authorization, and the next dispatch authorizes again before it captures', async () => {
    await withFreshOrders(async () => {
      const { order } = await confirmed();
      await fastForward(order, terms.authorizationTtl + 1000);
      await order.until((state) => state.order.authorizations[0]?.status === 'expired' && idle(state));
      const { shipmentId = '' } = await order.update('CreateShipment', {});
      await order.update('DispatchShipment', { shipmentId, carrier: 'DHL', trackingNumber: '1' });
      const { order: state } = await order.until((now) => now.order.captures.length === 1 && idle(now));
      expect(state.authorizations.map(({ status, captured }) => ({ status, captured }))).toEqual([
        { status: 'expired', captured: 0 },
        { status: 'authorized', captured: 3998 },
      ]);
    });
  });

  test('closes the order at the end of its return window, and ends its workflow', async () => {
    await withFreshOrders(async () => {
      const { order } = await confirmed();
      const { shipmentId = '' } = await order.update('CreateShipment', {});
      await order.update('DispatchShipment', { shipmentId, carrier: 'DHL', trackingNumber: '1' });
      await order.update('DeliverShipment', { shipmentId });
      await order.until((state) => state.order.status === 'completed' && idle(state));
      await fastForward(order, terms.returnWindow + 1000);
      expect(await order.handle.result()).toMatchObject({ status: 'completed' });
      expect(activities.recorded().at(-1)?.type).toBe('OrderClosed');
    });
  });
});
