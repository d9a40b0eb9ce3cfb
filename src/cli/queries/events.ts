import { type Command, Option } from 'commander';
import type { Diff, DiffStep } from '../../log/journal/diff.js';
import type { StateDifference } from '../../log/entity-log/differences.js';
import type { OrderEvent } from '../../order/events.js';
import { isOver } from '../../order/order.js';
import { type Api, apiPath } from '../connections/api.js';
import { apiOf } from '../connections/api-address.js';
import { currencies } from '../connections/currencies.js';
import { followFeed } from '../connections/feed-events.js';
import { eventsOf, follow } from '../connections/order-events.js';
import { waiting } from '../connections/poll-until.js';
import { eventColumns, eventRow, liveColumns, whoDid } from '../printing/event-rows.js';
import { type Cell, type Column, table, untitled } from '../printing/table.js';
import { type Paint, visible } from '../printing/terminal.js';
import { type Failure, usageFailure } from '../script/failure.js';
import { positive } from '../script/parsers.js';
import { endWithReader } from '../script/interrupt.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';

/** Adds `events`, `watch` and `diff`, which read the logs of orders. */
export function addEventQueries(program: Command, session: Session): void {
  addEvents(program, session);
  addWatch(program, session);
  addDiff(program, session);
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
    .addOption(
      new Option('--source <store>', 'journal is MongoDB, history is Temporal')
        .choices(['journal', 'history'])
        .default('journal'),
    );
  command.action(async (orderId: string) => {
    const options = command.optsWithGlobals<EventsOptions>();
    const events = await eventsOf(apiOf(session, options), orderId, { source: options.source });
    const rows = events.map((event) => eventRow(event, currencyOf(events)));
    report(session, options, events, () =>
      rows.length === 0 ? ['no events'] : table(eventColumns, rows, session.terminal.paint),
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
    endWithReader();
    const options = command.optsWithGlobals<WatchOptions>();
    const api = apiOf(session, options);
    if (orderId === undefined && options.follow === true)
      throw usageFailure('--follow needs an order: without one, events are followed until interrupted');
    if (orderId === undefined) await watchAll(session, api, options);
    else await watch(session, api, orderId, options);
  });
}

async function watch(session: Session, api: Api, orderId: string, options: WatchOptions): Promise<void> {
  const { print, complain } = session.terminal;
  const lines = liveLines(session);
  const onTrouble = (failure: Failure) => complain(waiting(failure));
  for await (const { event, order, isLast } of follow(api, orderId, { onTrouble })) {
    if (options.json === true) print(JSON.stringify(event));
    else for (const line of lines(event, order.currency)) print(line);
    if (options.follow !== true && isLast && isOver(order)) return;
  }
}

/** Prints the events of all orders as they are recorded. Only a failure ends it. */
async function watchAll(session: Session, api: Api, { json }: WatchOptions): Promise<void> {
  const { print, complain } = session.terminal;
  const lines = liveLines(session, [{ title: 'ORDER'.padEnd(36) }]);
  const currencyOfOrder = currencies(api);
  const onTrouble = (failure: Failure) => complain(waiting(failure));
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
    const diff = await apiOf(session, options).get<Diff>(apiPath`/v1/orders/${orderId}/diff`, {
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
