import type { ResumeReport } from '../../log/resume/resume-report.js';
import type { Resumed } from './resumed.js';
import { countedEntities } from '../printing/counted-entities.js';
import { table } from '../printing/table.js';
import { counted, type Format, type Paint } from '../printing/terminal.js';

/* What `resume` has found and done, as readable text. */

/** Maximum number of reports that are listed, in addition to those that need an operator. */
const MAX_LISTED = 50;

/** How many entities need an operator, and the remedy of the first; undefined if none does. */
export function leftForOperator(resumed: readonly Pick<Resumed, 'entity' | 'orders'>[]): string | undefined {
  const left = resumed
    .map(({ entity, orders }) => ({ entity, remedies: orders.flatMap(({ remedy }) => remedy ?? []) }))
    .filter(({ remedies }) => remedies.length > 0);
  const [first] = left;
  if (first === undefined) return undefined;
  const which = left.map(({ entity, remedies }) => countedEntities(remedies.length, entity)).join(' and ');
  const verb = left.length === 1 && first.remedies.length === 1 ? 'needs' : 'need';
  return `${which} ${verb} an operator; for the first: ${first.remedies[0]}`;
}

/** All reports as readable text: of each kind the counts, then a table. */
export function resumedLines(resumed: readonly Resumed[], paint: Paint): readonly string[] {
  return resumed
    .filter(({ looked }, index) => index === 0 || looked > 0)
    .flatMap((one) => linesOf(one, paint));
}

function linesOf({ entity, looked, counts, orders, omitted }: Resumed, paint: Paint): readonly string[] {
  const checked = `${countedEntities(looked, entity)} checked`;
  if (orders.length === 0) return [paint('green', `${checked}: nothing to resume`)];
  const outcomes = Object.entries(counts).map(([outcome, count]) =>
    [count.toLocaleString('en'), wordsOf(outcome)].join(' '),
  );
  const left = orders.filter(({ remedy }) => remedy !== undefined);
  const others = orders.filter(({ remedy }) => remedy === undefined);
  const listed = others.slice(0, MAX_LISTED);
  const more = others.length - listed.length + omitted;
  return [
    `${checked}: ${outcomes.join(', ')}`,
    ...reportTable(entity, [...left, ...listed], paint),
    ...(more === 0 ? [] : [`and ${more.toLocaleString('en')} more`]),
  ];
}

/** Reports as a table. */
export function reportTable(
  entity: string,
  reports: readonly ResumeReport[],
  paint: Paint,
): readonly string[] {
  const rows = reports.map((one) => [
    one.orderId,
    { text: wordsOf(one.outcome), format: formats[one.outcome] },
    whatOf(one),
  ]);
  return table([{ title: entity.toUpperCase() }, { title: 'OUTCOME' }, { title: 'WHAT' }], rows, paint);
}

function wordsOf(outcome: string): string {
  return outcome.replaceAll('_', ' ');
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
