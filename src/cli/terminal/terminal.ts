import { styleText } from 'node:util';

export type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
export type Paint = (format: Format, text: string) => string;

/** Where a script writes to and reads from. */
export interface Terminal {
  /** one line to standard output */
  readonly print: (line: string) => void;
  /** one line to standard error */
  readonly complain: (line: string) => void;
  /** colours for standard output */
  readonly paint: Paint;
  /** all of standard input */
  readonly readInput: () => Promise<Uint8Array>;
}

/**
 * The terminal of this process. Has colours if standard output is a terminal and NO_COLOR is not
 * set.
 */
export const processTerminal: Terminal = {
  print: (line) => process.stdout.write(`${line}\n`),
  complain: (line) => process.stderr.write(`${line}\n`),
  paint: (format, text) => styleText(format, text, { stream: process.stdout }),
  async readInput() {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  },
};

/**
 * Text from outside, on one line and without control characters, which could change the terminal. A
 * sealed value, which is unreadable, becomes `(sealed)`.
 */
export function visible(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, '\u{FFFD}')
    .replaceAll(/sealed:1:[\w-]{12}:[\w-]{38,}/g, '(sealed)');
}

/** `1 order`, `1,200 orders`. */
export function counted(count: number, one: string, several: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : several}`;
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
    Math.max(title.length, ...rows.map((row) => textOf(row[index] ?? '').length)),
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
