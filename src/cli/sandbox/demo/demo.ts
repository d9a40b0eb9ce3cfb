import { once } from 'node:events';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import { workflowId } from '../../../order-log.js';
import type { Order } from '../../../order/order.js';
import { type Api, apiOf, at } from '../../connections/api.js';
import { withStores } from '../../connections/stores.js';
import {
  addScript,
  cleanedUp,
  type CommonOptions,
  configOf,
  exitCodes,
  Failure,
  report,
  type Session,
} from '../../script/script.js';
import type { Stack, StackFolder } from './stack.js';
import {
  authorizing,
  type End,
  type Narrator,
  narrator,
  orderOf,
  settled,
  stories,
  teller,
  type Teller,
} from './stories.js';

interface DemoOptions extends CommonOptions {
  readonly keep?: true;
}

/** Adds `demo`: shows what an order processor does, and what happens when servers fail. */
export function addDemo(program: Command, session: Session): void {
  const command = addScript(program, 'demo', {
    summary: 'show orders, crashes and an outage in a minute, on a temporary system',
    details:
      'It starts Temporal, MongoDB, an API and a worker of its own, on free ports, with their data in a ' +
      'folder for temporary files, and removes all of it at the end. It places orders, kills the worker, ' +
      'stops MongoDB, and then checks in the ledgers that nothing was lost or charged twice. With --url it ' +
      'only places the orders, on the system at that address.',
    examples: ['demo', 'demo --keep', 'demo --url http://127.0.0.1:8080'],
  }).option('--keep', 'leave the system running at the end, until Ctrl-C, and keep its folder');
  command.action(async () => {
    const options = command.optsWithGlobals<DemoOptions>();
    const narrate = narrator(session, options);
    if (options.url !== undefined) {
      const orders = await tell(session, options, narrate);
      report(session, options, { orders }, () => ['', ...links(options.url ?? '', orders)]);
      return;
    }
    // Imported on use: only here are servers started.
    const { newStack } = await import('./stack.js');
    const stack = await newStack();
    const { keep = false } = options;
    await cleanedUp(
      () => wholeStory(session, options, narrate, stack),
      () => narrate.during('Stopping everything', () => stack.end({ keep })),
    );
  });
}

/** Plays each story with a new order. */
async function tell(session: Session, options: CommonOptions, narrate: Narrator): Promise<readonly End[]> {
  const { play } = teller(apiOf(session, options), narrate);
  const ends: End[] = [];
  for (const story of stories) ends.push(await play(story));
  return ends;
}

async function wholeStory(
  session: Session,
  options: DemoOptions,
  narrate: Narrator,
  { folder, start }: StackFolder,
): Promise<void> {
  const { print } = session.terminal;
  const stack = await narrate.during('Starting a system of its own', start);
  const ours = { ...session, env: stack.env };
  const api = apiOf(ours, {});
  const told = await tell(ours, {}, narrate);
  const killed = await killWorker(stack, teller(api, narrate), narrate);
  const away = await stopMongodb(stack, api, teller(api, narrate), narrate);
  const orders = [...told, killed, ...away];

  const { lines, ...scorecard } = await narrate.during('Reading the ledgers', () =>
    readScorecard(ours, stack, orders),
  );
  report(session, options, { api: stack.api, temporalUi: stack.temporalUi, orders, scorecard }, () => [
    '',
    ...lines,
    '',
    ...links(stack.api, [...told, killed]),
    'And what Temporal knows of the last one, step by step:',
    `  ${stack.temporalUi}/${workflowId(killed.orderId)}`,
    '',
  ]);
  const { score, verified } = scorecard;
  if (score.charges.double > 0 || score.events.lost > 0 || verified.found > 0) {
    const message = 'the ledgers say that something was lost or charged twice: this is a defect';
    throw new Failure(exitCodes.unexpected, { code: 'demo_failed', message });
  }
  if (options.keep === true) {
    print(`The system runs until Ctrl-C. Its data stays: DATA_DIR=${folder} npm start`);
    await new Promise(() => {});
  } else if (options.json !== true && process.stdout.isTTY && process.stdin.isTTY) {
    print('Look around. Enter ends it, and removes all of it.');
    await once(process.stdin, 'data');
    process.stdin.pause();
  }
}

async function readScorecard(session: Session, stack: Stack, orders: readonly End[]) {
  // Imported on use, because Temporal's SDK loads slowly and most scripts do without it.
  const [{ verifyOrders }, { readLedgers, score, scoreLines }] = await Promise.all([
    import('../../../effects/proof/verify-orders.js'),
    import('./scorecard.js'),
  ]);
  const config = configOf(session);
  return await withStores(config, async (stores) => {
    const ids = orders.map(({ orderId }) => orderId);
    const counts = score(await readLedgers(apiOf(session, {}), stores, ids));
    const verified = await verifyOrders({ ...stores, taskQueue: config.temporal.taskQueue }, {});
    const crashes = { workersKilled: stack.worker.killed(), mongodbAwayMs: stack.mongodb.pausedMs() };
    return {
      score: counts,
      crashes,
      verified,
      lines: scoreLines(counts, crashes, verified, session.terminal.paint),
    };
  });
}

/** Links to the orders in the page and in Temporal's Web UI. */
function links(api: string, orders: readonly End[]): readonly string[] {
  return ['See them:', ...orders.map(({ orderId, title }) => `  ${api}/orders/${orderId}  ${title}`)];
}

// The faults that the demo causes.

const MONGODB_AWAY_MS = 10_000;
const ORDER_EVERY_MS = 1_000;
const CONFIRMED_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 200;

/**
 * Kills the worker during a call to the provider, and starts another one, which finishes the order.
 */
async function killWorker({ worker }: Stack, { create, reach }: Teller, narrate: Narrator): Promise<End> {
  const title = 'A worker is killed in the middle of an order';
  narrate.title(title, 'The worker asks the bank, and is killed before the answer.');
  narrate.command('create --payment tok_slow');
  const orderId = await create(orderOf('tok_slow'));
  const asked = await reach(orderId, undefined, authorizing);
  narrate.command(`kill -9 ${worker.pid()}`);
  await worker.kill();
  narrate.say(`  The worker is gone. The order is safe in its log, at version ${asked.version}.`);
  await narrate.during('Starting another worker', () => worker.start());
  narrate.say('  Temporal gives the dead one up 10 seconds after it took the task, and asks the other:');
  const { version, status } = await reach(orderId, asked, settled('confirmed'));
  return { orderId, title, version, status };
}

/**
 * Stops MongoDB, places orders meanwhile, and resumes MongoDB, after which all of them are
 * confirmed.
 */
async function stopMongodb(
  { mongodb }: Stack,
  api: Api,
  { create }: Teller,
  narrate: Narrator,
): Promise<readonly End[]> {
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
        placed.push(await create(orderOf('tok_ok')));
        const took = performance.now() - began;
        note(`order ${placed.length} accepted in ${Math.round(took)} ms`);
        await setTimeout(Math.max(0, Math.min(ORDER_EVERY_MS - took, end - performance.now())));
      }
    });
  } finally {
    mongodb.resume();
  }
  const ends: End[] = [];
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
    seen = await answered(api.get<Seen>(at`/v1/orders/${orderId}`));
    if (seen?.status === 'confirmed') return seen;
    await setTimeout(LOOK_EVERY_MS);
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
