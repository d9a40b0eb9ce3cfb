import type { Command } from 'commander';
import type { Progress, Projections, ViewStatus } from '../../api/schemas/projections.js';
import type { Subscription } from '../../api/schemas/subscription.js';
import type { CommandsStatus } from '../../kafka/commands-status.js';
import { apiOf, operationsApiOf } from '../connections/api.js';
import { type Cell, type Column, counted, type Paint, table, visible } from '../printing/terminal.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';

/* Scripts that show the progress of views and subscriptions along the feed. */

/** Adds `projections`: shows the position of the feed, and of every view. */
export function addProjections(program: Command, session: Session): void {
  const command = addScript(program, 'projections', {
    summary: 'show the lag of the feed and the views, and which views are being rebuilt',
    examples: ['projections', 'projections --json'],
  });
  command.action(async () => {
    const options = command.optsWithGlobals<CommonOptions>();
    const status = await operationsApiOf(session, options).get<Projections>('/v1/projections');
    report(session, options, status, () => statusLines(status, session.terminal.paint));
  });
}

const viewColumns: readonly Column[] = [
  { title: 'VIEW' },
  { title: 'VERSION', align: 'right' },
  { title: 'POSITION', align: 'right' },
  { title: 'LAG', align: 'right' },
  { title: 'FOR', align: 'right' },
  { title: 'PARKED', align: 'right' },
  { title: 'REBUILD' },
];

/** The status of feed and views as readable text. */
function statusLines({ feed, views, stores }: Projections, paint: Paint): readonly string[] {
  const waiting =
    feed.unsequenced === 0
      ? 'no event waits for one'
      : `${counted(feed.unsequenced, 'event waits', 'events wait')} for one, for ${seconds(feed.behindMs)}`;
  const others = stores.flatMap(({ name, rebuilding, exceptions }) => [
    ...(rebuilding === undefined ? [] : [`${name}: ${progressText(rebuilding)}`]),
    ...(exceptions === undefined || exceptions.count === 0
      ? []
      : [
          `${name}: ${counted(exceptions.count, 'order', 'orders')} could not be rebuilt from their first event on: ${exceptions.orderIds.join(', ')}`,
        ]),
  ]);
  const restored =
    feed.generation === 1
      ? ''
      : `, restored after ${feed.commonUntil.toLocaleString('en')} (generation ${feed.generation})`;
  return [
    `feed: positions 1 to ${feed.head.toLocaleString('en')}${restored}; ${waiting}`,
    '',
    ...table(viewColumns, views.map(viewRow), paint),
    ...(others.length === 0 ? [] : ['', ...others]),
  ];
}

function viewRow(view: ViewStatus): readonly Cell[] {
  const { name, version, latestVersion, position, eventsBehind, msBehind, parked, rebuilding } = view;
  return [
    name,
    version === latestVersion
      ? String(version)
      : { text: `${version} of ${latestVersion}`, format: 'yellow' },
    position.toLocaleString('en'),
    eventsBehind === 0 ? '0' : { text: eventsBehind.toLocaleString('en'), format: 'yellow' },
    seconds(msBehind),
    parked === 0 ? '0' : { text: parked.toLocaleString('en'), format: 'red' },
    rebuilding === undefined ? '' : progressText(rebuilding),
  ];
}

function progressText({ done, total, perSecond, secondsLeft }: Progress): string {
  const left = secondsLeft === undefined ? '' : `, ${secondsLeft} s left`;
  return `${done.toLocaleString('en')} of ${total.toLocaleString('en')}, ${perSecond.toLocaleString('en')}/s${left}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

const subscriptionColumns: readonly Column[] = [
  { title: 'SUBSCRIPTION' },
  { title: 'STATUS' },
  { title: 'POSITION', align: 'right' },
  { title: 'LAG', align: 'right' },
  { title: 'WAITING', align: 'right' },
  { title: 'PARKED', align: 'right' },
  { title: 'FAILURES', align: 'right' },
  { title: 'LAST SUCCESS' },
  { title: 'TO' },
];

/**
 * Adds `subscriptions`: shows the progress of each subscription of the feed, and of taking commands
 * from Kafka.
 */
export function addSubscriptions(program: Command, session: Session): void {
  const command = addScript(program, 'subscriptions', {
    summary: 'show position, lag and failures of each subscription of the feed',
    examples: ['subscriptions', 'subscriptions --json'],
  });
  command.action(async () => {
    const options = command.optsWithGlobals<CommonOptions>();
    const { data, commands } = await apiOf(session, options).get<{
      readonly data: readonly Subscription[];
      readonly commands?: CommandsStatus;
    }>('/v1/subscriptions');
    const rows = data.map((one): readonly Cell[] => [
      one.name,
      one.status,
      String(one.position),
      String(one.lag),
      String(one.waiting),
      String(one.parked),
      String(one.failures),
      one.lastSuccessAt ?? '',
      visible(one.to),
    ]);
    const { paint } = session.terminal;
    const commandRow = commands === undefined ? [] : [{ name: 'commands', kind: 'commands', ...commands }];
    report(session, options, [...data, ...commandRow], () => [
      ...(data.length === 0 ? ['no subscriptions'] : table(subscriptionColumns, rows, paint)),
      ...(commands === undefined ? [] : commandLines(commands, paint)),
    ]);
  });
}

const partitionColumns: readonly Column[] = [
  { title: 'COMMANDS FROM' },
  { title: 'POSITION', align: 'right' },
  { title: 'LAG', align: 'right' },
  { title: 'PROBLEM' },
];

function commandLines(
  { topic, failure, failingSince, partitions }: CommandsStatus,
  paint: Paint,
): readonly string[] {
  const rows = partitions.map((one): readonly Cell[] => {
    const { waiting } = one;
    const waits = waiting && `${waiting.record} waits since ${waiting.since}: ${waiting.why}`;
    return [
      `${topic}:${one.partition}`,
      String(one.position ?? ''),
      String(one.lag),
      { text: visible(one.failure ?? waits ?? ''), format: 'yellow' },
    ];
  });
  const problem = `no commands are taken from ${topic} since ${failingSince}: ${visible(failure ?? '')}`;
  return [
    '',
    ...(failure === undefined ? [] : [paint('yellow', problem)]),
    ...(rows.length === 0 ? [`no commands were taken from ${topic}`] : table(partitionColumns, rows, paint)),
  ];
}
