import { type Command, Option } from 'commander';
import { orderSorts } from '../../api/schemas/order-sorts.js';
import { MAX_SHORT_PAGE } from '../../api/schemas/page-limits.js';
import type { AttentionRow } from '../../attention/rows.js';
import { formatMoney } from '../../order/money.js';
import { orderStatuses } from '../../order/order.js';
import { fulfillmentStatuses, type OrderView, paymentStatuses } from '../../order/view.js';
import { apiPath, type Page, type Query } from '../connections/api.js';
import { apiOf } from '../connections/api-address.js';
import { formatOfStatus, orderCard } from '../printing/order-card.js';
import { type Cell, type Column, moreLines, table } from '../printing/table.js';
import { addPageOptions, type PageOptions } from '../script/options.js';
import { amount, positive } from '../script/parsers.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';

/** Adds `get` and `list`, which read orders. */
export function addOrderQueries(program: Command, session: Session): void {
  addGet(program, session);
  addList(program, session);
}

interface GetOptions extends CommonOptions {
  readonly strong?: true;
  readonly minVersion?: number;
  readonly version?: number;
  readonly at?: string;
}

function addGet(program: Command, session: Session): void {
  const command = addScript(program, 'get', {
    summary: 'show an order, and what may be done with it',
    examples: ['get 018f…', 'get 018f… --json', 'get 018f… --strong', 'get 018f… --version 3'],
  })
    .argument('<orderId>', 'the order')
    .option('--strong', 'ask the workflow instead of the view')
    .option('--min-version <version>', 'wait, for a while, until the view has this version', positive)
    .option('--version <version>', 'as it was after this version', positive)
    .option('--at <time>', 'as it was at this time, such as 2026-01-31T12:00:00Z');
  command.action(async (orderId: string) => {
    const options = command.optsWithGlobals<GetOptions>();
    const order = await apiOf(session, options).get<
      OrderView & { readonly attention?: readonly AttentionRow[] }
    >(apiPath`/v1/orders/${orderId}`, {
      consistency: options.strong === true ? 'strong' : undefined,
      minVersion: options.minVersion,
      version: options.version,
      at: options.at,
    });
    report(session, options, order, () => orderCard(order, session.terminal.paint));
  });
}

interface ListOptions extends PageOptions {
  readonly status?: string;
  readonly payment?: string;
  readonly fulfillment?: string;
  readonly held?: true;
  readonly attention?: true;
  readonly customer?: string;
  readonly sku?: string;
  readonly tag?: string;
  readonly search?: string;
  readonly createdFrom?: string;
  readonly createdBefore?: string;
  readonly updatedFrom?: string;
  readonly updatedBefore?: string;
  readonly minTotal?: number;
  readonly maxTotal?: number;
  readonly sort?: string;
}

function addList(program: Command, session: Session): void {
  const command = addScript(program, 'list', {
    summary: 'list orders, the newest first',
    examples: [
      'list',
      'list --status confirmed --customer c-1',
      'list --sku A-1 --sort=-total --limit 10',
      'list --created-from 2026-01-01 --json',
    ],
  })
    .addOption(new Option('--status <status>', 'of this status').choices(orderStatuses))
    .addOption(new Option('--payment <status>', 'of this payment status').choices(paymentStatuses))
    .addOption(
      new Option('--fulfillment <status>', 'of this fulfillment status').choices(fulfillmentStatuses),
    )
    .option('--held', 'only those that are held')
    .option('--attention', 'only those that need an operator')
    .option('--customer <id>', "of this customer's id")
    .option('--sku <sku>', 'with a line of this SKU')
    .option('--tag <tag>', 'with this tag')
    .option('--search <words>', 'with words that start like these')
    .option('--created-from <time>', 'created at this time or later')
    .option('--created-before <time>', 'created before this time')
    .option('--updated-from <time>', 'changed at this time or later')
    .option('--updated-before <time>', 'last changed before this time')
    .option('--min-total <amount>', 'of this total or more, in minor units', amount)
    .option('--max-total <amount>', 'of this total or less, in minor units', amount)
    .addOption(
      new Option(
        '--sort <field>',
        'by this field; with - in front: descending (default: -createdAt)',
      ).choices(orderSorts),
    );
  addPageOptions(command, MAX_SHORT_PAGE);
  command.action(async () => {
    const options = command.optsWithGlobals<ListOptions>();
    const page = await apiOf(session, options).get<Page<OrderView>>('/v1/orders', queryOf(options));
    report(session, options, page, () => orderList(page, session));
  });
}

/** The filters of `GET /v1/orders`. */
function queryOf(options: ListOptions): Query {
  return {
    status: options.status,
    paymentStatus: options.payment,
    fulfillmentStatus: options.fulfillment,
    held: options.held && 'true',
    attention: options.attention && 'true',
    customerId: options.customer,
    sku: options.sku,
    tag: options.tag,
    q: options.search,
    'createdAt[gte]': options.createdFrom,
    'createdAt[lt]': options.createdBefore,
    'updatedAt[gte]': options.updatedFrom,
    'updatedAt[lt]': options.updatedBefore,
    'total[gte]': options.minTotal,
    'total[lte]': options.maxTotal,
    sort: options.sort,
    limit: options.limit,
    cursor: options.cursor,
  };
}

const orderColumns: readonly Column[] = [
  { title: 'ORDER' },
  { title: 'STATUS' },
  { title: 'CUSTOMER' },
  { title: 'TOTAL', align: 'right' },
  { title: 'PAYMENT' },
  { title: 'FULFILLMENT' },
  { title: 'CREATED' },
];

function orderList(
  { data, nextCursor }: Page<OrderView>,
  { terminal: { paint } }: Session,
): readonly string[] {
  if (data.length === 0) return ['no orders'];
  const rows = data.map((order): Cell[] => [
    order.orderId,
    { text: order.held ? `${order.status}, held` : order.status, format: formatOfStatus(order.status) },
    `${order.customer.name} (${order.customer.id})`,
    formatMoney(order.total, order.currency),
    order.paymentStatus,
    order.fulfillmentStatus,
    order.createdAt,
  ]);
  const more = moreLines(nextCursor);
  return [...table(orderColumns, rows, paint), ...(more.length === 0 ? [] : ['', ...more])];
}
