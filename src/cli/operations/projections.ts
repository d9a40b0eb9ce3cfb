import type { Command } from 'commander';
import type { Progress, Projections, ViewStatus } from '../../api/schemas/projections.js';
import { OPERATIONS_API_HELP, operationsApiOf } from '../connections/api-address.js';
import { countedIn } from '../printing/counted-entities.js';
import { type Cell, type Column, table } from '../printing/table.js';
import { counted, type Paint, visible } from '../printing/terminal.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';

/** Adds `projections`: shows the position of the feed, and of every view. */
export function addProjections(program: Command, session: Session): void {
  const command = addScript(program, 'projections', {
    summary: 'show the lag of the feed and the views, and which views are being rebuilt',
    details: OPERATIONS_API_HELP,
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
          `${name}: ${countedIn(name, exceptions.count)} could not be rebuilt from their first event on: ${visible(exceptions.orderIds.join(', '))}`,
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
