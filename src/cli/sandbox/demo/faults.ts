import { pause } from '../../../concurrency/pause.js';
import type { Order } from '../../../order/order.js';
import { type Api, apiPath } from '../../connections/api.js';
import { exitCodes, Failure } from '../../script/failure.js';
import type { Narrator } from './narrator.js';
import type { Stack } from './stack.js';
import { atRestAs, authorizing, orderBody, type Player, type StoryResult } from './stories.js';

/* The faults that the demo causes in its own system. */

const MONGODB_AWAY_MS = 10_000;
const ORDER_EVERY_MS = 1_000;
const CONFIRMED_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 200;

/**
 * Kills the worker during a call to the provider, and starts another one, which finishes the order.
 */
export async function killWorker(
  { worker }: Stack,
  { create, reach }: Player,
  narrate: Narrator,
): Promise<StoryResult> {
  const title = 'A worker is killed in the middle of an order';
  narrate.title(title, 'The worker asks the bank, and is killed before the answer.');
  narrate.command('create --payment tok_slow');
  const orderId = await create(orderBody('tok_slow'));
  const asked = await reach(orderId, undefined, authorizing);
  narrate.command(`kill -9 ${worker.pid()}`);
  await worker.kill();
  narrate.say(`  The worker is gone. The order is safe in its log, at version ${asked.version}.`);
  await narrate.during('Starting another worker', () => worker.start());
  narrate.say('  Temporal gives the dead one up 10 seconds after it took the task, and asks the other:');
  const { version, status } = await reach(orderId, asked, atRestAs('confirmed'));
  return { orderId, title, version, status };
}

/**
 * Stops MongoDB, places orders meanwhile, and resumes MongoDB. Resolves when all of these orders
 * are confirmed.
 */
export async function stopMongodb(
  { mongodb }: Stack,
  api: Api,
  { create }: Player,
  narrate: Narrator,
): Promise<readonly StoryResult[]> {
  const title = 'MongoDB stops for ten seconds';
  narrate.title(
    title,
    'Views and journal are unavailable. Orders are still accepted, because the log is in Temporal.',
  );
  const placed: string[] = [];
  mongodb.pause();
  try {
    await narrate.during('MongoDB is stopped, and orders arrive', async (note) => {
      const end = performance.now() + MONGODB_AWAY_MS;
      while (performance.now() < end) {
        const began = performance.now();
        placed.push(await create(orderBody('tok_ok')));
        const took = performance.now() - began;
        note(`order ${placed.length} accepted in ${Math.round(took)} ms`);
        await pause(Math.max(0, Math.min(ORDER_EVERY_MS - took, end - performance.now())));
      }
    });
  } finally {
    mongodb.resume();
  }
  const ends: StoryResult[] = [];
  await narrate.during('MongoDB is back, and the orders continue by themselves', async () => {
    for (const orderId of placed) {
      const { version, status } = await confirmed(api, orderId);
      ends.push({ orderId, title, version, status });
    }
  });
  narrate.say(`  ${ends.length} of ${placed.length} orders are confirmed.`);
  return ends;
}

type Seen = Pick<Order, 'version' | 'status'>;

/** Waits until the order is confirmed in its view, which may be unavailable meanwhile. */
async function confirmed(api: Api, orderId: string): Promise<Seen> {
  const end = performance.now() + CONFIRMED_WITHIN_MS;
  let seen: Seen | undefined;
  while (performance.now() < end) {
    seen = await answered(api.get<Seen>(apiPath`/v1/orders/${orderId}`));
    if (seen?.status === 'confirmed') return seen;
    await pause(LOOK_EVERY_MS);
  }
  const message = `order ${orderId} is ${seen?.status ?? 'not readable'} a minute after MongoDB is back`;
  throw new Failure(exitCodes.unexpected, { code: 'demo_failed', message });
}

/** The answer; undefined if the API cannot give one now. */
async function answered<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Failure && error.exitCode === exitCodes.unavailable) return undefined;
    throw error;
  }
}
