import process from 'node:process';
import { type Command, Option } from 'commander';
import type { VerifyDeps, VerifyOptions } from '../../log/proof/verify.js';
import { logNamed } from '../../entity-logs.js';
import type { Config } from '../../server/config.js';
import { refuseApiOptions, withDatabases } from '../connections/databases.js';
import { discrepancySummary, verifyLines } from '../printing/discrepancies.js';
import { progressBar } from '../printing/progress-bar.js';
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
    .addOption(new Option('--order <orderId>', 'only this order').conflicts('sample'))
    .addOption(entityOption());
  command.action(async () => {
    const options = command.optsWithGlobals<VerifyCommandOptions>();
    refuseApiOptions(options);
    const verifyEntity = await verifierOf(options.entity, configOf(session));
    const bar = progressBar(process.stderr);
    const verified = await withDatabases(session, async (databases) => {
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
    if (options.order !== undefined && verified.isUnknown)
      throw entityNotFound(options.entity, options.order);
    report(session, options, verified, () => verifyLines(verified, session.terminal.paint, options.entity));
    if (verified.found === 0) return;
    const message = discrepancySummary(verified, 'in what was verified');
    throw new Failure(exitCodes.refused, { code: 'not_verified', message });
  });
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
