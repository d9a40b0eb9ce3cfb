import process from 'node:process';
import type { Command } from 'commander';
import type { Discrepancy } from '../../log/proof/discrepancy.js';
import { withRemedy } from '../../log/proof/reconciliation-reports.js';
import type { VerifyDeps, VerifyOptions, VerifyReport } from '../../log/proof/verify.js';
import { logNamed } from '../../entity-logs.js';
import type { Config } from '../../server/config.js';
import { reachTemporal, withDatabases } from '../connections/databases.js';
import { type Column, counted, type Paint, progressBar, table } from '../printing/terminal.js';
import { entityNotFound, exitCodes, Failure } from '../script/failure.js';
import { entityOption } from '../script/options.js';
import { positive } from '../script/parsers.js';
import { addScript, type CommonOptions, configOf, report, type Session } from '../script/script.js';

interface VerifyCommandOptions extends CommonOptions {
  readonly sample?: number;
  readonly order?: string;
  readonly entity: string;
}

/** Adds `verify`: proves that history, journal, views and outside systems agree on every order. */
export function addVerify(program: Command, session: Session): void {
  const command = addScript(program, 'verify', {
    summary: 'prove that history, journal, fold, view and workflow agree on every order',
    details:
      'Reads Temporal and MongoDB without the API, and writes nothing. It also proves that stock and payments are what the ' +
      'logs say, and that the positions of the feed are 1, 2, 3 … without gaps. The exit code is 0 if all agree, else 1.',
    examples: ['verify', 'verify --sample 100', 'verify --order 018f… --json'],
  })
    .option('--sample <number>', 'only this many orders, chosen at random', positive)
    .option('--order <orderId>', 'only this order')
    .addOption(entityOption());
  command.action(async () => {
    const options = command.optsWithGlobals<VerifyCommandOptions>();
    const config = configOf(session);
    const verifyEntity = await verifierOf(options.entity, config);
    const bar = progressBar(process.stderr);
    const verified = await withDatabases(config, async (databases) => {
      await reachTemporal(databases);
      try {
        return await verifyEntity(databases, {
          ...(options.sample === undefined ? {} : { sample: options.sample }),
          ...(options.order === undefined ? {} : { orderId: options.order }),
          onProgress: (step) => bar.show(step),
        });
      } finally {
        bar.end();
      }
    });
    if (options.order !== undefined && isUnknown(verified))
      throw entityNotFound(options.entity, options.order);
    report(session, options, verified, () => verifyLines(verified, session.terminal.paint, options.entity));
    if (verified.found > 0) throw discrepancyFailure('not_verified', 'in what was verified', verified);
  });
}

/** Whether the one entity that was asked for is in no history, journal or view. */
function isUnknown({ orders, events, withoutHistory, found }: VerifyReport<string>): boolean {
  return orders === 1 && events === 0 && withoutHistory === 1 && found === 0;
}

/** The function that verifies entities of a kind. */
async function verifierOf(entity: string, config: Config) {
  const [{ verifyEntity }, { loadProviders }] = await Promise.all([
    import('../../effects/proof/verify-orders.js'),
    import('../../effects/provider-modules.js'),
  ]);
  const providers = await loadProviders(config);
  return async (deps: VerifyDeps, asked: VerifyOptions) =>
    await verifyEntity(logNamed(entity), { ...deps, providers }, asked);
}

/** A report of `verify` as readable text. */
export function verifyLines(
  { orders, events, withoutHistory, head, found, discrepancies }: VerifyReport<string>,
  paint: Paint,
  entity = 'order',
): readonly string[] {
  const verified = [
    counted(orders, entity, `${entity}s`),
    counted(events, 'event', 'events'),
    ...(head === undefined ? [] : [`positions 1 to ${head.toLocaleString('en')}`]),
  ].join(', ');
  const inJournalAlone =
    withoutHistory === 0
      ? []
      : [
          `${counted(withoutHistory, `${entity} is`, `${entity}s are`)} in the journal alone, since Temporal no longer keeps their histories`,
        ];
  if (found === 0) return [paint('green', `${verified}: all agree`), ...inJournalAlone];
  const more = found - discrepancies.length;
  return [
    `${verified}:`,
    ...discrepancyTable(discrepancies, paint, entity),
    ...(more === 0 ? [] : [`and ${more} more`]),
    ...inJournalAlone,
  ];
}

/** Ends the script with exit code 1, and the remedy of the first discrepancy. */
export function discrepancyFailure(
  code: string,
  which: string,
  { found, discrepancies }: Pick<VerifyReport<string>, 'found' | 'discrepancies'>,
): Failure {
  const remedy = discrepancies[0]?.remedy ?? 'see each of them';
  const message = `${counted(found, 'discrepancy', 'discrepancies')} ${which}; for the first: ${remedy}`;
  return new Failure(exitCodes.refused, { code, message });
}

/** Discrepancies as a table, with what to do about each. */
export function discrepancyTable(
  discrepancies: readonly Discrepancy<string>[],
  paint: Paint,
  entity: string,
): readonly string[] {
  const columns: readonly Column[] = [
    { title: entity.toUpperCase() },
    { title: 'VERSION', align: 'right' },
    { title: 'WHERE' },
    { title: '' },
    { title: 'WHAT' },
  ];
  const rows = discrepancies.map(({ orderId = '', version, where, kind, detail, remedy }) => [
    orderId,
    version === undefined ? '' : String(version),
    where,
    { text: kind, format: kind === 'behind' ? ('yellow' as const) : ('red' as const) },
    withRemedy(detail, remedy),
  ]);
  return table(columns, rows, paint);
}
