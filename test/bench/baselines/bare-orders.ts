import { randomUUID } from 'node:crypto';
import process from 'node:process';
import { Context } from '@temporalio/activity';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { MongoClient } from 'mongodb';
import { block } from '../harness/interleave.js';
import { offer } from '../harness/remote.js';
import type { BareOrders, Phase } from './bare-messages.js';

const { TEMPORAL_ADDRESS: address = '', BUNDLE: codePath = '', MONGODB_URI: mongodbUri } = process.env;
/** Activities write only if a MongoDB is given. Without one, the driver takes no memory here. */
const mongo =
  mongodbUri === undefined ? undefined : await (await import('mongodb')).MongoClient.connect(mongodbUri);
const taskQueue = mongo === undefined ? 'bare' : 'bare-durable';

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });

/**
 * For each workflow, the number of activities that have run and the number that a caller waits for.
 */
const done = new Map<string, { count: number; wanted: number; tell: () => void }>();

function watch(workflowId: string): void {
  done.set(workflowId, { count: 0, wanted: Number.POSITIVE_INFINITY, tell: () => undefined });
}

function untilDone(workflowId: string, wanted: number): Promise<void> {
  return new Promise((resolve) => {
    const seen = done.get(workflowId);
    if (seen === undefined || seen.count >= wanted) resolve();
    else Object.assign(seen, { wanted, tell: resolve });
  });
}

async function nothing(): Promise<void> {
  const workflowId = Context.current().info.workflowExecution?.workflowId ?? '';
  if (mongo !== undefined) await writeStep(mongo, workflowId);
  const seen = done.get(workflowId);
  if (seen === undefined) return;
  seen.count += 1;
  if (seen.count >= seen.wanted) seen.tell();
}

/** About the size of an event, and of a view. */
const [event, view] = ['e'.repeat(600), 'v'.repeat(2_000)];

/**
 * The least that a step of an event-sourced entity writes: an event into a journal, and then the
 * view that shows it. Both are acknowledged by a majority that has them on disk.
 */
async function writeStep(client: MongoClient, workflowId: string): Promise<void> {
  const durable = { writeConcern: { w: 'majority', journal: true } } as const;
  const db = client.db('bare');
  await db.collection('journal').insertOne({ workflowId, event }, durable);
  await db
    .collection<{ _id: string }>('views')
    .updateOne({ _id: workflowId }, { $inc: { version: 1 }, $set: { view } }, { upsert: true, ...durable });
}

const [native, connection] = await Promise.all([
  NativeConnection.connect({ address }),
  Connection.connect({ address }),
]);
const client = new Client({ connection });
const worker = await Worker.create({
  connection: native,
  taskQueue,
  workflowBundle: { codePath },
  activities: { nothing },
  shutdownGraceTime: '1s',
});
const ended = worker.run();

function activitiesIn(phases: readonly Phase[]): number {
  return phases.flat().reduce((total, atOnce) => total + atOnce, 0);
}

async function start(phases: readonly Phase[]): Promise<WorkflowHandle> {
  const workflowId = `bare-${randomUUID()}`;
  watch(workflowId);
  return await client.workflow.start('bare', { workflowId, taskQueue, args: [phases] });
}

async function first(phases: readonly Phase[], { workflowId }: WorkflowHandle): Promise<void> {
  await untilDone(workflowId, activitiesIn(phases.slice(0, 1)));
}

const bareOrders: BareOrders = {
  run: async (phases, count, atOnce) =>
    await block(count, atOnce, async () => {
      const handle = await start(phases);
      await first(phases, handle);
      for (let phase = 1; phase < phases.length; phase += 1) {
        await handle.executeUpdate<void, [number]>('begin', { args: [phase] });
      }
      await untilDone(handle.workflowId, activitiesIn(phases));
      done.delete(handle.workflowId);
    }),
  async open(phases, count, atOnce) {
    const starts: number[] = [];
    const whole = await block(count, atOnce, async () => {
      const before = performance.now();
      const handle = await start(phases);
      starts.push(performance.now() - before);
      await first(phases, handle);
      done.delete(handle.workflowId);
    });
    return { start: { ...whole, times: starts }, first: whole };
  },
};

offer(bareOrders, async () => {
  worker.shutdown();
  await ended;
  await Promise.all([native.close(), connection.close(), mongo?.close()]);
});
