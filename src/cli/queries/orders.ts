import type { Command } from 'commander';
import type { AttentionRow } from '../../attention/rows.js';
import type { Diff, DiffStep } from '../../log/journal/diff.js';
import type { StateDifference } from '../../log/journal/differences.js';
import type { OrderEvent } from '../../order/events.js';
import { formatMoney } from '../../order/money.js';
import type { OrderView } from '../../order/view.js';
import { type Api, apiOf, at, type Page, type Query } from '../connections/api.js';
import { currencies, eventsOf, follow, followFeed, isOver } from '../connections/order-events.js';
import { addPageOptions, amount, type PageOptions, positive } from '../script/options.js';
import {
  eventColumns,
  eventRow,
  formatOfStatus,
  liveColumns,
  orderCard,
  whoDid,
} from '../script/order-text.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';
import {
  type Cell,
  type Column,
  moreLines,
  type Paint,
  table,
  untitled,
  visible,
} from '../script/terminal.js';

/** Adds the scripts that read orders and their event logs. */
export function addOrderQueries(program: Command, session: Session): void {
  addGet(program, session);
  addList(program, session);
  addEvents(program, session);
  addWatch(program, session);
  addDiff(program, session);
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
    >(at`/v1/orders/${orderId}`, {
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
    .option('--status <status>', 'pending, confirmed, completed, rejected, cancelled or expired')
    .option('--payment <status>', 'of this payment status, such as authorized or partially_captured')
    .option('--fulfillment <status>', 'of this fulfillment status, such as none or shipped')
    .option('--held', 'only those that are held')
    .option('--attention', 'only those that need a person')
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
    .option(
      '--sort <field>',
      'createdAt, updatedAt or total; with - in front: descending (default: -createdAt)',
    );
  addPageOptions(command, 200);
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

interface EventsOptions extends CommonOptions {
  readonly source: string;
}

function addEvents(program: Command, session: Session): void {
  const command = addScript(program, 'events', {
    summary: "show an order's event log: what happened, when, and who did it",
    examples: ['events 018f…', 'events 018f… --source history', 'events 018f… --json'],
  })
    .argument('<orderId>', 'the order')
    .option('--source <store>', 'journal (MongoDB) or history (Temporal)', 'journal');
  command.action(async (orderId: string) => {
    const options = command.optsWithGlobals<EventsOptions>();
    const events = await eventsOf(apiOf(session, options), orderId, { source: options.source });
    report(session, options, events, () =>
      table(
        eventColumns,
        events.map((event) => eventRow(event, currencyOf(events))),
        session.terminal.paint,
      ),
    );
  });
}

function currencyOf([first]: readonly OrderEvent[]): string {
  return first?.type === 'OrderCreated' ? first.data.currency : '';
}

interface WatchOptions extends CommonOptions {
  readonly follow?: true;
}

function addWatch(program: Command, session: Session): void {
  const command = addScript(program, 'watch', {
    summary: "follow an order's events live, or those of all orders",
    details:
      'It ends when the order is completed, rejected, cancelled or expired and nothing is under way. Without an ' +
      'order, it shows the new events of all orders, until it is interrupted.',
    examples: ['watch', 'watch 018f…', 'watch 018f… --follow --json | jq .type'],
  })
    .argument('[orderId]', 'the order; all of them by default')
    .option('--follow', 'continue until interrupted');
  command.action(async (orderId: string | undefined) => {
    const options = command.optsWithGlobals<WatchOptions>();
    const api = apiOf(session, options);
    if (orderId === undefined) await watchAll(session, api, options);
    else await watch(session, api, orderId, options);
  });
}

async function watch(session: Session, api: Api, orderId: string, options: WatchOptions): Promise<void> {
  const { print, complain } = session.terminal;
  const lines = liveLines(session);
  const onTrouble = ({ message }: Error) => complain(`${message}; waiting for it`);
  for await (const { event, order } of follow(api, orderId, { onTrouble })) {
    if (options.json === true) print(JSON.stringify(event));
    else for (const line of lines(event, order.currency)) print(line);
    if (options.follow !== true && isOver(order)) return;
  }
}

/** Prints the events of all orders as they are recorded. Only a failure ends it. */
async function watchAll(session: Session, api: Api, { json }: WatchOptions): Promise<void> {
  const { print, complain } = session.terminal;
  const lines = liveLines(session, [{ title: 'ORDER'.padEnd(36) }]);
  const currencyOfOrder = currencies(api);
  const onTrouble = ({ message }: Error) => complain(`${message}; waiting for it`);
  for await (const event of followFeed(api, onTrouble)) {
    if (json === true) print(JSON.stringify(event));
    else for (const line of lines(event, await currencyOfOrder(event), [event.orderId])) print(line);
  }
}

/**
 * Formats events that arrive one by one as rows. The first row has the heading above it.
 *
 * @param before columns before those of an event
 */
function liveLines(
  { terminal: { paint } }: Session,
  before: readonly Column[] = [],
): (event: OrderEvent, currency: string, cells?: readonly Cell[]) => readonly string[] {
  let isFirst = true;
  return (event, currency, cells = []) => {
    const lines = table([...before, ...liveColumns], [[...cells, ...eventRow(event, currency)]], paint);
    const shown = isFirst ? lines : lines.slice(1);
    isFirst = false;
    return shown;
  };
}

interface DiffOptions extends CommonOptions {
  readonly from?: number;
  readonly to?: number;
}

function addDiff(program: Command, session: Session): void {
  const command = addScript(program, 'diff', {
    summary: 'show what changed in an order between two versions, by which event, by whom and why',
    examples: ['diff 018f…', 'diff 018f… --from 3', 'diff 018f… --from 3 --to 5 --json'],
  })
    .argument('<orderId>', 'the order')
    .option('--from <version>', 'changes after this version (default: the first)', positive)
    .option('--to <version>', 'up to this version (default: the latest)', positive);
  command.action(async (orderId: string) => {
    const options = command.optsWithGlobals<DiffOptions>();
    const diff = await apiOf(session, options).get<Diff>(at`/v1/orders/${orderId}/diff`, {
      from: options.from,
      to: options.to,
    });
    report(session, options, diff, () => diffLines(diff, session.terminal.paint));
  });
}

/** A diff as readable text: first the net result, then the changes of each event. */
function diffLines({ orderId, from, to, changes, steps }: Diff, paint: Paint): readonly string[] {
  const title = paint('bold', `Order ${visible(orderId)}, version ${from} → ${to}`);
  if (steps.length === 0) return [title, 'nothing happened'];
  return [
    title,
    ...(changes.length === 0 ? ['no net change'] : changeLines(changes, paint)),
    ...steps.flatMap((step) => ['', ...stepLines(step, paint)]),
  ];
}

function stepLines(step: DiffStep, paint: Paint): readonly string[] {
  const { version, type, occurredAt, reason, changes, commandId } = step;
  const why = reason === undefined ? '' : `: ${visible(reason)}`;
  return [
    `${paint('bold', `v${version} ${type}`)} by ${visible(whoDid(step))} at ${occurredAt}${why}`,
    paint('dim', `  ${visible(commandId)}`),
    ...changeLines(changes, paint),
  ];
}

function changeLines(changes: readonly StateDifference[], paint: Paint): readonly string[] {
  const rows = changes.map(({ path, before, after }) => [
    path,
    before === undefined ? { text: '+', format: 'green' as const } : textOf(before),
    before === undefined || after === undefined ? '' : '→',
    after === undefined ? { text: 'gone', format: 'red' as const } : textOf(after),
  ]);
  return untitled(rows, paint).map((line) => `  ${line}`);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
