import type { Command } from 'commander';
import type { ViewsStatus, ViewStatus, Progress } from '../../log/views/status.js';
import { operationsApiOf } from '../connections/target.js';
import { addScript, report } from '../script/script.js';
import type { CommonOptions, Session } from '../script/session.js';
import { type Cell, type Column, type Paint, table } from '../terminal/terminal.js';

/** Adds `projections`: shows the position of the feed, and of every view. */
export function addProjections(program: Command, session: Session): void {
  const command = addScript(program, 'projections', {
    summary: 'show the lag of the feed and the views, and which views are being rebuilt',
    examples: ['projections', 'projections --json'],
  });
  command.action(async () => {
    const options = command.optsWithGlobals<CommonOptions>();
    const status = await operationsApiOf(session, options).get<ViewsStatus>('/v1/projections');
    report(session, options, status, () => statusLines(status, session.terminal.paint));
  });
}

const viewColumns: readonly Column[] = [
  { title: 'VIEW' },
  { title: 'VERSION', align: 'right' },
  { title: 'POSITION', align: 'right' },
  { title: 'BEHIND', align: 'right' },
  { title: 'FOR', align: 'right' },
  { title: 'PARKED', align: 'right' },
  { title: 'REBUILD' },
];

export function statusLines({ feed, views, stores }: ViewsStatus, paint: Paint): readonly string[] {
  const waiting =
    feed.unsequenced === 0
      ? 'no event waits for one'
      : `${feed.unsequenced.toLocaleString('en')} events wait for one, for ${seconds(feed.behindMs)}`;
  const others = stores.flatMap(({ name, rebuilding, exceptions }) => [
    ...(rebuilding === undefined ? [] : [`${name}: ${progressText(rebuilding)}`]),
    ...(exceptions === undefined || exceptions.count === 0
      ? []
      : [
          `${name}: ${exceptions.count} orders could not be rebuilt from their first event on: ${exceptions.orderIds.join(', ')}`,
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
