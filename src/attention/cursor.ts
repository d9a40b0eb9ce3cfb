import type { Filter } from 'mongodb';
import type { AttentionCode, AttentionRow } from './rows.js';

/** Cursor of the list: the sort key of the last row that was returned. */
export interface AttentionCursor {
  readonly code: AttentionCode;
  readonly since: string;
  readonly id: string;
}

/** A row, and the id that orders rows with the same code and time. */
export interface SourceRow {
  readonly id: string;
  readonly row: AttentionRow;
}

/** The first `limit` of these rows, in the sequence of the list. */
export function oldest(found: readonly SourceRow[], limit: number): readonly SourceRow[] {
  return found.toSorted((one, other) => (sortKeyOf(one) < sortKeyOf(other) ? -1 : 1)).slice(0, limit);
}

/** The key by which rows of one code are sorted. */
export function sortKeyOf({ id, row }: SourceRow): string {
  return `${row.since} ${id}`;
}

/** Matches documents whose `field` is not after `before`, and that follow the cursor `after`. */
export function pageFilter<D extends { readonly _id: string }>(
  field: string,
  before: string,
  after: AttentionCursor | undefined,
  further: object = {},
): Filter<D> {
  const beyond =
    after === undefined
      ? {}
      : { $or: [{ [field]: { $gt: after.since } }, { [field]: after.since, _id: { $gt: after.id } }] };
  const range = { [field]: { $gte: after?.since ?? '', $lte: before } };
  return { ...further, ...range, ...beyond } as Filter<D>;
}
