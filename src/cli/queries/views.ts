import type { Command } from 'commander';
import { MAX_PAGE, MAX_SHORT_PAGE } from '../../api/schemas/page-limits.js';
import type { AsOf } from '../../log/views/read-view.js';
import { formatMoney } from '../../order/money.js';
import type { AwaitingShipment } from '../../views/awaiting-dispatch.js';
import type { CustomerSummary } from '../../views/customers.js';
import type { DailyStats } from '../../views/daily-stats.js';
import type { ProductDemand } from '../../views/product-demand.js';
import { apiPath, type Page } from '../connections/api.js';
import { apiOf } from '../connections/api-address.js';
import { type Column, moreLines, table, untitled } from '../printing/table.js';
import { usageFailure } from '../script/failure.js';
import { addPageOptions, type PageOptions } from '../script/options.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';

/** Adds the scripts that read the feed views. */
export function addViewQueries(program: Command, session: Session): void {
  addCustomer(program, session);
  addStats(program, session);
  addDemand(program, session);
  addAwaitingDispatch(program, session);
}

interface Dated {
  readonly asOf: AsOf;
}

function addCustomer(program: Command, session: Session): void {
  const command = addScript(program, 'customer', {
    summary: "show a customer's totals over all orders",
    examples: ['customer c-1'],
  }).argument('<customerId>', 'the customer');
  command.action(async (customerId: string) => {
    const options = command.optsWithGlobals<CommonOptions>();
    const customer = await apiOf(session, options).get<CustomerSummary & Dated>(
      apiPath`/v1/customers/${customerId}`,
    );
    report(session, options, customer, () => customerLines(customer, session));
  });
}

function customerLines(
  customer: CustomerSummary & Dated,
  { terminal: { paint } }: Session,
): readonly string[] {
  const { customerId, name, orders, openOrders, lifetimeValue, firstOrderAt, lastOrder, asOf } = customer;
  const value = Object.entries(lifetimeValue).map(([currency, amount]) => formatMoney(amount, currency));
  return [
    ...untitled(
      [
        ['customer', `${name} (${customerId})`],
        ['orders', `${orders}, ${openOrders} of them open`],
        ['paid', value.length === 0 ? 'nothing' : value.join(', ')],
        ['first order', firstOrderAt],
        ['last order', `${lastOrder.createdAt} (${lastOrder.orderId})`],
      ],
      paint,
    ),
    paint('dim', asOfText(asOf)),
  ];
}

interface StatsOptions extends CommonOptions {
  readonly from?: string;
  readonly to?: string;
  readonly currency?: string;
}

const dayColumns: readonly Column[] = [
  { title: 'DAY' },
  { title: 'CREATED', align: 'right' },
  { title: 'CONFIRMED', align: 'right' },
  { title: 'REJECTED', align: 'right' },
  { title: 'EXPIRED', align: 'right' },
  { title: 'CANCELLED', align: 'right' },
  { title: 'RATE', align: 'right' },
  { title: 'REVENUE', align: 'right' },
  { title: 'REFUNDS', align: 'right' },
  { title: 'TO CONFIRM', align: 'right' },
];

function addStats(program: Command, session: Session): void {
  const command = addScript(program, 'stats', {
    summary: 'show what happened day by day (UTC)',
    examples: ['stats', 'stats --from 2026-01-01 --to 2026-01-31 --currency EUR'],
  })
    .option('--from <date>', 'first day (default: 30 days up to the last)')
    .option('--to <date>', 'last day (default: today)')
    .option('--currency <code>', 'only this currency');
  command.action(async () => {
    const options = command.optsWithGlobals<StatsOptions>();
    const { from, to, currency } = options;
    const stats = await apiOf(session, options).get<{ readonly data: readonly DailyStats[] } & Dated>(
      '/v1/stats',
      { from, to, currency },
    );
    report(session, options, stats, () => [
      ...(stats.data.length === 0
        ? ['nothing happened']
        : table(dayColumns, stats.data.map(dayRow), session.terminal.paint)),
      session.terminal.paint('dim', asOfText(stats.asOf)),
    ]);
  });
}

function dayRow({ day, currency, ...stats }: DailyStats): readonly string[] {
  const { cancellationRate: rate, timeToConfirm: time } = stats;
  return [
    day,
    ...[stats.created, stats.confirmed, stats.rejected, stats.expired, stats.cancelled].map(String),
    rate === null ? '' : `${(rate * 100).toFixed(1)} %`,
    formatMoney(stats.revenue, currency),
    formatMoney(stats.refunds, currency),
    time === null ? '' : `${(time.average / 1_000).toFixed(1)} s`,
  ];
}

type DemandPage = Page<ProductDemand> & Dated;

const productColumns: readonly Column[] = [
  { title: 'SKU' },
  { title: 'ORDERS', align: 'right' },
  { title: 'ORDERED', align: 'right' },
  { title: 'CANCELLED', align: 'right' },
  { title: 'SHIPPED', align: 'right' },
  { title: 'RETURNED', align: 'right' },
];

function addDemand(program: Command, session: Session): void {
  const command = addScript(program, 'demand', {
    summary: 'show the units of each product: ordered, shipped, cancelled and returned',
    examples: ['demand', 'demand A-1'],
  }).argument('[sku]', 'one product');
  addPageOptions(command, MAX_PAGE);
  command.action(async (sku: string | undefined) => {
    const options = command.optsWithGlobals<PageOptions>();
    const { limit, cursor } = options;
    const api = apiOf(session, options);
    if (sku !== undefined) {
      if (limit !== undefined || cursor !== undefined)
        throw usageFailure('--limit and --cursor are for the list of all products');
      const product = await api.get<ProductDemand & Dated>(apiPath`/v1/products/${sku}`);
      report(session, options, product, () => demandLines({ data: [product], asOf: product.asOf }, session));
      return;
    }
    const found = await api.get<DemandPage>('/v1/products', { limit, cursor });
    report(session, options, found, () => demandLines(found, session));
  });
}

function demandLines(
  { data, nextCursor, asOf }: DemandPage,
  { terminal: { paint } }: Session,
): readonly string[] {
  const rows = data.map(({ sku, orders, ordered, cancelled, shipped, returned }) => [
    sku,
    ...[orders, ordered, cancelled, shipped, returned].map(String),
  ]);
  return [
    ...(rows.length === 0 ? ['nothing was ever ordered'] : table(productColumns, rows, paint)),
    paint('dim', asOfText(asOf)),
    ...moreLines(nextCursor),
  ];
}

interface AwaitingOptions extends PageOptions {
  readonly held?: true;
  readonly sku?: string;
}

const awaitingColumns: readonly Column[] = [
  { title: 'SINCE' },
  { title: 'ORDER' },
  { title: 'SHIPMENT' },
  { title: 'CUSTOMER' },
  { title: 'LINES' },
  { title: 'HELD' },
];

function addAwaitingDispatch(program: Command, session: Session): void {
  const command = addScript(program, 'awaiting-dispatch', {
    summary: 'list shipments that wait for dispatch, the oldest first',
    examples: ['awaiting-dispatch', 'awaiting-dispatch --held', 'awaiting-dispatch --sku A-1'],
  })
    .option('--held', 'only of orders on hold')
    .option('--sku <sku>', 'only with this product');
  addPageOptions(command, MAX_SHORT_PAGE);
  command.action(async () => {
    const options = command.optsWithGlobals<AwaitingOptions>();
    const { held, sku, limit, cursor } = options;
    const found = await apiOf(session, options).get<Page<AwaitingShipment> & Dated>(
      '/v1/views/awaiting-dispatch',
      {
        held: held && 'true',
        sku,
        limit,
        cursor,
      },
    );
    const { paint } = session.terminal;
    report(session, options, found, () => [
      ...(found.data.length === 0
        ? ['nothing waits for dispatch']
        : table(awaitingColumns, found.data.map(awaitingRow), paint)),
      paint('dim', asOfText(found.asOf)),
      ...moreLines(found.nextCursor),
    ]);
  });
}

function awaitingRow({ since, orderId, shipmentId, customer, lines, holdReason = '' }: AwaitingShipment) {
  const what = lines.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ');
  return [since, orderId, shipmentId, `${customer.name} (${customer.id})`, what, holdReason];
}

function asOfText({ position, at: time }: AsOf): string {
  return `as of position ${position}${time === undefined ? '' : `, ${time}`}`;
}
