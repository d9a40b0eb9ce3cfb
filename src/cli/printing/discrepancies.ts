import type { Discrepancy } from '../../log/proof/discrepancy.js';
import { withRemedy } from '../../log/proof/reconciliation-reports.js';
import type { VerifyReport } from '../../log/proof/verify.js';
import { countedEntities } from './counted-entities.js';
import { type Column, table } from './table.js';
import { counted, type Paint } from './terminal.js';

/* What `verify` and `reconcile` have found, as readable text. */

/** A report of `verify` as readable text. */
export function verifyLines(
  { orders, events, withoutHistory, head, found, discrepancies }: VerifyReport<string>,
  paint: Paint,
  entity = 'order',
): readonly string[] {
  const verified = [
    countedEntities(orders, entity),
    counted(events, 'event', 'events'),
    ...(head === undefined ? [] : [`positions 1 to ${head.toLocaleString('en')}`]),
  ].join(', ');
  const inJournalAlone =
    withoutHistory === 0
      ? []
      : [
          `${countedEntities(withoutHistory, entity, [' is', ' are'])} in the journal alone, since Temporal no longer keeps their histories`,
        ];
  if (found === 0) return [paint('green', `${verified}: all agree`), ...inJournalAlone];
  const more = found - discrepancies.length;
  return [
    `${verified}:`,
    ...discrepancyTable(discrepancies, paint, entity),
    ...(more === 0 ? [] : [`and ${more} more`]),
    ...inJournalAlone,
  ];
}

/** How many discrepancies there are, and the remedy of the first. */
export function discrepancySummary(
  { found, discrepancies }: Pick<VerifyReport<string>, 'found' | 'discrepancies'>,
  which: string,
): string {
  const remedy = discrepancies[0]?.remedy ?? 'see each of them';
  return `${counted(found, 'discrepancy', 'discrepancies')} ${which}; for the first: ${remedy}`;
}

/** Discrepancies as a table, with what to do about each. */
export function discrepancyTable(
  discrepancies: readonly Discrepancy<string>[],
  paint: Paint,
  entity: string,
): readonly string[] {
  const columns: readonly Column[] = [
    { title: entity.toUpperCase() },
    { title: 'VERSION', align: 'right' },
    { title: 'WHERE' },
    { title: '' },
    { title: 'WHAT' },
  ];
  const rows = discrepancies.map(({ orderId = '', version, where, kind, detail, remedy }) => [
    orderId,
    version === undefined ? '' : String(version),
    where,
    { text: kind, format: kind === 'behind' ? ('yellow' as const) : ('red' as const) },
    withRemedy(detail, remedy),
  ]);
  return table(columns, rows, paint);
}
