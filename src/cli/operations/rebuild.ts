import process from 'node:process';
import { type Command, Option } from 'commander';
import type { Projections, StoreStatus, ViewStatus } from '../../api/schemas/projections.js';
import type { Readiness } from '../../api/schemas/readiness.js';
import { logOfStore, logs } from '../../entity-logs.js';
import { type Api, apiPath } from '../connections/api.js';
import { OPERATIONS_API_HELP, operationsApiOf } from '../connections/api-address.js';
import { pollUntil } from '../connections/poll-until.js';
import { countedIn } from '../printing/counted-entities.js';
import { progressBar } from '../printing/progress-bar.js';
import { type Terminal, visible } from '../printing/terminal.js';
import { exitCodes, Failure, usageFailure } from '../script/failure.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';

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

/** Adds `rebuild`: rebuilds views from the journals, or the journals from the histories. */
export function addRebuild(program: Command, session: Session): void {
  const command = addScript(program, 'rebuild', {
    summary: 'rebuild a view from the journal, or all journals from the workflow histories',
    details:
      'The new build replaces the current one when it has caught up. A view across orders keeps its previous build, and ' +
      '--rollback returns to it immediately. `orders` and `endpoints` keep none: rebuild them with the older ' +
      'code. With --from history, the journals of orders and of webhook endpoints are restored, and --json prints a list ' +
      'of both. A rebuild continues if the script is interrupted. The exit code is 1 if a part could not be rebuilt. ' +
      OPERATIONS_API_HELP,
    examples: [
      'rebuild customers',
      'rebuild orders',
      'rebuild customers --rollback',
      'rebuild --from history',
    ],
  })
    .argument('[view]', 'orders, endpoints, or a feed view: `orders projections` lists them')
    .addOption(
      new Option('--from <source>', 'journal; or history, which restores journals and views from Temporal')
        .choices(['journal', 'history'])
        .default('journal'),
    )
    .addOption(
      new Option('--rollback', 'roll back to the build before the last rebuild').conflicts(['from', 'wait']),
    )
    .option('--no-wait', 'do not wait for it');
  command.action(async (view: string | undefined) => {
    const options = command.optsWithGlobals<RebuildOptions>();
    if (options.rollback === true) {
      await rollBack(session, options, view);
      return;
    }
    const names = namesOf(view, options);
    const api = operationsApiOf(session, options);
    const isOne = view !== undefined;
    const requested: Requested[] = [];
    for (const name of names) requested.push(await api.post(apiPath`/v1/projections/${name}/rebuild`, {}));
    if (!options.wait) {
      const missing = await withoutWorker(api);
      if (missing.length > 0) session.terminal.complain(waitsFor(names, missing));
      report(session, options, isOne ? requested[0] : requested, () => [
        `the rebuild of ${names.join(' and ')} is under way: see \`orders projections\``,
      ]);
      return;
    }
    const done: Rebuilt[] = [];
    for (const one of requested) done.push(await untilRebuilt(session, api, one));
    report(session, options, isOne ? done[0] : done, () => done.flatMap(doneLines));
    const failure = exceptionsIn(done);
    if (failure !== undefined) throw failure;
  });
}

interface Build {
  readonly version: number;
  readonly position: number;
}

async function rollBack(session: Session, options: RebuildOptions, view: string | undefined): Promise<void> {
  if (view === undefined) throw usageFailure('say which view to roll back');
  const api = operationsApiOf(session, options);
  const build = await api.post<Build>(apiPath`/v1/projections/${view}/rollback`, {});
  const { version, position } = build;
  report(session, options, build, () => [`${view} is back to version ${version}, position ${position}`]);
}

interface Requested {
  readonly name: string;
  readonly rebuildId: string;
}

/** What is to be rebuilt: one view, or the journal of every kind of entity. */
function namesOf(view: string | undefined, { from }: RebuildOptions): readonly string[] {
  if (from === 'history') {
    if (view !== undefined) throw usageFailure('a rebuild from the histories covers every view: name none');
    return logs.map(({ journalRebuild }) => journalRebuild);
  }
  if (view === undefined) throw usageFailure('say which view, or --from history');
  return [view];
}

type Rebuilt = ViewStatus | StoreStatus;

/**
 * Waits until the rebuild is done, even while the API is unavailable: the rebuild does not need the
 * API.
 *
 * @throws Failure if a later rebuild replaced this one, so that its outcome is unknown
 */
async function untilRebuilt(session: Session, api: Api, { name, rebuildId }: Requested): Promise<Rebuilt> {
  const bar = progressBar(process.stderr);
  const beforeLine = () => bar.end();
  const explainStall = stallReporter(api, name, (line) => {
    beforeLine();
    session.terminal.complain(line);
  });
  let before: Rebuilt | undefined;
  const doneIn = async ({ views, stores }: Projections): Promise<Rebuilt | undefined> => {
    const status = [...views, ...stores].find((one) => one.name === name);
    const state = stateOf(rebuildId, status, before);
    if (state === 'done') return status;
    if (state === 'overtaken') throw overtaken(name, rebuildId);
    before = status ?? before;
    const { done = 0, total = 0, perSecond = 0 } = status?.rebuilding ?? {};
    bar.show({ what: name, done, total, perSecond });
    await explainStall(done);
    return undefined;
  };
  try {
    const look = () => api.get<Projections>('/v1/projections');
    return await pollUntil(session, look, doneIn, { everyMs: LOOK_EVERY_MS, beforeLine });
  } finally {
    bar.end();
  }
}

type WithRebuilds = Pick<Rebuilt, 'rebuildId' | 'rebuilding'>;

/**
 * What has become of a rebuild.
 *
 * @param status what is known now of the view or the journal; undefined if the API does not list it
 * @param before the status before that; undefined at the first look
 */
export function stateOf(
  rebuildId: string,
  status: WithRebuilds | undefined,
  before: WithRebuilds | undefined,
): 'waiting' | 'done' | 'overtaken' {
  if (status?.rebuildId === rebuildId) return 'done';
  if (status === undefined || before === undefined || isUnderWay(rebuildId, status)) return 'waiting';
  const isAnotherDone = status.rebuildId !== undefined && status.rebuildId !== before.rebuildId;
  return isAnotherDone || isUnderWay(rebuildId, before) ? 'overtaken' : 'waiting';
}

function isUnderWay(rebuildId: string, { rebuilding }: WithRebuilds): boolean {
  return rebuilding?.rebuildId === rebuildId;
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
    if (missing.length > 0 && names !== told) complain(waitsFor([name], missing));
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

function waitsFor(names: readonly string[], missing: Dependencies): string {
  const details = missing.map(({ detail = '' }) => detail).join('; ');
  return `the rebuild of ${names.join(' and ')} waits: ${details}. Start the roles worker and feed.`;
}

function overtaken(name: string, rebuildId: string): Failure {
  const message = `another rebuild of ${name} has replaced ${rebuildId}: \`orders projections\` shows what is read now`;
  return new Failure(exitCodes.refused, { code: 'rebuild_overtaken', message });
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
    `${name} is rebuilt, except ${countedIn(name, exceptions.count)} that could not be folded from their first event on:`,
    ...exceptions.orderIds.map((orderId) => `  ${visible(orderId)}`),
    'these are read as they were before, or from their last run',
  ];
}

/** The failure if something could not be rebuilt. */
function exceptionsIn(rebuilt: readonly Rebuilt[]): Failure | undefined {
  const [first, ...others] = rebuilt.flatMap((one) =>
    'exceptions' in one && one.exceptions.count > 0 ? [{ name: one.name, count: one.exceptions.count }] : [],
  );
  if (first === undefined) return undefined;
  const which = [first, ...others].map(({ name, count }) => countedIn(name, count)).join(' and ');
  const verify = logOfStore(first.name).cliLines.verify('<id>');
  const message = `${which} could not be rebuilt: \`${verify}\` says what each lacks, and what to do`;
  return new Failure(exitCodes.refused, { code: 'rebuilt_in_part', message });
}
