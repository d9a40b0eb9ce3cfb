import { randomUUID } from 'node:crypto';
import process from 'node:process';
import { type Command, Option } from 'commander';
import type { ResumeCommand, ResumeReport } from '../../log/resume/resume-report.js';
import type { ResumeDeps, ResumeOptions } from '../../log/resume/resume.js';
import { commandIdOf } from '../../log/workflow/command-id.js';
import { logNamed, logs, ofAnyEntity } from '../../entity-logs.js';
import { apiPath } from '../connections/api.js';
import { OPERATIONS_API_HELP, operationsApiOf } from '../connections/api-address.js';
import { withDatabases } from '../connections/databases.js';
import { refuseOtherSystem } from '../connections/gateway.js';
import { plural } from '../printing/counted-entities.js';
import { progressBar } from '../printing/progress-bar.js';
import { leftForOperator, reportTable, resumedLines } from './resume-reports.js';
import { sendsWithKey } from '../script/api-key.js';
import { checkBody } from '../script/check.js';
import { entityNotFound, exitCodes, Failure, usageFailure } from '../script/failure.js';
import { addScript, type CommonOptions, configOf, report, type Session } from '../script/script.js';
import { checkSender, metaOf, refuseActor } from '../script/sender.js';
import { addReport, nothingResumed, type Resumed } from './resumed.js';

interface ResumeScriptOptions extends CommonOptions {
  readonly all?: true;
  readonly dryRun?: true;
  readonly entity?: string;
  readonly reason: string;
  readonly actor?: string;
}

const ANSWER_WITHIN_MS = 10_000;

/** Adds `resume`, which starts workflows again from the journal. */
export function addResume(program: Command, session: Session): void {
  const command = addScript(program, 'resume', {
    summary: 'restart the workflow of an order from the journal',
    details:
      'For an order whose workflow ended too early, or whose history was lost or restored to an older state. Name one ' +
      'order, or give --all, which covers webhook endpoints too. It leaves other orders alone, so it is safe to run at any ' +
      'time. A history that is longer than the journal is recorded first. With --json, --all prints what became of the ' +
      'orders, and in `others` of the endpoints. The exit code is 1 if something is left that needs an operator. ' +
      `With a key, it asks the API to resume the order. ${OPERATIONS_API_HELP}`,
    examples: [
      'resume 018f…',
      'resume 018f… --entity endpoint',
      'resume --all --dry-run',
      "resume --all --reason 'Temporal was restored'",
    ],
  })
    .argument('[orderId]', 'the order')
    .option('--all', 'every order and endpoint that is not finished')
    .addOption(
      new Option('--entity <name>', 'the kind of entity (default: order; with --all, every kind)').choices(
        logs.map(({ entity }) => entity.name),
      ),
    )
    .option('--dry-run', 'say what would be done, and change nothing')
    .option('--reason <text>', 'why, for the log', 'resumed by hand')
    .option(
      '--actor <name>',
      'the actor to record, only without an API key (default: temporal:<your user name>)',
    );
  command.action(async (id: string | undefined) => {
    const options = command.optsWithGlobals<ResumeScriptOptions>();
    if ((id === undefined) !== (options.all === true)) throw usageFailure('say which order, or --all');
    if (id === undefined) await resumeEach(session, options);
    else await resumeOne(session, id, options);
  });
}

async function resumeOne(session: Session, id: string, options: ResumeScriptOptions): Promise<void> {
  const { entity = 'order' } = options;
  const found = sendsWithKey(session, options)
    ? await resumeOverHttp(session, id, options)
    : await directly(session, options, async ({ deps, command, resumeOptions }) => {
        const { resume } = await import('../../log/resume/resume.js');
        return await resume(ofAnyEntity(logNamed(entity)), deps, id, command, resumeOptions);
      });
  if (found.outcome === 'unknown') throw entityNotFound(entity, id);
  report(session, options, found, () => [
    ...(options.dryRun ? [ONLY_A_PLAN] : []),
    ...reportTable(entity, [found], session.terminal.paint),
  ]);
  failIfLeft([{ entity, orders: [found] }]);
}

const ONLY_A_PLAN = 'nothing was changed; this would be done:';

/** Asks the API, which resumes one order at a time. */
async function resumeOverHttp(
  session: Session,
  orderId: string,
  options: ResumeScriptOptions,
): Promise<ResumeReport> {
  refuseActor(options);
  const { entity = 'order', dryRun, reason } = options;
  if (dryRun === true || entity !== 'order') throw onlyDirectly();
  const path = apiPath`/v1/orders/${orderId}/resume`;
  return await operationsApiOf(session, options).post<ResumeReport>(path, { reason });
}

function onlyDirectly() {
  return usageFailure('--all, --dry-run and --entity work on Temporal and MongoDB themselves: add --direct');
}

/**
 * Resumes every entity that needs it. If a server fails meanwhile, the reports so far are printed.
 */
async function resumeEach(session: Session, options: ResumeScriptOptions): Promise<void> {
  if (sendsWithKey(session, options)) throw onlyDirectly();
  const chosen = options.entity === undefined ? logs : [logNamed(options.entity)];
  const resumed: Resumed[] = [];
  const print = () => {
    const [first, ...others] = resumed;
    report(session, options, { ...first, others }, () => [
      ...(options.dryRun && resumed.some(({ orders }) => orders.length > 0) ? [ONLY_A_PLAN] : []),
      ...resumedLines(resumed, session.terminal.paint),
    ]);
  };
  try {
    await directly(session, options, async ({ deps, command, resumeOptions }) => {
      const { resumeAll } = await import('../../log/resume/resume-all.js');
      for (const log of chosen) {
        const ofKind = nothingResumed(log.entity.name);
        resumed.push(ofKind);
        await collect(ofKind, resumeAll(ofAnyEntity(log), deps, command, resumeOptions));
      }
    });
  } catch (error) {
    if (resumed.some(({ looked }) => looked > 0)) print();
    throw error;
  }
  print();
  failIfLeft(resumed);
}

/** @throws Failure if something needs an operator */
function failIfLeft(resumed: Parameters<typeof leftForOperator>[0]): void {
  const message = leftForOperator(resumed);
  if (message !== undefined) throw new Failure(exitCodes.refused, { code: 'not_resumed', message });
}

async function collect(resumed: Resumed, reports: AsyncIterable<ResumeReport>): Promise<void> {
  const bar = progressBar(process.stderr);
  try {
    for await (const one of reports) {
      addReport(resumed, one);
      bar.show({ what: plural(resumed.entity), done: resumed.looked });
    }
  } finally {
    bar.end();
  }
}

/** What `resume` and `resumeAll` need. */
interface Direct {
  readonly deps: ResumeDeps;
  readonly command: ResumeCommand;
  readonly resumeOptions: ResumeOptions;
}

/** Runs `work` on Temporal and MongoDB themselves, if the API serves the same ones. */
async function directly<T>(
  session: Session,
  options: ResumeScriptOptions,
  work: (direct: Direct) => Promise<T>,
): Promise<T> {
  const { reason, dryRun, actor: named } = options;
  const meta = metaOf(named === undefined ? {} : { actor: named });
  await checkSender(meta);
  await checkBody((is) => is.closed({ reason: is.Text }), { reason });
  await refuseOtherSystem(session, options);
  const { actor, correlationId } = meta;
  const commandId = commandIdOf(actor, randomUUID());
  const command = { commandId, hash: 'resume', correlationId, actor, reason };
  const { continueAsNewAfter } = configOf(session);
  const resumeOptions = { isDryRun: dryRun === true, answerWithinMs: ANSWER_WITHIN_MS };
  return await withDatabases(session, async (databases) => {
    const deps = { ...databases, ...(continueAsNewAfter !== undefined && { continueAsNewAfter }) };
    return await work({ deps, command, resumeOptions });
  });
}
