import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { Projections, StoreStatus, ViewStatus } from '../../api/schemas/projections.js';
import type { Readiness } from '../../api/schemas/readiness.js';
import { logOfStore } from '../../entity-logs.js';
import { type Api, apiPath, operationsApiOf } from '../connections/api.js';
import { progressBar, type Terminal } from '../printing/terminal.js';
import { exitCodes, Failure, usageFailure } from '../script/failure.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';
import { countedOf } from './projections.js';

interface RebuildOptions extends CommonOptions {
  readonly from: 'journal' | 'history';
  readonly rollback?: true;
  readonly wait: boolean;
}

const LOOK_EVERY_MS = 300;
/**
 * The script asks for the reason each time that it has looked this often without seeing progress.
 */
const ASK_WHY_EVERY = 10;

/** Adds `rebuild`: rebuilds views from the journal, or the journal from the histories. */
export function addRebuild(program: Command, session: Session): void {
  const command = addScript(program, 'rebuild', {
    summary: 'rebuild a view from the journal, or the journal from the workflow histories',
    details:
      'The new build replaces the current one when it has caught up. A view across orders keeps its previous build, and ' +
      '--rollback returns to it immediately. `orders` and `endpoints` keep none: rebuild them with the older ' +
      'code. A rebuild continues if the script is interrupted.',
    examples: [
      'rebuild customers',
      'rebuild orders',
      'rebuild customers --rollback',
      'rebuild --from history',
    ],
  })
    .argument('[view]', 'orders, endpoints, or a feed view: `orders projections` lists them')
    .addOption(
      new Option('--from <source>', 'journal; or history, which restores journal and views from Temporal')
        .choices(['journal', 'history'])
        .default('journal'),
    )
    .addOption(new Option('--rollback', 'roll back to the build before the last rebuild').conflicts('from'))
    .option('--no-wait', 'do not wait for it');
  command.action(async (view: string | undefined) => {
    const options = command.optsWithGlobals<RebuildOptions>();
    const name = nameOf(view, options);
    const api = operationsApiOf(session, options);
    const action = options.rollback === true ? 'rollback' : 'rebuild';
    const answer = await api.post<Build | Requested>(apiPath`/v1/projections/${name}/${action}`, {});
    if ('position' in answer) {
      const { version, position } = answer;
      report(session, options, answer, () => [`${name} is back to version ${version}, position ${position}`]);
      return;
    }
    if (!options.wait) {
      const missing = await withoutWorker(api);
      if (missing.length > 0) session.terminal.complain(waitsFor(name, missing));
      report(session, options, answer, () => [
        `the rebuild of ${name} is under way: see \`orders projections\``,
      ]);
      return;
    }
    const done = await watch(api, answer, session.terminal.complain);
    report(session, options, done, () => doneLines(done));
  });
}

interface Build {
  readonly version: number;
  readonly position: number;
}

interface Requested {
  readonly name: string;
  readonly rebuildId: string;
}

function nameOf(view: string | undefined, { from }: RebuildOptions): string {
  if (from === 'history') {
    if (view !== undefined) throw usageFailure('a rebuild from the histories covers every view: name none');
    return 'journal';
  }
  if (view === undefined) throw usageFailure('say which view, or --from history');
  return view;
}

type Rebuilt = ViewStatus | StoreStatus;

/**
 * Waits until the rebuild is done, even while the API is unavailable: the rebuild does not need the
 * API.
 *
 * @throws Failure if a later rebuild replaced this one, so that its outcome is unknown
 */
async function watch(
  api: Api,
  { name, rebuildId }: Requested,
  complain: Terminal['complain'],
): Promise<Rebuilt> {
  const bar = progressBar(process.stderr);
  const explainStall = stallReporter(api, name, (line) => {
    bar.end();
    complain(line);
  });
  let isBegun = false;
  let first: Rebuilt | undefined;
  try {
    for (;;) {
      const status = await look(api, name);
      if (status?.rebuildId === rebuildId) return status;
      first ??= status;
      if (status?.rebuilding?.rebuildId === rebuildId) isBegun = true;
      else if (status !== undefined) {
        const isAnotherDone = status.rebuildId !== undefined && status.rebuildId !== first?.rebuildId;
        if (isBegun || isAnotherDone) throw overtaken(name, rebuildId);
      }
      const { done = 0, total = 0, perSecond = 0 } = status?.rebuilding ?? {};
      bar.show({ what: name, done, total, perSecond });
      await explainStall(done);
      await setTimeout(LOOK_EVERY_MS);
    }
  } finally {
    bar.end();
  }
}

/**
 * Returns a function that takes the progress of each look. If a rebuild stalls, it complains about
 * the dependencies that have no worker, once while they stay the same.
 */
function stallReporter(
  api: Api,
  name: string,
  complain: Terminal['complain'],
): (done: number) => Promise<void> {
  let [doneBefore, looksWithoutProgress] = [0, 0];
  let told: string | undefined;
  return async (done) => {
    looksWithoutProgress = done === doneBefore ? looksWithoutProgress + 1 : 0;
    doneBefore = done;
    if (looksWithoutProgress % ASK_WHY_EVERY !== ASK_WHY_EVERY - 1) return;
    const missing = await withoutWorker(api);
    const names = missing.map((dependency) => dependency.name).join();
    if (missing.length > 0 && names !== told) complain(waitsFor(name, missing));
    told = names;
  };
}

type Dependencies = Readiness['dependencies'];

/** The dependencies that have no worker; none if the API does not answer. */
async function withoutWorker(api: Api): Promise<Dependencies> {
  try {
    const { dependencies } = await api.get<Readiness>('/health/ready');
    return dependencies.filter(({ code }) => code === 'no_worker');
  } catch (error) {
    if (error instanceof Failure) return [];
    throw error;
  }
}

function waitsFor(name: string, missing: Dependencies): string {
  const details = missing.map(({ detail = '' }) => detail).join('; ');
  return `the rebuild of ${name} waits: ${details}. Start the roles worker and feed.`;
}

function overtaken(name: string, rebuildId: string): Failure {
  const message = `another rebuild of ${name} has replaced ${rebuildId}: \`orders projections\` shows what is read now`;
  return new Failure(exitCodes.refused, { code: 'rebuild_overtaken', message });
}

async function look(api: Api, name: string): Promise<Rebuilt | undefined> {
  try {
    const { views, stores } = await api.get<Projections>('/v1/projections');
    return [...views, ...stores].find((one) => one.name === name);
  } catch (error) {
    if (error instanceof Failure && error.exitCode === exitCodes.unavailable) return undefined;
    throw error;
  }
}

function doneLines(done: Rebuilt): readonly string[] {
  if ('position' in done) {
    return [
      `${done.name} is rebuilt: version ${done.version}, position ${done.position.toLocaleString('en')}`,
    ];
  }
  const { name, exceptions } = done;
  if (exceptions === undefined || exceptions.count === 0) return [`${name} is rebuilt`];
  return [
    `${name} is rebuilt, except ${countedOf(name, exceptions.count)} that could not be folded from their first event on:`,
    ...exceptions.orderIds.map((orderId) => `  ${orderId}`),
    `these are read as they were before, or from their last run: \`${logOfStore(name).cliLines.verify('<id>')}\` says what each lacks, and what to do`,
  ];
}
