import type { WriteStream } from 'node:tty';

export interface Step {
  readonly what: string;
  readonly done: number;
  readonly total?: number;
  /** as it is known; otherwise counted from the first step shown on */
  readonly perSecond?: number;
}

export interface ProgressBar {
  show(step: Step): void;
  /** Takes it away again. */
  end(): void;
}

const WIDTH = 24;
const REDRAW_MS = 100;
/** Without a terminal, whose line could be drawn again. */
const LINE_EVERY_MS = 5_000;

/**
 * How far something long has come: on one line of a terminal that lives while it goes on, else, as in a log, a line every few
 * seconds.
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
export function barLine({ what, done, total, perSecond: known }: Step, seconds: number): string {
  const rate = known ?? (seconds > 0 ? done / seconds : 0);
  const perSecond = `${Math.round(rate).toLocaleString('en')}/s`;
  if (total === undefined || total === 0) return `${what}  ${done.toLocaleString('en')}  ${perSecond}`;
  const share = Math.min(1, done / total);
  const full = Math.round(share * WIDTH);
  const left = rate > 0 ? `  ${Math.ceil((total - done) / rate)} s left` : '';
  return [
    what,
    `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)}`,
    `${done.toLocaleString('en')} of ${total.toLocaleString('en')}`,
    `${Math.floor(share * 100)} %`,
    `${perSecond}${left}`,
  ].join('  ');
}
