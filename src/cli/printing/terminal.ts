import type { WriteStream } from 'node:tty';
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
 * The terminal of this process. It has colours if standard output is a terminal and NO_COLOR is not
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

export interface ProgressLine {
  readonly what: string;
  readonly done: number;
  readonly total?: number;
  /** absent if it is not known; then the bar computes it */
  readonly perSecond?: number;
  /** further explanation */
  readonly note?: string;
}

export interface ProgressBar {
  show(step: ProgressLine): void;
  /** Removes the bar from the terminal. */
  end(): void;
}

const BAR_WIDTH = 24;
const REDRAW_MS = 100;
/** How often a line is printed if the output is not a terminal. */
const LINE_EVERY_MS = 5_000;

/**
 * Shows the progress of long work: in a terminal on one line that is drawn again, in a log with a
 * new line every few seconds.
 */
export function progressBar(stream: Pick<WriteStream, 'isTTY' | 'write'>, now = Date.now): ProgressBar {
  const began = now();
  const everyMs = stream.isTTY ? REDRAW_MS : LINE_EVERY_MS;
  let drawnAt = stream.isTTY ? 0 : began;
  return {
    show(step) {
      const at = now();
      if (at - drawnAt < everyMs) return;
      drawnAt = at;
      const line = barLine(step, (at - began) / 1_000);
      stream.write(stream.isTTY ? `\r\u001B[K${line}` : `${line}\n`);
    },
    end() {
      if (stream.isTTY && drawnAt > 0) stream.write('\r\u001B[K');
    },
  };
}

/** `orders  ██████░░░░  1,200 of 4,800  25 %  310/s  12 s left` */
export function barLine(
  { what, done, total, perSecond: known, note }: ProgressLine,
  seconds: number,
): string {
  const rate = known ?? (seconds > 0 ? done / seconds : 0);
  const perSecond = `${Math.round(rate).toLocaleString('en')}/s`;
  if (total === undefined || total === 0) return `${what}  ${done.toLocaleString('en')}  ${perSecond}`;
  const share = Math.min(1, done / total);
  const full = Math.round(share * BAR_WIDTH);
  const left = rate > 0 ? `  ${Math.ceil((total - done) / rate)} s left` : '';
  return [
    what,
    `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}`,
    `${done.toLocaleString('en')} of ${total.toLocaleString('en')}`,
    `${Math.floor(share * 100)} %`,
    `${perSecond}${left}`,
    ...(note === undefined ? [] : [note]),
  ].join('  ');
}
