import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { Webhook } from 'standardwebhooks';
import type { PaymentFact } from '../../order/commands.js';
import type { OrderEvent } from '../../order/events.js';
import type { Config } from '../../server/config.js';
import { type Api, apiOf, at } from '../connections/api.js';
import { openGateway, withMongo } from '../connections/direct.js';
import { eventsOf } from '../connections/order-events.js';
import { positive, wholeNumber } from '../script/options.js';
import {
  addScript,
  asFailure,
  type CommonOptions,
  configOf,
  exitCodes,
  Failure,
  report,
  type Session,
  usageFailure,
} from '../script/script.js';
import { counted, type Paint, progressBar, table, untitled } from '../script/terminal.js';

/** Scripts for a system that has the sandbox's providers: `stock`, `settle` and `load`. */

interface StockItem {
  readonly sku: string;
  readonly onHand: number;
  readonly reserved: number;
  readonly toBeCounted?: true;
}

/** Adds `stock` and `stock set`. */
export function addStock(program: Command, session: Session): void {
  const stock = addScript(program, 'stock', {
    summary: 'show the stock, or set what is on hand',
    details: 'An item that was never set has 1,000 on hand in the sandbox.',
    examples: ['stock', 'stock A-1', 'stock set A-1 250'],
  }).argument('[sku]', 'one item');
  stock.action(async (sku: string | undefined) => {
    const options = stock.optsWithGlobals<CommonOptions>();
    const api = apiOf(session, options);
    if (sku === undefined) {
      const items = await allStock(api);
      report(session, options, items, () => stockLines(items, session));
    } else {
      const item = await api.get<StockItem>(at`/v1/stock/${sku}`);
      report(session, options, item, () => stockLines([item], session));
    }
  });

  const set = addScript(stock, 'set', {
    summary: 'set what is on hand of an item',
    details: 'With --key, a repetition counts once.',
    examples: ['stock set A-1 250', 'stock set A-1 250 --key count-2026-11'],
  })
    .argument('<sku>', 'the item')
    .argument('<onHand>', 'how many there are, reserved ones included', wholeNumber)
    .option('--key <key>', 'the Idempotency-Key; a new one by default');
  set.action(async (sku: string, onHand: number) => {
    const options = set.optsWithGlobals<CommonOptions & { readonly key?: string }>();
    const headers = options.key === undefined ? {} : { 'idempotency-key': options.key };
    const item = await apiOf(session, options).put<StockItem>(at`/v1/stock/${sku}`, { onHand }, headers);
    report(session, options, item, () => stockLines([item], session));
  });
}

interface StockPage {
  readonly data: readonly StockItem[];
  readonly nextCursor?: string;
}

/** Every item that was ever reserved or set, from all pages. */
async function allStock(api: Api): Promise<readonly StockItem[]> {
  const items: StockItem[] = [];
  let cursor: string | undefined;
  do {
    const page: StockPage = await api.get('/v1/stock', { limit: 1_000, cursor });
    items.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return items;
}

function stockLines(items: readonly StockItem[], { terminal: { paint } }: Session): readonly string[] {
  if (items.length === 0) return ['nothing was ever reserved or set'];
  const rows = items.map(({ sku, onHand, reserved, toBeCounted }) => [
    sku,
    String(onHand),
    String(reserved),
    toBeCounted ? 'to be counted' : String(onHand - reserved),
  ]);
  return table(
    [
      { title: 'SKU' },
      { title: 'ON HAND', align: 'right' },
      { title: 'RESERVED', align: 'right' },
      { title: 'AVAILABLE', align: 'right' },
    ],
    rows,
    paint,
  );
}

interface SettleOptions extends CommonOptions {
  readonly authorized?: true;
  readonly declined?: true;
}

/** Adds `settle`: settles a payment with `tok_pending`, as the sandbox provider would. */
export function addSettle(program: Command, session: Session): void {
  const command = addScript(program, 'settle', {
    summary: 'settle a sandbox payment with tok_pending',
    details: 'Decides as the provider would, and sends its signed webhook.',
    examples: ['create --payment tok_pending --id p-1', 'settle p-1 --authorized'],
  })
    .argument('<orderId>', 'the order')
    .addOption(new Option('--authorized', 'the customer agreed').conflicts('declined'))
    .addOption(new Option('--declined', 'the customer did not'));
  command.action(async (orderId: string) => {
    const options = command.optsWithGlobals<SettleOptions>();
    const outcome = options.authorized === true ? 'authorized' : 'declined';
    if (outcome === 'declined' && options.declined !== true)
      throw usageFailure('say how it ends: --authorized or --declined');
    const config = configOf(session);
    // The script writes the ledger and the API takes the webhook: they must belong to one system.
    const { api, close } = await openGateway(session, options);
    await close();
    const reference = pendingReference(await eventsOf(api, orderId), orderId);
    const fact = await settleInLedger(config, reference, outcome);
    const { outcome: _, ...data } = fact;
    const body = JSON.stringify({ type: `payment.${outcome}`, data: { orderId, ...data } });
    // If the webhook is sent again, it has the same id, so the API recognizes the repetition.
    const headers = signature(config.secrets.paymentsWebhook[0], `settled:${reference}`, body);
    await api.postSigned('/v1/webhooks/payments', body, headers);
    report(session, options, fact, () => [
      `order ${orderId} · payment ${fact.authorizationId} ${fact.outcome}`,
    ]);
  });
}

/** The key of the pending authorization, which is the cause of its event. */
function pendingReference(events: readonly OrderEvent[], orderId: string): string {
  const pending = events.findLast((event) => event.type === 'PaymentPending');
  if (pending !== undefined) return pending.causationId;
  throw new Failure(exitCodes.refused, {
    code: 'payment_not_pending',
    message: `order ${orderId} has no payment that is pending: place one with --payment tok_pending`,
  });
}

/** The headers that sign a webhook (https://www.standardwebhooks.com). */
function signature(secret: string, id: string, body: string): Readonly<Record<string, string>> {
  const now = new Date();
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, now, body),
  };
}

/**
 * Settles a pending payment at the sandbox provider.
 *
 * @param reference the key of the authorize effect
 * @returns the webhook that the provider then sends
 * @throws Failure if the payment is not pending, or the ledger cannot be reached
 */
async function settleInLedger(
  config: Config,
  reference: string,
  outcome: PaymentFact['outcome'],
): Promise<PaymentFact> {
  const { sandboxPayments } = await import('../../effects/payments/sandbox-payments.js');
  const settling = withMongo(
    config,
    async ({ db }) => await sandboxPayments(db).settlePending(reference, outcome),
    () => ({
      code: 'mongodb_unreachable',
      message:
        "MongoDB, which has the sandbox provider's ledger, cannot be reached: start it with `npm start`, or set MONGODB_URI",
    }),
  );
  return await settling.catch((error: unknown) => {
    if (error instanceof Failure) throw error;
    throw new Failure(exitCodes.refused, { code: 'payment_not_pending', message: asFailure(error).message });
  });
}

interface LoadOptions extends CommonOptions {
  readonly rate: number;
  readonly count: number;
  readonly payment: string;
}

/** The result of a load. Times are in milliseconds, from the request to its answer. */
export interface Load {
  readonly sent: number;
  readonly accepted: number;
  /** other outcomes, by the code of their problem */
  readonly failed: Readonly<Record<string, number>>;
  readonly perSecond: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly longest: number;
}

/** Adds `load`: places orders at a rate, and shows how long the API takes to accept them. */
export function addLoad(program: Command, session: Session): void {
  const command = addScript(program, 'load', {
    summary: 'place orders at a rate, with live percentiles of the time until they are accepted',
    details:
      'Orders are sent when they are due, whether or not the ones before are answered, as customers do. An order ' +
      'that is refused because of overload is not sent again. For measurements, use `npm run bench`.',
    examples: [
      'load',
      'load --rate 100 --count 5000',
      'load --rate 20 --count 200 --payment tok_flaky --json',
    ],
  })
    .option('--rate <orders>', 'orders a second', positive, 10)
    .option('--count <orders>', 'orders in all', positive, 100)
    .option('--payment <token>', 'payment method', 'tok_ok');
  command.action(async () => {
    const options = command.optsWithGlobals<LoadOptions>();
    const bar = progressBar(process.stderr);
    const loaded = await load(apiOf(session, options), options, ({ accepted, ...times }) =>
      bar.show({ what: 'accepted', done: accepted, total: options.count, note: percentilesOf(times) }),
    ).finally(() => bar.end());
    report(session, options, loaded, () => loadLines(loaded, session.terminal.paint));
    if (loaded.accepted === 0) {
      const [code = ''] = Object.keys(loaded.failed);
      throw new Failure(exitCodes.unavailable, { code, message: 'no order was accepted' });
    }
  });
}

const TICK_MS = 5;
const SHOW_EVERY_MS = 100;

/** Sends orders when they are due, and waits for the answers. */
async function load(
  api: Api,
  { rate, count, payment }: LoadOptions,
  onProgress: (load: Load) => void,
): Promise<Load> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1_000;
  const times: number[] = [];
  const failed = new Map<string, number>();
  const answered = () => times.length + [...failed.values()].reduce((sum, one) => sum + one, 0);
  const place = async (number: number): Promise<void> => {
    const sentAt = performance.now();
    try {
      await api.post('/v1/orders', orderOf(number, payment));
      times.push(performance.now() - sentAt);
    } catch (error) {
      const { code } = asFailure(error).details;
      failed.set(code, (failed.get(code) ?? 0) + 1);
    }
  };
  let sent = 0;
  let shownAt = began;
  while (answered() < count) {
    const due = Math.min(count, Math.ceil(seconds() * rate));
    for (; sent < due; sent += 1) void place(sent);
    if (performance.now() - shownAt > SHOW_EVERY_MS) {
      shownAt = performance.now();
      onProgress(loadOf(sent, times, failed, seconds()));
    }
    await setTimeout(TICK_MS);
  }
  return loadOf(sent, times, failed, seconds());
}

/** The order with this number. Each customer gets a few of the orders. */
function orderOf(number: number, method: string) {
  const customer = number % 50;
  return {
    customer: { id: `load-${customer}`, name: `Customer ${customer}` },
    currency: 'EUR',
    lines: [{ sku: `LOAD-${number % 500}`, quantity: 1, unitPrice: 1999 }],
    payment: { method },
    tags: ['load'],
  };
}

/** @param times the answer times of the accepted orders, in milliseconds */
export function loadOf(
  sent: number,
  times: readonly number[],
  failed: ReadonlyMap<string, number>,
  seconds: number,
): Load {
  const sorted = times.toSorted((a, b) => a - b);
  const percentile = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
  return {
    sent,
    accepted: times.length,
    failed: Object.fromEntries(failed),
    perSecond: seconds > 0 ? times.length / seconds : 0,
    p50: percentile(0.5),
    p95: percentile(0.95),
    p99: percentile(0.99),
    longest: percentile(1),
  };
}

function percentilesOf({ p50, p95, p99 }: Pick<Load, 'p50' | 'p95' | 'p99'>): string {
  return `p50 ${ms(p50)}, p95 ${ms(p95)}, p99 ${ms(p99)}`;
}

function ms(time: number): string {
  return `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
}

function loadLines(loaded: Load, paint: Paint): readonly string[] {
  const { sent, accepted, failed, perSecond, longest } = loaded;
  return untitled(
    [
      ['accepted', `${accepted} of ${counted(sent, 'order', 'orders')}, ${perSecond.toFixed(1)}/s`],
      ['until then', `${percentilesOf(loaded)}, longest ${ms(longest)}`],
      ...Object.entries(failed).map(([code, count]) => [
        code,
        { text: String(count), format: 'red' as const },
      ]),
    ],
    paint,
  );
}
