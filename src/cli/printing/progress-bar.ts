import type { WriteStream } from 'node:tty';

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
