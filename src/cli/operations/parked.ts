import type { Command } from 'commander';
import { MAX_PAGE } from '../../api/schemas/page-limits.js';
import type { Intervened, ParkedAudit } from '../../log/views/feeding/interventions.js';
import type { ParkedEvent } from '../../log/views/parked-events.js';
import { apiPath, type Page } from '../connections/api.js';
import { OPERATIONS_API_HELP, operationsApiOf } from '../connections/api-address.js';
import { type Cell, type Column, moreLines, table } from '../printing/table.js';
import { counted, visible } from '../printing/terminal.js';
import { usageFailure } from '../script/failure.js';
import { addPageOptions, type PageOptions } from '../script/options.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';
import { actorHeader } from '../script/sender.js';

interface ListOptions extends PageOptions {
  readonly order?: string;
}

interface InterveneOptions extends CommonOptions {
  readonly reason: string;
  readonly actor?: string;
}

/** Adds `parked list`, `parked retry` and `parked skip`. */
export function addParked(program: Command, session: Session): void {
  const parked = addScript(program, 'parked', {
    summary: 'list events that a view could not apply, retry or skip them',
    details: OPERATIONS_API_HELP,
    examples: ['parked list customers', 'parked retry customers 018f… --reason "fixed in version 2"'],
  });
  addList(parked, session);
  addIntervention(parked, session, 'retry', 'retry the first parked event of an order');
  addIntervention(parked, session, 'skip', 'skip the first parked event of an order');
}

const parkedColumns: readonly Column[] = [
  { title: 'ORDER' },
  { title: 'VERSION', align: 'right' },
  { title: 'EVENT' },
  { title: 'POSITION', align: 'right' },
  { title: 'STATUS' },
  { title: 'SINCE' },
  { title: 'ERROR' },
];

function addList(parked: Command, session: Session): void {
  const command = addScript(parked, 'list', {
    summary: 'list the parked events of a view, in the order of the feed',
    examples: ['parked list customers', 'parked list customers --order 018f…'],
  })
    .argument('<view>', 'the view')
    .option('--order <orderId>', 'only of this order');
  addPageOptions(command, MAX_PAGE);
  command.action(async (view: string) => {
    const options = command.optsWithGlobals<ListOptions>();
    const page = await operationsApiOf(session, options).get<Page<ParkedEvent>>(
      apiPath`/v1/projections/${view}/parked`,
      {
        orderId: options.order,
        limit: options.limit,
        after: options.cursor,
      },
    );
    report(session, options, page, () => listLines(page, session));
  });
}

function listLines(
  { data, nextCursor }: Page<ParkedEvent>,
  { terminal: { paint } }: Session,
): readonly string[] {
  if (data.length === 0) return ['nothing is parked'];
  const rows = data.map(({ orderId, version, type, position, status, at: since, error = '' }): Cell[] => [
    orderId,
    String(version),
    type,
    String(position),
    { text: status, format: status === 'parked' ? 'red' : 'yellow' },
    since,
    error,
  ]);
  const more = moreLines(nextCursor);
  return [...table(parkedColumns, rows, paint), ...(more.length === 0 ? [] : ['', ...more])];
}

function addIntervention(
  parked: Command,
  session: Session,
  action: ParkedAudit['action'],
  summary: string,
): void {
  const command = addScript(parked, action, {
    summary,
    details:
      'After that, the later events of the order are applied, up to the next that fails. Who did it, and why, is recorded.',
    examples: [`parked ${action} customers 018f… --reason "looked into it"`],
  })
    .argument('<view>', 'the view')
    .argument('<event>', 'the order, or ORDER:VERSION: then only if that event is the first parked one')
    .requiredOption('--reason <text>', 'why')
    .option('--actor <name>', 'the actor to record, only without an API key (default: cli:<your user name>)');
  command.action(async (view: string, event: string) => {
    const options = command.optsWithGlobals<InterveneOptions>();
    const { orderId, version } = parse(event);
    const done = await operationsApiOf(session, options).post<Omit<Intervened, 'kind'>>(
      apiPath`/v1/projections/${view}/parked/${orderId}/${action}`,
      { reason: options.reason, ...(version === undefined ? {} : { version }) },
      await actorHeader(session, options),
    );
    report(session, options, done, () => intervenedLines(done, orderId));
  });
}

function parse(event: string): { readonly orderId: string; readonly version?: number } {
  const [, orderId, version] = /^([^:]+)(?::([1-9]\d{0,14}))?$/.exec(event) ?? [];
  if (orderId === undefined) throw usageFailure(`${event} is not an event: expected ORDER or ORDER:VERSION`);
  return { orderId, ...(version === undefined ? {} : { version: Number(version) }) };
}

function intervenedLines(
  { applied, remaining, parked }: Omit<Intervened, 'kind'>,
  orderId: string,
): readonly string[] {
  const rest = remaining === 0 ? 'no event is parked now' : `${counted(remaining, 'is', 'are')} still parked`;
  return [
    `order ${visible(orderId)} · ${counted(applied, 'event', 'events')} applied, ${rest}`,
    ...(parked === undefined
      ? []
      : [`version ${parked.version} cannot be applied: ${visible(parked.error)}`]),
  ];
}
