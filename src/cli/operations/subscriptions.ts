import type { Command } from 'commander';
import type { Subscription } from '../../api/schemas/subscription.js';
import type { CommandsStatus } from '../../kafka/commands-status.js';
import { apiOf } from '../connections/api-address.js';
import { type Cell, type Column, table } from '../printing/table.js';
import { type Paint, visible } from '../printing/terminal.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';

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
    const waits = waiting && `${waiting.record} has waited since ${waiting.since}: ${waiting.why}`;
    return [
      `${topic}:${one.partition}`,
      String(one.position ?? ''),
      String(one.lag),
      { text: visible(one.failure ?? waits ?? ''), format: 'yellow' },
    ];
  });
  const problem = `no commands have been taken from ${topic} since ${failingSince}: ${visible(failure ?? '')}`;
  return [
    '',
    ...(failure === undefined ? [] : [paint('yellow', problem)]),
    ...(rows.length === 0 ? [`no commands were taken from ${topic}`] : table(partitionColumns, rows, paint)),
  ];
}
