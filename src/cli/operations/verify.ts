import process from 'node:process';
import type { Command } from 'commander';
import type { Discrepancy } from '../../log/proof/discrepancy.js';
import { withRemedy } from '../../log/proof/reconciliations.js';
import type { VerifyDeps, VerifyOptions, VerifyReport } from '../../log/proof/verify.js';
import { logNamed } from '../../logs.js';
import type { Config } from '../../server/config.js';
import { reachTemporal, withStores } from '../connections/stores.js';
import { entityOption, positive } from '../script/arguments.js';
import { exitCodes, Failure } from '../script/failure.js';
import { addScript, report } from '../script/script.js';
import { type CommonOptions, configOf, type Session } from '../script/session.js';
import { progressBar } from '../terminal/progress-bar.js';
import { type Column, counted, type Paint, table } from '../terminal/terminal.js';

interface VerifyCommandOptions extends CommonOptions {
  readonly sample?: number;
  readonly order?: string;
  readonly entity: string;
}

/** Adds `verify`: proves that all stores agree on every order. */
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
    const verified = await withStores(config, async (stores) => {
      await reachTemporal(stores);
      try {
        return await verifyEntity(
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
    if (
      verified.orders === 1 &&
      verified.events === 0 &&
      verified.withoutHistory === 1 &&
      verified.found === 0
    ) {
      const message = `there is no ${options.entity} ${options.order}`;
      throw new Failure(exitCodes.notFound, { code: 'order_not_found', message });
    }
    report(session, options, verified, () => verifyLines(verified, session.terminal.paint));
    if (verified.found > 0) {
      const remedy = verified.discrepancies[0]?.remedy ?? 'see each of them';
      const message = `${counted(verified.found, 'discrepancy', 'discrepancies')} in what was verified; for the first: ${remedy}`;
      throw new Failure(exitCodes.refused, { code: 'not_verified', message });
    }
  });
}

/** `verify` for a kind of entity. */
async function verifierOf(entity: string, config: Config) {
  // Imported on use, because Temporal's SDK loads slowly and most scripts do without it.
  const [{ verifyEntity }, { loadProviders }] = await Promise.all([
    import('../../effects/proof.js'),
    import('../../effects/provider-modules.js'),
  ]);
  const providers = await loadProviders(config);
  return async (deps: VerifyDeps, asked: VerifyOptions) =>
    await verifyEntity(logNamed(entity), { ...deps, providers }, asked);
}

/** A report of `verify` as readable text. */
export function verifyLines(
  { orders, events, withoutHistory, head, found, discrepancies }: VerifyReport,
  paint: Paint,
): readonly string[] {
  const verified = [
    counted(orders, 'order', 'orders'),
    counted(events, 'event', 'events'),
    ...(head === undefined ? [] : [`positions 1 to ${head.toLocaleString('en')}`]),
  ].join(', ');
  const gone =
    withoutHistory === 0
      ? []
      : [
          `${counted(withoutHistory, 'order is', 'orders are')} in the journal alone, since Temporal no longer keeps their histories`,
        ];
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

/** Discrepancies as a table, with what to do about each. */
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
