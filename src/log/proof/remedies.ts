import type { Discrepancy } from './comparison.js';

/** What a person does about a discrepancy that does not say so itself, in one sentence. */
export function remedyOf({ orderId, where, kind }: Pick<Discrepancy, 'orderId' | 'where' | 'kind'>): string {
  const again = orderId === undefined ? '`npx orders verify`' : `\`npx orders verify --order ${orderId}\``;
  if (kind === 'unanswered' && where === 'workflow')
    return `start a process of the role \`worker\`, then ${again}`;
  if (kind === 'unanswered') return `look at the cause, then ${again}`;
  if (where === 'positions') {
    return kind === 'behind'
      ? 'start a process of the role `feed`, which gives positions; `npx orders projections` shows how far it is'
      : 'put what is missing back from a backup, then rebuild the views across orders';
  }
  if (kind === 'behind') {
    return where === 'journal' || where === 'view'
      ? '`npx orders reconcile --now` records what is missing'
      : `it was under way: ${again}`;
  }
  if (where === 'view') return '`npx orders rebuild orders` builds it anew from the journal';
  if (where === 'workflow') return `\`npx orders resume ${orderId}\` starts it anew from the journal`;
  return (
    `compare \`npx orders events ${orderId}\` with \`npx orders events ${orderId} --source history\`: ` +
    'put the one that is wrong back from a backup, or `npx orders resume` where the journal is right'
  );
}
