import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { Db } from 'mongodb';
import { openAll } from '../../../src/sealing/opening.js';
import { verifyOrders } from '../../../src/effects/proof/verify-orders.js';
import { readHistoryLog } from '../../../src/log/history/history.js';
import { forks, noteFork } from '../../../src/log/journal/fork.js';
import { journal } from '../../../src/log/journal/journal.js';
import { readJournal } from '../../../src/log/journal/read-journal.js';
import { eventsSetAside } from '../../../src/log/journal/set-aside.js';
import { updateStateView } from '../../../src/log/recording/update-state-view.js';
import { reconcile } from '../../../src/log/proof/reconcile.js';
import type { ResumeCommand, ResumeReport } from '../../../src/log/resume/resume-report.js';
import { resume, type ResumeDeps, type ResumeOptions } from '../../../src/log/resume/resume.js';
import { endedUnrecorded, resumeAll } from '../../../src/log/resume/resume-all.js';
import { workflowId, orderLog } from '../../../src/order-log.js';
import { orders } from '../../../src/views/orders.js';
import type { RunningWorker } from '../../../workers/roles/worker.js';
import {
  orderBody,
  placedOrder,
  type Reply,
  startTestApi,
  terminateWhenRecorded,
  type TestApi,
} from '../../support/api.js';
import { whenAtRest } from '../../support/headers.js';
import { deleteHistory } from '../../support/retention.js';
import { until } from '../../support/until.js';

const LIMIT_MS = 120_000;

let api: TestApi;
let db: Db;
let worker: RunningWorker;

beforeAll(async () => {
  api = await startTestApi();
  ({ db } = api.mongo);
  worker = await api.startWorker();
}, LIMIT_MS);
afterAll(async () => {
  await api.close();
});

function workflow(orderId: string) {
  return api.client.workflow.getHandle(workflowId(orderId));
}

function newCommand(): ResumeCommand {
  const id = randomUUID();
  return {
    commandId: `tester ${id}`,
    hash: 'resume',
    correlationId: id,
    actor: 'tester',
    reason: 'a test',
  };
}

/** A client of a process that stops as soon as it has started a workflow. */
function stoppingClient(client: Client): Client {
  const start: Client['workflow']['start'] = async (...sent) => {
    await client.workflow.start(...sent);
    throw new Error('The process stops.');
  };
  const stopping: unknown = Object.assign(Object.create(client.workflow), { start });
  return Object.assign(Object.create(client), { workflow: stopping });
}

async function resumed(
  orderId: string,
  { isDryRun = false, answerWithinMs = 20_000, ...more }: ResumeOptions & Partial<ResumeDeps> = {},
  command = newCommand(),
): Promise<ResumeReport> {
  const { client, config } = api;
  const resuming = { client, db, taskQueue: config.temporal.taskQueue, ...more };
  return await resume(orderLog, resuming, orderId, command, { isDryRun, answerWithinMs });
}

/** What Temporal shows about an order's workflow, and how it divides its workers. */
async function shown(orderId: string) {
  const described = await workflow(orderId).describe();
  const texts = [await described.staticSummary(), await described.staticDetails()];
  return [...texts, described.memo, described.priority, described.searchAttributes];
}

async function listOf<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function tell(orderId: string, command: string, body: object = {}): Promise<Reply> {
  const reply = await api.post(`/v1/orders/${orderId}/${command}`, { body, headers: whenAtRest });
  expect(reply).toMatchObject({ status: 200 });
  return reply;
}

async function types(orderId: string): Promise<readonly string[]> {
  return (await readJournal(orderLog, db, orderId)).map(({ type }) => type);
}

/**
 * The discrepancies between history, journal, fold, view and workflow. Positions are not checked,
 * because no sequencer runs.
 */
async function discrepancies(orderId: string) {
  const { taskQueue } = api.config.temporal;
  const report = await verifyOrders({ client: api.client, db, taskQueue }, { orderId });
  return report.discrepancies.filter(({ where }) => where !== 'positions');
}

/** Ships and delivers all of an order, and checks that it completes. */
async function fulfil(orderId: string): Promise<void> {
  const { body } = await tell(orderId, 'shipments');
  const shipment = `shipments/${body.shipmentId}`;
  await tell(orderId, `${shipment}/dispatch`, { carrier: 'DHL', trackingNumber: '1' });
  await tell(orderId, `${shipment}/deliver`);
  expect((await api.get(`/v1/orders/${orderId}`)).body).toMatchObject({
    status: 'completed',
    captured: 3998,
    paymentStatus: 'captured',
  });
}

describe('an order whose workflow was terminated', () => {
  test(
    'takes no command, and is resumed where it was',
    async () => {
      const orderId = await placedOrder(api);
      await workflow(orderId).terminate();
      const refused = await api.post(`/v1/orders/${orderId}/hold`, { body: { reason: 'too late' } });
      expect(refused).toMatchObject({ status: 409, body: { code: 'workflow_ended' } });
      expect(refused.body.detail).toContain(`npx orders resume ${orderId}`);
      expect(await discrepancies(orderId)).toEqual([
        expect.objectContaining({
          where: 'workflow',
          kind: 'stopped',
          code: 'workflow_ended',
          remedy: `npx orders resume ${orderId}`,
        }),
      ]);
      const strong = await api.get(`/v1/orders/${orderId}?consistency=strong`);
      expect(strong.body).toMatchObject({ status: 'confirmed', allowedCommands: [] });

      const reply = await api.post(`/v1/orders/${orderId}/resume`, { body: { reason: 'it was terminated' } });
      expect(reply).toMatchObject({ status: 200, body: { outcome: 'resumed', version: 4, messages: [] } });
      await until(async () => expect(await discrepancies(orderId)).toEqual([]));
      const last = (await readJournal(orderLog, db, orderId)).at(-1);
      expect(last).toMatchObject({ version: 5, type: 'OrderResumed', data: { reason: 'it was terminated' } });
      const log = await readHistoryLog(orderLog, api.client, orderId);
      expect(log).toMatchObject({ isComplete: true, isOpen: true, isResuming: false });
      expect(log?.events.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5]);
      await fulfil(orderId);
      await until(async () => expect(await discrepancies(orderId)).toEqual([]));
    },
    LIMIT_MS,
  );

  test(
    'recognizes the commands that it had before',
    async () => {
      const orderId = await placedOrder(api);
      const note = { body: { text: 'once' }, headers: { 'idempotency-key': 'note-1', ...whenAtRest } };
      const first = await api.post(`/v1/orders/${orderId}/notes`, note);
      await workflow(orderId).terminate();
      expect((await resumed(orderId)).outcome).toBe('resumed');
      const again = await api.post(`/v1/orders/${orderId}/notes`, note);
      expect(again).toMatchObject({ status: 200, headers: { 'idempotent-replayed': 'true' } });
      expect(again.body).toMatchObject({ version: first.body.version, events: first.body.events });
      const other = { ...note, body: { text: 'twice' } };
      expect((await api.post(`/v1/orders/${orderId}/notes`, other)).status).toBe(422);
    },
    LIMIT_MS,
  );

  test(
    'first records what its journal lacked, then decides its undecided commands',
    async () => {
      const orderId = await placedOrder(api);
      await tell(orderId, 'notes', { text: 'acknowledged, and lost' });
      await worker.stop();
      const async = { prefer: 'respond-async' };
      for (const command of ['hold', 'cancel'])
        await api.post(`/v1/orders/${orderId}/${command}`, { body: { reason: command }, headers: async });
      await api.post(`/v1/orders/${orderId}/release`, { headers: async });
      await workflow(orderId).terminate();
      await journal(orderLog, db).deleteOne({ _id: `${orderId}:5` });
      await orders(db).deleteOne({ _id: orderId });
      await updateStateView(orderLog, db, orderId);
      worker = await api.startWorker();
      const report = await resumed(orderId);
      expect(report).toMatchObject({ outcome: 'resumed', version: 5, recorded: [5] });
      expect(report.messages).toHaveLength(3);
      expect(report.refused).toEqual([expect.objectContaining({ commandId: report.messages[2] })]);
      await until(async () => {
        expect((await types(orderId)).slice(4)).toEqual(
          expect.arrayContaining(['NoteAdded', 'OrderResumed', 'OrderHeld', 'OrderCancelled']),
        );
        expect((await api.get(`/v1/orders/${orderId}`)).body).toMatchObject({
          status: 'cancelled',
          paymentStatus: 'voided',
        });
      });
      await until(async () => expect(await discrepancies(orderId)).toEqual([]));
    },
    LIMIT_MS,
  );

  test(
    'before any worker began it starts from its create command, with later commands',
    async () => {
      await worker.stop();
      const { body } = await api.post('/v1/orders', { body: orderBody() });
      const orderId = String(body.orderId);
      const note = { body: { text: 'early' }, headers: { prefer: 'respond-async' } };
      await api.post(`/v1/orders/${orderId}/notes`, note);
      const before = await shown(orderId);
      await workflow(orderId).terminate();
      expect((await api.post(`/v1/orders/${orderId}/notes`, note)).body.code).toBe('workflow_ended');
      expect((await resumed(orderId)).outcome).toBe('restarted');
      expect(await shown(orderId)).toEqual(before);
      worker = await api.startWorker();
      await until(async () => {
        const view = await api.get(`/v1/orders/${orderId}`);
        expect(view.body).toMatchObject({ status: 'confirmed', notes: [{ text: 'early' }] });
      });
      await until(async () => expect(await discrepancies(orderId)).toEqual([]));
    },
    LIMIT_MS,
  );

  test(
    'is resumed once, however many callers ask at the same time',
    async () => {
      const orderId = await placedOrder(api);
      await workflow(orderId).terminate();
      // Without a worker, the new run does not continue before all callers have inspected the
      // order.
      await worker.stop();
      const ask = () => resumed(orderId, { answerWithinMs: 0 });
      const reports = await Promise.all([ask(), ask(), ask()]);
      const outcomes = reports.map(({ outcome }) => outcome);
      expect(outcomes.toSorted()).toEqual(['already_resumed', 'already_resumed', 'resumed']);
      worker = await api.startWorker();
      await until(async () => expect(await discrepancies(orderId)).toEqual([]));
      expect((await types(orderId)).filter((type) => type === 'OrderResumed')).toHaveLength(1);
    },
    LIMIT_MS,
  );

  test(
    'and resumed, and terminated again, is resumed again',
    async () => {
      const orderId = await placedOrder(api);
      for (const time of [1, 2]) {
        await workflow(orderId).terminate();
        expect((await resumed(orderId)).outcome).toBe('resumed');
        expect((await types(orderId)).filter((type) => type === 'OrderResumed')).toHaveLength(time);
      }
      await until(async () => expect(await discrepancies(orderId)).toEqual([]));
      await fulfil(orderId);
    },
    LIMIT_MS,
  );
});

test(
  'an order whose history is lost is resumed from its journal',
  async () => {
    const orderId = await placedOrder(api);
    await workflow(orderId).terminate();
    await deleteHistory(api.client, orderId);
    expect(await resumed(orderId)).toMatchObject({ outcome: 'resumed', version: 4 });
    await until(async () => expect(await discrepancies(orderId)).toEqual([]));
    await fulfil(orderId);
    const view = await orders(db).findOne({ _id: orderId });
    await journal(orderLog, db).deleteMany({ orderId });
    await orders(db).deleteOne({ _id: orderId });
    const log = await readHistoryLog(orderLog, api.client, orderId);
    expect(log?.events.map(({ type }) => type)).toContain('OrderResumed');
    expect(log).toMatchObject({ isComplete: true });
    expect(log?.events.at(-1)?.version).toBe(view?.version);
  },
  LIMIT_MS,
);

test(
  'a log of several pages is taken over whole, in several runs if it is long',
  async () => {
    const orderId = await placedOrder(api);
    const note = { body: { text: 'x'.repeat(1_900) }, headers: { prefer: 'respond-async' } };
    for (let left = 4; left > 0; left -= 1)
      await Promise.all(Array.from({ length: 20 }, () => api.post(`/v1/orders/${orderId}/notes`, note)));
    await until(async () => expect((await readJournal(orderLog, db, orderId)).at(-1)?.version).toBe(84));
    await workflow(orderId).terminate();
    expect(await resumed(orderId, { continueAsNewAfter: 8 })).toMatchObject({
      outcome: 'resumed',
      version: 84,
    });
    await until(async () => {
      const { events } = await workflow(orderId).fetchHistory();
      expect(events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId).not.toBe('');
      const log = await readHistoryLog(orderLog, api.client, orderId);
      expect(log?.events.at(-1)).toMatchObject({ version: 85, type: 'OrderResumed' });
      expect(log).toMatchObject({ isComplete: true, isResuming: false });
    });
    await until(async () => expect(await discrepancies(orderId)).toEqual([]));
  },
  LIMIT_MS,
);

describe('a resumption changes nothing for', () => {
  test('an order that is well', async () => {
    const orderId = await placedOrder(api);
    const { runId } = await workflow(orderId).describe();
    expect(await resumed(orderId)).toMatchObject({ outcome: 'running', recorded: [], setAside: [] });
    expect((await workflow(orderId).describe()).runId).toBe(runId);
    expect(await types(orderId)).not.toContain('OrderResumed');
  });

  test('an order that is finished', async () => {
    const orderId = await placedOrder(api, { payment: { method: 'tok_declined' } });
    await until(async () => expect((await workflow(orderId).describe()).status.name).toBe('COMPLETED'));
    expect((await resumed(orderId)).outcome).toBe('ended');
    await deleteHistory(api.client, orderId);
    expect((await resumed(orderId)).outcome).toBe('ended');
  });

  test('an order that is finished, but its mark as forked, which is removed', async () => {
    const orderId = await placedOrder(api, { payment: { method: 'tok_declined' } });
    await workflow(orderId).result();
    const [journaled] = await readJournal(orderLog, db, orderId);
    if (journaled === undefined) throw new Error('There is no event.');
    await noteFork(orderLog, db, journaled, journaled);
    expect(await orders(db).findOne({ _id: orderId })).toHaveProperty('stopped');
    expect((await resumed(orderId)).outcome).toBe('ended');
    expect(await forks(orderLog, db).findOne({ _id: orderId })).toBeNull();
    expect(await orders(db).findOne({ _id: orderId })).not.toHaveProperty('stopped');
  });

  test('an unknown order', async () => {
    const orderId = randomUUID();
    expect((await resumed(orderId)).outcome).toBe('unknown');
    const reply = await api.post(`/v1/orders/${orderId}/resume`, { body: {} });
    expect(reply).toMatchObject({ status: 404, body: { code: 'order_not_found' } });
  });

  test('any order in a dry run', async () => {
    const orderId = await placedOrder(api);
    await workflow(orderId).terminate();
    expect(await resumed(orderId, { isDryRun: true })).toMatchObject({ outcome: 'resumed', version: 4 });
    expect((await workflow(orderId).describe()).status.name).toBe('TERMINATED');
    expect(await types(orderId)).not.toContain('OrderResumed');
  });

  test('an order whose history and journal were both recorded, and differ', async () => {
    const orderId = await placedOrder(api);
    await terminateWhenRecorded(api, orderId);
    await journal(orderLog, db).updateOne({ _id: `${orderId}:3` }, { $set: { 'data.amount': 1 } });
    const reply = await api.post(`/v1/orders/${orderId}/resume`, { body: {} });
    expect(reply).toMatchObject({ status: 409, body: { code: 'order_forked' } });
    expect((await workflow(orderId).describe()).status.name).toBe('TERMINATED');
    const { body } = await api.get(`/v1/orders/${orderId}`);
    expect(body.allowedCommands).toEqual([]);
    expect(body.blockedCommands.hold).toContain(`npx orders resume ${orderId}`);
  });

  test('an order whose history and journal differ, until its history is deleted', async () => {
    const orderId = await placedOrder(api);
    await terminateWhenRecorded(api, orderId);
    await journal(orderLog, db).updateOne({ _id: `${orderId}:3` }, { $set: { 'data.amount': 1 } });
    expect(await resumed(orderId)).toMatchObject({ outcome: 'contradiction' });
    await deleteHistory(api.client, orderId);
    expect(await resumed(orderId)).toMatchObject({ outcome: 'resumed' });
    await until(async () => expect(await types(orderId)).toContain('OrderResumed'));
    expect((await api.get(`/v1/orders/${orderId}`)).body.allowedCommands).toContain('hold');
  });

  test('an order whose journal lost an event that no history has', async () => {
    const orderId = await placedOrder(api);
    await workflow(orderId).terminate();
    await deleteHistory(api.client, orderId);
    await journal(orderLog, db).deleteOne({ _id: `${orderId}:3` });
    const reply = await api.post(`/v1/orders/${orderId}/resume`, { body: {} });
    expect(reply).toMatchObject({ status: 409, body: { code: 'log_incomplete' } });
    expect((await readJournal(orderLog, db, orderId)).map(({ version }) => version)).toEqual([1, 2, 4]);
  });
});

describe('an order whose workflow was restored to an earlier point', () => {
  /** Resets the workflow to the end of its first task, without the messages since. */
  async function putBack(orderId: string): Promise<void> {
    const { runId } = await workflow(orderId).describe();
    const { events } = await workflow(orderId).fetchHistory();
    const firstTask = events?.find((event) => event.workflowTaskCompletedEventAttributes);
    if (!firstTask?.eventId) throw new Error('There was no task.');
    await api.client.workflowService.resetWorkflowExecution({
      namespace: api.client.options.namespace,
      workflowExecution: { workflowId: workflowId(orderId), runId },
      reason: 'a test',
      requestId: randomUUID(),
      workflowTaskFinishEventId: firstTask.eventId,
      resetReapplyType: proto.temporal.api.enums.v1.ResetReapplyType.RESET_REAPPLY_TYPE_NONE,
    });
  }

  test(
    'is halted by later events in its journal, and resumed from there',
    async () => {
      const orderId = await placedOrder(api);
      const { body } = await tell(orderId, 'shipments');
      await tell(orderId, `shipments/${body.shipmentId}/dispatch`, { carrier: 'DHL', trackingNumber: '1' });
      const seen = await types(orderId);
      await putBack(orderId);
      await until(async () => expect(await forks(orderLog, db).findOne({ _id: orderId })).not.toBeNull());
      // The fork is stored before the view is marked, so waits for the mark.
      const view = await until(async () => {
        const found = await api.get(`/v1/orders/${orderId}`, { 'if-none-match': `"${seen.length}"` });
        expect(found).toMatchObject({ status: 200, body: { allowedCommands: [] } });
        return found;
      });
      expect(view.body.shipments[0].allowedCommands).toEqual([]);
      expect(view.body.blockedCommands.notes).toContain(`npx orders resume ${orderId}`);

      const report = await resumed(orderId);
      expect(report).toMatchObject({ outcome: 'resumed', version: seen.length });
      expect(await forks(orderLog, db).findOne({ _id: orderId })).toBeNull();
      await until(async () => expect(await discrepancies(orderId)).toEqual([]));
      await tell(orderId, `shipments/${body.shipmentId}/deliver`);
      expect(await types(orderId)).toEqual([...seen, 'OrderResumed', 'ShipmentDelivered', 'OrderCompleted']);
    },
    LIMIT_MS,
  );

  test(
    'is resumed once, and keeps no mark, if the process that resumes it stops after the start',
    async () => {
      const orderId = await placedOrder(api);
      await tell(orderId, 'notes', { text: 'lost' });
      await putBack(orderId);
      await until(async () => expect(await forks(orderLog, db).findOne({ _id: orderId })).not.toBeNull());
      const command = newCommand();
      const stopping = { client: stoppingClient(api.client) };
      await expect(resumed(orderId, stopping, command)).rejects.toThrow('The process stops.');
      expect((await resumed(orderId, {}, command)).outcome).toBe('already_resumed');
      expect(await forks(orderLog, db).findOne({ _id: orderId })).toBeNull();
      await until(async () => expect(await types(orderId)).toContain('OrderResumed'));
      await until(async () => expect(await discrepancies(orderId)).toEqual([]));
      const deps = { client: api.client, db, taskQueue: api.config.temporal.taskQueue };
      await reconcile(orderLog, deps, { runId: randomUUID() }, () => undefined);
      expect(await orders(db).findOne({ _id: orderId })).not.toHaveProperty('stopped');
      expect((await resumed(orderId)).outcome).toBe('running');
    },
    LIMIT_MS,
  );

  test(
    'decides acknowledged commands again that its workflow has lost',
    async () => {
      const orderId = await placedOrder(api);
      await worker.stop();
      await putBack(orderId);
      await api.post(`/v1/orders/${orderId}/hold`, {
        body: { reason: 'while it was put back' },
        headers: { prefer: 'respond-async' },
      });
      worker = await api.startWorker();
      await until(async () => expect(await forks(orderLog, db).findOne({ _id: orderId })).not.toBeNull());
      const report = await resumed(orderId);
      expect(report).toMatchObject({ outcome: 'resumed', version: 4, refused: [] });
      expect(report.messages).toHaveLength(1);
      await until(async () => expect((await types(orderId)).slice(4)).toEqual(['OrderResumed', 'OrderHeld']));
      await until(async () => expect(await discrepancies(orderId)).toEqual([]));
    },
    LIMIT_MS,
  );
});

test(
  'all orders are each resumed once, even one that the journal lacks',
  async () => {
    const deps = { client: api.client, db, taskQueue: api.config.temporal.taskQueue };
    const orderId = await placedOrder(api);
    await terminateWhenRecorded(api, orderId);
    await journal(orderLog, db).deleteMany({ orderId });
    await until(async () => expect(await listOf(endedUnrecorded(orderLog, deps))).toContain(orderId));
    const reports = await listOf(resumeAll(orderLog, deps, newCommand(), { isDryRun: true }));
    expect(reports.filter((one) => one.orderId === orderId)).toHaveLength(1);
    expect(await resumed(orderId)).toMatchObject({ outcome: 'resumed' });
  },
  LIMIT_MS,
);

test(
  'events after a gap that no view has folded are set aside',
  async () => {
    const orderId = await placedOrder(api);
    await workflow(orderId).terminate();
    const last = (await readJournal(orderLog, db, orderId)).at(-1);
    if (last === undefined) throw new Error('There is no event.');
    const { position: _, ...early } = { ...last, _id: `${orderId}:7`, version: 7 };
    await journal(orderLog, db).insertOne(early);
    expect(await resumed(orderId)).toMatchObject({ outcome: 'resumed', version: 4, setAside: [7] });
    expect(await eventsSetAside(orderLog, db).find({ orderId }).toArray()).toEqual([
      expect.objectContaining({ version: 7, type: last.type }),
    ]);
    await fulfil(orderId);
    await until(async () => expect(await discrepancies(orderId)).toEqual([]));
  },
  LIMIT_MS,
);

test(
  'a command that was refused long ago without an event does not take effect by a resumption',
  async () => {
    const orderId = await placedOrder(api);
    const asAsked = (amount: number) =>
      api.post(`/v1/orders/${orderId}/refunds`, {
        body: { amount, reason: 'sorry' },
        headers: { prefer: 'respond-async' },
      });
    // Nothing is captured. The second message is refused in the same way in the same state, so it
    // adds no event.
    expect((await asAsked(100)).status).toBe(202);
    expect((await asAsked(100)).status).toBe(202);
    await until(async () => expect(await types(orderId)).toContain('CommandRejected'));
    const { body } = await tell(orderId, 'shipments');
    const dispatched = { carrier: 'DHL', trackingNumber: '1' };
    await tell(orderId, `shipments/${body.shipmentId}/dispatch`, dispatched);
    await tell(orderId, 'notes', { text: 'x' });
    await workflow(orderId).terminate();
    expect(await resumed(orderId)).toMatchObject({ outcome: 'resumed', messages: [], refused: [] });
    await tell(orderId, 'notes', { text: 'y' });
    expect(await types(orderId)).not.toContain('RefundRequested');
  },
  LIMIT_MS,
);

test(
  'signals that come while a run takes the order over are decided, over any number of runs',
  async () => {
    const orderId = await placedOrder(api);
    for (let n = 0; n < 30; n += 1) await tell(orderId, 'notes', { text: `note ${n}` });
    await workflow(orderId).terminate();
    await worker.stop();
    await resumed(orderId, { answerWithinMs: 0, continueAsNewAfter: 8 });
    const headers = { prefer: 'respond-async' };
    const note = await api.post(`/v1/orders/${orderId}/notes`, { body: { text: 'while away' }, headers });
    expect(note.status).toBe(202);
    worker = await api.startWorker();
    // An update waits until the order is taken over.
    const after = { body: { text: 'after' }, headers: { ...whenAtRest, 'idempotency-key': 'after' } };
    await until(async () => expect((await api.post(`/v1/orders/${orderId}/notes`, after)).status).toBe(200));
    const { value: events } = await openAll(api.mongo.keyStore, await readJournal(orderLog, db, orderId));
    const texts = events.flatMap(({ type, data }) =>
      type === 'NoteAdded' && 'text' in data ? [data.text] : [],
    );
    expect(texts.slice(-2)).toEqual(['while away', 'after']);
  },
  LIMIT_MS,
);
