import type { Discrepancy } from '../../log/proof/discrepancy.js';
import { withRemedy } from '../../log/proof/reconciliation-reports.js';
import type { VerifyReport } from '../../log/proof/verify.js';
import { exitCodes, Failure } from '../script/failure.js';
import { type Column, counted, type Paint, table } from '../script/terminal.js';

/* How `verify` and `reconcile` show what differs. */

/** Ends the script with exit code 1, and the remedy of the first discrepancy. */
export function discrepancyFailure(
  code: string,
  which: string,
  { found, discrepancies }: Pick<VerifyReport<string>, 'found' | 'discrepancies'>,
): Failure {
  const remedy = discrepancies[0]?.remedy ?? 'see each of them';
  const message = `${counted(found, 'discrepancy', 'discrepancies')} ${which}; for the first: ${remedy}`;
  return new Failure(exitCodes.refused, { code, message });
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
