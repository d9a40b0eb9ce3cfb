import { type Format, type Paint, visible } from './terminal.js';

/* Lists as tables with aligned columns. */

/** The line below a list that says how to see the next page; none after the last page. */
export function moreLines(nextCursor: string | undefined): readonly string[] {
  return nextCursor === undefined ? [] : [`there are more: --cursor ${nextCursor}`];
}

/** Text, plain or with a format. */
export type Cell = string | { readonly text: string; readonly format: Format };

export interface Column {
  readonly title: string;
  readonly align?: 'right';
}

/** Lines with aligned columns under a heading, if a column has a title. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  paint: Paint,
): readonly string[] {
  const widths = columns.map(({ title }, index) =>
    rows.reduce((widest, row) => Math.max(widest, textOf(row[index] ?? '').length), title.length),
  );
  const line = (cells: readonly Cell[]) =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index] ?? '';
        const text = textOf(cell);
        const gap = ' '.repeat((widths[index] ?? 0) - text.length);
        const painted = typeof cell === 'string' ? text : paint(cell.format, text);
        return align === 'right' ? gap + painted : painted + gap;
      })
      .join('  ')
      .trimEnd();
  const heading = columns.map(({ title }): Cell => ({ text: title, format: 'dim' }));
  const isTitled = columns.some(({ title }) => title !== '');
  return (isTitled ? [heading, ...rows] : rows).map(line);
}

/** Lines with aligned columns that have no titles. */
export function untitled(rows: readonly (readonly Cell[])[], paint: Paint): readonly string[] {
  return table(
    (rows[0] ?? []).map(() => ({ title: '' })),
    rows,
    paint,
  );
}

function textOf(cell: Cell): string {
  return visible(typeof cell === 'string' ? cell : cell.text);
}
