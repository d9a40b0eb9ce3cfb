import type { Command } from 'commander';
import type { Change, Diff, DiffStep } from '../log/journal/time-travel.js';
import { at } from './api.js';
import { positive } from './arguments.js';
import { addScript } from './options.js';
import { report } from './query-commands.js';
import { apiOf, type CommonOptions, type Session } from './session.js';
import { untitled } from './table.js';
import { type Paint, visible } from './terminal.js';

interface DiffOptions extends CommonOptions {
  readonly from?: number;
  readonly to?: number;
}

/** Adds `diff`: what changed in an order between two of its versions. */
export function addDiffCommand(program: Command, session: Session): void {
  const command = addScript(program, 'diff', {
    summary: 'show what changed in an order between two versions, by which event, whose and why',
    examples: ['diff 018f…', 'diff 018f… --from 3', 'diff 018f… --from 3 --to 5 --json'],
  })
    .argument('<orderId>', 'the order')
    .option('--from <version>', 'behind this version (default: the first)', positive)
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

/** A diff for a person: all in all, then event by event. */
export function diffLines({ orderId, from, to, changes, steps }: Diff, paint: Paint): readonly string[] {
  const title = paint('bold', `Order ${visible(orderId)}, version ${from} → ${to}`);
  if (steps.length === 0) return [title, 'nothing happened'];
  return [
    title,
    ...(changes.length === 0 ? ['nothing changed, all in all'] : changeLines(changes, paint)),
    ...steps.flatMap((step) => ['', ...stepLines(step, paint)]),
  ];
}

function stepLines(step: DiffStep, paint: Paint): readonly string[] {
  const { version, type, occurredAt, actor, reason, changes, commandId } = step;
  const why = reason === undefined ? '' : `: ${visible(reason)}`;
  return [
    `${paint('bold', `v${version} ${type}`)} by ${visible(actor)} at ${occurredAt}${why}`,
    paint('dim', `  ${visible(commandId)}`),
    ...changeLines(changes, paint),
  ];
}

function changeLines(changes: readonly Change[], paint: Paint): readonly string[] {
  const rows = changes.map(({ path, before, after }) => [
    path,
    before === undefined ? { text: '+', format: 'green' as const } : shown(before),
    before === undefined || after === undefined ? '' : '→',
    after === undefined ? { text: 'gone', format: 'red' as const } : shown(after),
  ]);
  return untitled(rows, paint).map((line) => `  ${line}`);
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
