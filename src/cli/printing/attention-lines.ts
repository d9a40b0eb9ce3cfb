import type { AttentionRow } from '../../attention/rows.js';
import { type Paint, visible } from './terminal.js';

/** A row of the attention list as readable text, in a few lines. */
export function attentionLines(
  { orderId, code, since, detail, remedy, attempts, nextTryAt }: AttentionRow,
  paint: Paint,
): readonly string[] {
  const tries = [
    ...(attempts === undefined ? [] : [`attempt ${attempts}`]),
    ...(nextTryAt === undefined ? [] : [`next at ${nextTryAt}`]),
  ];
  return [
    [paint('yellow', code), ...(orderId === undefined ? [] : [visible(orderId)]), `since ${since}`].join(
      ' · ',
    ),
    `  ${visible(detail)}`,
    ...(tries.length === 0 ? [] : [`  ${tries.join(', ')}`]),
    `  → ${visible(remedy)}`,
  ];
}
