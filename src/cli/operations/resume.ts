import { randomUUID } from 'node:crypto';
import process from 'node:process';
import type { Command } from 'commander';
import type { ResumeReport } from '../../log/resume/resume-report.js';
import { commandIdOf } from '../../log/workflow/command-id.js';
import { logNamed, ofAnyEntity } from '../../entity-logs.js';
import { apiPath, operationsApiOf } from '../connections/api.js';
import { reachTemporal, withDatabases } from '../connections/databases.js';
import { counted, type Format, type Paint, progressBar, table } from '../printing/terminal.js';
import { sendsWithKey } from '../script/api-key.js';
import { checkBody } from '../script/check.js';
import { entityNotFound, exitCodes, Failure, usageFailure } from '../script/failure.js';
import { entityOption } from '../script/options.js';
import { addScript, type CommonOptions, configOf, report, type Session } from '../script/script.js';
import { checkSender, metaOf, refuseActor } from '../script/sender.js';

interface ResumeCommandOptions extends CommonOptions {
  readonly all?: true;
  readonly dryRun?: true;
  readonly entity: string;
  readonly reason: string;
  readonly actor?: string;
}

const ANSWER_WITHIN_MS = 10_000;
/** Maximum number of orders that are listed, in addition to those that need an operator. */
const MAX_LISTED = 50;
const MAX_KEPT = 10_000;

/** Adds `resume`, which starts workflows again from the journal. */
export function addResume(program: Command, session: Session): void {
  const command = addScript(program, 'resume', {
    summary: 'restart the workflow of an order from the journal',
    details:
      'For an order whose workflow ended too early, or whose history was lost or restored to an older state. It leaves ' +
      'other orders alone, so it is safe to run at any time. A history that is longer than the journal is recorded first. ' +
      'The exit code is 1 if an order is left that needs an operator.',
    examples: ['resume 018f…', 'resume --all --dry-run', "resume --all --reason 'Temporal was restored'"],
  })
    .argument('[orderId]', 'the order')
    .option('--all', 'every order that is not finished')
    .addOption(entityOption())
    .option('--dry-run', 'say what would be done, and change nothing')
    .option('--reason <text>', 'why, for the log', 'resumed by hand')
    .option(
      '--actor <name>',
      'the actor to record, only without an API key (default: temporal:<your user name>)',
    );
  command.action(async (orderId: string | undefined) => {
    const options = command.optsWithGlobals<ResumeCommandOptions>();
    if ((orderId === undefined) !== (options.all === true)) throw usageFailure('say which order, or --all');
    const resumed = await resume(session, orderId, options);
    const [first] = resumed.orders;
    report(session, options, orderId === undefined ? resumed : first, () =>
      resumeLines(resumed, {
        entity: options.entity,
        isDryRun: options.dryRun === true,
        paint: session.terminal.paint,
      }),
    );
    const left = resumed.orders.filter(({ remedy }) => remedy !== undefined);
    if (left.length > 0) {
      const { entity } = options;
      const message = `${counted(left.length, `${entity} needs`, `${entity}s need`)} an operator: ${left[0]?.remedy}`;
      throw new Failure(exitCodes.refused, { code: 'not_resumed', message });
    }
    if (orderId !== undefined && first?.outcome === 'unknown') throw entityNotFound(options.entity, orderId);
  });
}

/** The outcome for the orders that were examined. */
export interface Resumed {
  readonly looked: number;
  readonly counts: Readonly<Partial<Record<ResumeReport['outcome'], number>>>;
  /** at most 10,000 reports; orders without a problem are left out */
  readonly orders: readonly ResumeReport[];
}

async function resume(
  session: Session,
  orderId: string | undefined,
  options: ResumeCommandOptions,
): Promise<Resumed> {
  const { reason, dryRun, actor, entity } = options;
  if (sendsWithKey(session, options)) return await resumeOverHttp(session, orderId, options);
  const config = configOf(session);
  const meta = metaOf(actor === undefined ? {} : { actor });
  await checkSender(meta);
  await checkBody((is) => is.closed({ reason: is.Text }), { reason });
  const [one, { resumeAll }] = await Promise.all([
    import('../../log/resume/resume.js'),
    import('../../log/resume/resume-all.js'),
  ]);
  const log = ofAnyEntity(logNamed(entity));
  const { actor: who, correlationId } = meta;
  const asked = {
    commandId: commandIdOf(who, randomUUID()),
    hash: 'resume',
    correlationId,
    actor: who,
    reason,
  };
  return await withDatabases(config, async (databases) => {
    await reachTemporal(databases);
    const { continueAsNewAfter } = config;
    const resuming = {
      ...databases,
      ...(continueAsNewAfter === undefined ? {} : { continueAsNewAfter }),
    };
    const how = { isDryRun: dryRun === true, answerWithinMs: ANSWER_WITHIN_MS };
    if (orderId === undefined) return await collected(entity, resumeAll(log, resuming, asked, how));
    const found = await one.resume(log, resuming, orderId, asked, how);
    return { looked: 1, counts: { [found.outcome]: 1 }, orders: [found] };
  });
}

/** Asks the API, which resumes one order at a time. */
async function resumeOverHttp(
  session: Session,
  orderId: string | undefined,
  options: ResumeCommandOptions,
): Promise<Resumed> {
  refuseActor(options);
  if (orderId === undefined || options.dryRun === true || options.entity !== 'order')
    throw usageFailure('--all, --dry-run and --entity work on Temporal and MongoDB themselves: add --direct');
  const { reason } = options;
  const path = apiPath`/v1/orders/${orderId}/resume`;
  const order = await operationsApiOf(session, options).post<ResumeReport>(path, { reason });
  return { looked: 1, counts: { [order.outcome]: 1 }, orders: [order] };
}

async function collected(entity: string, reports: AsyncIterable<ResumeReport>): Promise<Resumed> {
  const bar = progressBar(process.stderr);
  const counts: Partial<Record<ResumeReport['outcome'], number>> = {};
  const orders: ResumeReport[] = [];
  let looked = 0;
  try {
    for await (const order of reports) {
      looked += 1;
      counts[order.outcome] = (counts[order.outcome] ?? 0) + 1;
      if (!isUnchanged(order) && orders.length < MAX_KEPT) orders.push(order);
      bar.show({ what: `${entity}s`, done: looked });
    }
  } finally {
    bar.end();
  }
  return { looked, counts, orders };
}

function isUnchanged({ outcome, recorded, setAside }: ResumeReport): boolean {
  return (outcome === 'running' || outcome === 'ended') && recorded.length + setAside.length === 0;
}

const formats: Readonly<Record<ResumeReport['outcome'], Format>> = {
  running: 'green',
  resumed: 'green',
  restarted: 'green',
  already_resumed: 'green',
  ended: 'green',
  contradiction: 'red',
  incomplete: 'red',
  unknown: 'yellow',
};

/** A report as readable text; orders that need an operator come first. */
function resumeLines(
  { looked, orders }: Resumed,
  { entity, isDryRun, paint }: { readonly entity: string; readonly isDryRun: boolean; readonly paint: Paint },
): readonly string[] {
  if (orders.length === 0)
    return [paint('green', `${counted(looked, entity, `${entity}s`)} checked: nothing to resume`)];
  const left = orders.filter(({ remedy }) => remedy !== undefined);
  const others = orders.filter(({ remedy }) => remedy === undefined);
  const rows = [...left, ...others.slice(0, MAX_LISTED)].map((order) => [
    order.orderId,
    { text: order.outcome.replaceAll('_', ' '), format: formats[order.outcome] },
    whatOf(order),
  ]);
  const more = others.length - MAX_LISTED;
  return [
    ...(isDryRun ? ['nothing was changed; this would be done:'] : []),
    ...table([{ title: entity.toUpperCase() }, { title: 'OUTCOME' }, { title: 'WHAT' }], rows, paint),
    ...(more > 0 ? [`and ${more.toLocaleString('en')} more`] : []),
  ];
}

function whatOf({ detail, remedy, recorded, setAside, messages, refused = [] }: ResumeReport): string {
  return [
    detail,
    ...(recorded.length === 0 ? [] : [`recorded first: versions ${recorded.join(', ')}`]),
    ...(setAside.length === 0 ? [] : [`set aside: versions ${setAside.join(', ')}`]),
    ...(messages.length === 0 ? [] : [`decided again: ${counted(messages.length, 'message', 'messages')}`]),
    ...refused.map(({ commandId, message }) => `refused ${commandId}: ${message}`),
    ...(remedy === undefined ? [] : [remedy]),
  ].join('; ');
}
