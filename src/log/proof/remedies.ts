import { cliLinesForAll, comparedByHand } from '../entity-log/cli-lines.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import type { Discrepancy } from './discrepancy.js';

/** What to do about a discrepancy that has no remedy of its own; one sentence. */
export function remedyOf(
  log: AnyLog,
  { orderId, where, kind }: Pick<Discrepancy, 'orderId' | 'where' | 'kind'>,
): string {
  const { entity, view, cliLines } = log;
  const { projections, rebuild, reconcile } = cliLinesForAll;
  const again = `\`${orderId === undefined ? cliLinesForAll.verify : cliLines.verify(orderId)}\``;
  if (kind === 'unanswered' && where === 'workflow')
    return `start a process of the role \`worker\`, then ${again}`;
  if (kind === 'unanswered') return `fix the cause, then ${again}`;
  if (where === 'positions') {
    return kind === 'behind'
      ? `start a process of the role \`feed\`, which gives positions; \`${projections}\` shows its progress`
      : `restore what is missing from a backup, then rebuild the feed views of ${view.collection}`;
  }
  if (kind === 'behind') {
    return where === 'journal' || where === 'view'
      ? `\`${reconcile}\` records what is missing`
      : `the ${entity.name} was in progress: ${again}`;
  }
  if (where === 'view') return `\`${rebuild(view.collection)}\` rebuilds it from the journal`;
  const resume = cliLines.resume(orderId ?? '');
  if (where === 'workflow') return `\`${resume}\` restarts it from the journal`;
  return `${comparedByHand(cliLines, orderId ?? '')}: restore the wrong one from a backup, or use \`${resume}\` if the journal is right`;
}
