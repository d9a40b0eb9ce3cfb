import { once } from 'node:events';
import process from 'node:process';
import type { Command } from 'commander';
import { stage } from '../../../workers/start/progress.mjs';
import type { LedgerEntry } from '../../effects/payments/sandbox-ledger.js';
import { inShort, linesInShort } from '../../event-words.js';
import type { Databases } from '../../log/history/databases.js';
import type { VerifyReport } from '../../log/proof/verify.js';
import { workflowId } from '../../order-log.js';
import type { OrderEvent } from '../../order/events.js';
import { formatMoney } from '../../order/money.js';
import { sum } from '../../order/order.js';
import { type Api, apiOf } from '../connections/api.js';
import { withDatabases } from '../connections/databases.js';
import { eventsOf } from '../connections/order-events.js';
import { verifyLines } from '../operations/proof.js';
import {
  addScript,
  cleanedUp,
  type CommonOptions,
  configOf,
  exitCodes,
  Failure,
  report,
  type Session,
} from '../script/script.js';
import { counted, type Paint, untitled, visible } from '../script/terminal.js';
import type { Stack, StackFolder } from './stack.js';
import { type End, type Narrator, stories, teller } from './stories.js';

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
  const { killWorker, stopMongodb } = await import('./faults.js');
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

/** Links to the orders in the page and in Temporal's Web UI. */
function links(api: string, orders: readonly End[]): readonly string[] {
  return ['See them:', ...orders.map(({ orderId, title }) => `  ${api}/orders/${orderId}  ${title}`)];
}

function narrator({ terminal }: Session, { json }: CommonOptions): Narrator {
  const { print, paint } = terminal;
  if (json === true)
    return {
      title: () => {},
      say: () => {},
      command: () => {},
      happened: () => {},
      during: async (_title, work) => await work(() => {}),
    };
  return {
    title(text, says) {
      print(`\n${paint('bold', text)}`);
      print(paint('dim', says));
    },
    say: (text) => print(text),
    command: (text) => print(paint('cyan', `> ${text}`)),
    happened({ event, order }) {
      const version = String(event.version).padStart(4);
      const type = paint('bold', event.type.padEnd(19));
      print(`${version}  ${type}  ${visible(plainly(event, order.currency))}`);
    },
    during: stage,
  };
}

/** Describes an event in words for readers who do not know order processing. */
function plainly(event: OrderEvent, currency: string): string {
  const money = (amount: number) => formatMoney(amount, currency);
  switch (event.type) {
    case 'OrderCreated':
      return `${event.data.customer.name} orders ${linesInShort(event.data.lines)} for ${money(event.data.total)}`;
    case 'StockReserved':
      return `the warehouse sets aside ${linesInShort(event.data.lines)}`;
    case 'StockRefused':
      return `the warehouse cannot: ${inShort(event, currency)}`;
    case 'StockReleased':
      return `back on the shelf: ${linesInShort(event.data.lines)}`;
    case 'StockDeducted':
      return `${event.data.shipmentId} is taken out of the stock`;
    case 'StockRestocked':
      return `the goods of return ${event.data.returnId} are back on the shelf`;
    case 'PaymentAuthorized':
      return `the bank promises ${money(event.data.amount)}`;
    case 'PaymentDeclined':
      return `the bank says no: ${event.data.code}`;
    case 'PaymentCaptured':
      return `${money(event.data.amount)} is charged, for ${event.data.shipmentId}`;
    case 'PaymentRefunded':
      return `${money(event.data.amount)} is paid back`;
    case 'AuthorizationVoided':
      return `the bank releases ${money(event.data.amount)}`;
    case 'OrderConfirmed':
      return 'the goods are reserved and the payment is authorized';
    case 'OrderRejected':
      return 'the order ends here';
    case 'OrderCancelled':
      return event.data.reason;
    case 'OrderCompleted':
      return 'everything is delivered and paid';
    case 'ShipmentDispatched':
      return `${event.data.shipmentId} leaves with ${event.data.carrier}`;
    case 'ShipmentDelivered':
      return `${event.data.shipmentId} arrives`;
    case 'ReturnReceived':
      return `${event.data.returnId} arrives`;
    default:
      return inShort(event, currency);
  }
}

async function readScorecard(session: Session, stack: Stack, orders: readonly End[]) {
  const { verifyOrders } = await import('../../effects/proof/verify-orders.js');
  const config = configOf(session);
  return await withDatabases(config, async (databases) => {
    const ids = orders.map(({ orderId }) => orderId);
    const counts = scoreOf(await readLedgers(apiOf(session, {}), databases, ids));
    const verified = await verifyOrders(databases, {});
    const crashes = { workersKilled: stack.worker.killed(), mongodbAwayMs: stack.mongodb.pausedMs() };
    return {
      score: counts,
      crashes,
      verified,
      lines: scoreLines(counts, crashes, verified, session.terminal.paint),
    };
  });
}

/** What each system has of the demo's orders. */
export interface Ledgers {
  /** histories in Temporal, of each order that was accepted */
  readonly histories: ReadonlyMap<string, readonly OrderEvent[]>;
  /** journals in MongoDB, of the same orders */
  readonly journals: ReadonlyMap<string, readonly OrderEvent[]>;
  /** the payment provider's ledger */
  readonly payments: readonly LedgerEntry[];
}

interface Score {
  readonly orders: { readonly accepted: number; readonly inJournal: number };
  readonly events: { readonly inHistories: number; readonly inJournal: number; readonly lost: number };
  readonly charges: {
    readonly captures: number;
    /** minor units */
    readonly amount: number;
    /** repeated captures of one shipment, and further valid authorizations of one order */
    readonly double: number;
    /** number of keys that the provider was called with, and number of calls */
    readonly keys: number;
    readonly calls: number;
  };
}

/** Reads histories and journals through the API, and the provider's ledger from its database. */
async function readLedgers(api: Api, { db }: Databases, orderIds: readonly string[]): Promise<Ledgers> {
  const { sandboxLedger } = await import('../../effects/payments/sandbox-ledger.js');
  const logs = async (source: string) => {
    const events = new Map<string, readonly OrderEvent[]>();
    for (const orderId of orderIds) events.set(orderId, await eventsOf(api, orderId, { source }));
    return events;
  };
  const payments = await sandboxLedger(db)
    .find({ orderId: { $in: [...orderIds] } })
    .toArray();
  return { histories: await logs('history'), journals: await logs('journal'), payments };
}

/** Counts events and charges in the ledgers. */
export function scoreOf({ histories, journals, payments }: Ledgers): Score {
  const captures = payments.filter(({ capture }) => capture !== undefined);
  const standing = payments.filter(({ authorization }) => authorization?.status === 'authorized');
  return {
    orders: {
      accepted: histories.size,
      inJournal: [...journals.values()].filter((events) => events.length > 0).length,
    },
    events: {
      inHistories: sum([...histories.values()], ({ length }) => length),
      inJournal: sum([...journals.values()], ({ length }) => length),
      lost: sum([...histories], ([orderId, events]) => missing(events, journals.get(orderId) ?? [])),
    },
    charges: {
      captures: captures.length,
      amount: sum(captures, ({ amount = 0 }) => amount),
      double: repeated(captures.map(shipmentOf)) + repeated(standing.map(({ orderId }) => orderId)),
      keys: payments.length,
      calls: sum(payments, ({ calls }) => calls),
    },
  };
}

/**
 * How many events of a history the journal lacks. If neither has an event, the order's first event
 * is lost, so the result is 1.
 */
function missing(history: readonly OrderEvent[], journal: readonly OrderEvent[]): number {
  const versions = new Set(journal.map(({ version }) => version));
  if (history.length === 0 && versions.size === 0) return 1;
  return history.filter(({ version }) => !versions.has(version)).length;
}

function shipmentOf({ orderId, request }: LedgerEntry): string {
  return `${orderId} ${request.type === 'capture' ? request.shipmentId : ''}`;
}

function repeated(names: readonly string[]): number {
  return names.length - new Set(names).size;
}

/** The faults that the demo caused. */
interface Crashes {
  readonly workersKilled: number;
  readonly mongodbAwayMs: number;
}

const plain: Paint = (_, text) => text;

/** The scorecard as readable text. */
function scoreLines(
  { orders, events, charges }: Score,
  { workersKilled, mongodbAwayMs }: Crashes,
  verified: VerifyReport<string>,
  paint: Paint,
): readonly string[] {
  const nothing = (count: number) =>
    ({ text: String(count), format: count === 0 ? 'green' : 'red' }) as const;
  const money = formatMoney(charges.amount, 'EUR');
  const asked = `the bank was asked ${charges.calls} times under ${charges.keys} keys`;
  return [
    paint('bold', 'Scorecard, counted in the ledgers'),
    ...untitled(
      [
        ['orders', `${orders.accepted} accepted, ${orders.inJournal} in the journal`],
        [
          'crashes',
          `${counted(workersKilled, 'worker', 'workers')} killed, MongoDB away for ${(mongodbAwayMs / 1_000).toFixed(1)} s`,
        ],
        ['charges', `${charges.captures}, of ${money}; ${asked}`],
        ['double charges', nothing(charges.double)],
        ['events', `${events.inHistories} in Temporal's histories, ${events.inJournal} in the journal`],
        ['lost events', nothing(events.lost)],
        [
          'verified',
          { text: verifyLines(verified, plain)[0] ?? '', format: verified.found === 0 ? 'green' : 'red' },
        ],
      ],
      paint,
    ).map((line) => `  ${line}`),
  ];
}
