import type { Discrepancy } from './comparison.js';

/** What to do about a discrepancy that has no remedy of its own; one sentence. */
export function remedyOf({ orderId, where, kind }: Pick<Discrepancy, 'orderId' | 'where' | 'kind'>): string {
  const again = orderId === undefined ? '`npx orders verify`' : `\`npx orders verify --order ${orderId}\``;
  if (kind === 'unanswered' && where === 'workflow')
    return `start a process of the role \`worker\`, then ${again}`;
  if (kind === 'unanswered') return `fix the cause, then ${again}`;
  if (where === 'positions') {
    return kind === 'behind'
      ? 'start a process of the role `feed`, which gives positions; `npx orders projections` shows how far it is'
      : 'restore what is missing from a backup, then rebuild the views across orders';
  }
  if (kind === 'behind') {
    return where === 'journal' || where === 'view'
      ? '`npx orders reconcile --now` records what is missing'
      : `the order was in progress: ${again}`;
  }
  if (where === 'view') return '`npx orders rebuild orders` rebuilds it from the journal';
  if (where === 'workflow') return `\`npx orders resume ${orderId}\` restarts it from the journal`;
  return (
    `compare \`npx orders events ${orderId}\` with \`npx orders events ${orderId} --source history\`: ` +
    'restore the wrong one from a backup, or use `npx orders resume` if the journal is right'
  );
}
