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

/** How far something long has come, on one line that lives while it goes on. Shows nothing where nobody watches. */
export function progressBar(stream: Pick<WriteStream, 'isTTY' | 'write'>): ProgressBar {
  const began = Date.now();
  let drawnAt = 0;
  return {
    show(step) {
      const now = Date.now();
      if (!stream.isTTY || now - drawnAt < REDRAW_MS) return;
      drawnAt = now;
      stream.write(`\r\u001B[K${barLine(step, (now - began) / 1_000)}`);
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
