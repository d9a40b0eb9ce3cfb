import process from 'node:process';
import type { Command } from 'commander';
import type { Discrepancy } from '../log/proof/comparison.js';
import { withRemedy } from '../log/proof/reconciliations.js';
import type { VerifyReport } from '../log/proof/verify.js';
import { positive } from './arguments.js';
import { exitCodes, Failure } from './failure.js';
import { addScript } from './options.js';
import { progressBar } from './progress.js';
import { report as print } from './query-commands.js';
import { type CommonOptions, configOf, type Session } from './session.js';
import { type Column, table } from './table.js';
import type { Paint } from './terminal.js';

interface VerifyOptions extends CommonOptions {
  readonly sample?: number;
  readonly order?: string;
}

/** Adds `verify`: a proof that every store tells the same of every order. */
export function addVerifyCommand(program: Command, session: Session): void {
  const command = addScript(program, 'verify', {
    summary: 'prove that history, journal, fold, view and workflow are one for every order',
    details:
      'Asks Temporal and MongoDB themselves, not the API, and writes nothing. It also proves that stock and payments are ' +
      'what the logs say, and that the positions of the feed are 1, 2, 3 … without gaps. The exit code is 0 where all agree, else 1.',
    examples: ['verify', 'verify --sample 100', 'verify --order 018f… --json'],
  })
    .option('--sample <number>', 'only so many orders, drawn by lot', positive)
    .option('--order <orderId>', 'only this order');
  command.action(async () => {
    const options = command.optsWithGlobals<VerifyOptions>();
    const config = configOf(session);
    // Loaded when it is needed, as Temporal's SDK takes its time.
    const [{ reachTemporal, withStores }, { verify }] = await Promise.all([
      import('./stores.js'),
      import('../log/proof/verify.js'),
    ]);
    const bar = progressBar(process.stderr);
    const report = await withStores(config, async (stores) => {
      await reachTemporal(stores);
      try {
        return await verify(
          { ...stores, taskQueue: config.temporal.taskQueue },
          {
            ...(options.sample === undefined ? {} : { sample: options.sample }),
            ...(options.order === undefined ? {} : { orderId: options.order }),
            onProgress: (step) => bar.show(step),
          },
        );
      } finally {
        bar.end();
      }
    });
    if (report.orders === 1 && report.events === 0 && report.withoutHistory === 1 && report.found === 0) {
      const message = `there is no order ${options.order}`;
      throw new Failure(exitCodes.notFound, { code: 'order_not_found', message });
    }
    print(session, options, report, () => verifyLines(report, session.terminal.paint));
    if (report.found > 0) {
      const remedy = report.discrepancies[0]?.remedy ?? 'see each of them';
      const message = `${counted(report.found, 'discrepancy', 'discrepancies')} in what was verified; for the first: ${remedy}`;
      throw new Failure(exitCodes.refused, { code: 'not_verified', message });
    }
  });
}

/** What was verified, and what was found, for a person. */
export function verifyLines(report: VerifyReport, paint: Paint): readonly string[] {
  const { orders, events, withoutHistory, head, found, discrepancies } = report;
  const verified = [
    counted(orders, 'order', 'orders'),
    counted(events, 'event', 'events'),
    ...(head === undefined ? [] : [`positions 1 to ${head.toLocaleString('en')}`]),
  ].join(', ');
  const gone =
    withoutHistory === 0
      ? []
      : [`${counted(withoutHistory, 'order is', 'orders are')} by now in the journal alone`];
  if (found === 0) return [paint('green', `${verified}: all agree`), ...gone];
  const more = found - discrepancies.length;
  return [
    `${verified}:`,
    ...discrepancyTable(discrepancies, paint),
    ...(more === 0 ? [] : [`and ${more} more`]),
    ...gone,
  ];
}

const columns: readonly Column[] = [
  { title: 'ORDER' },
  { title: 'VERSION', align: 'right' },
  { title: 'WHERE' },
  { title: '' },
  { title: 'WHAT' },
];

export function discrepancyTable(discrepancies: readonly Discrepancy[], paint: Paint): readonly string[] {
  const rows = discrepancies.map(({ orderId = '', version, where, kind, detail, remedy }) => [
    orderId,
    version === undefined ? '' : String(version),
    where,
    { text: kind, format: kind === 'behind' ? ('yellow' as const) : ('red' as const) },
    withRemedy(detail, remedy),
  ]);
  return table(columns, rows, paint);
}

export function counted(count: number, one: string, several: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : several}`;
}
