import { describe, expect, test } from '@jest/globals';
import { barLine, progressBar } from '../../../src/cli/printing/progress-bar.js';

describe('a progress bar', () => {
  test('shows progress, speed and the time left', () => {
    expect(barLine({ what: 'orders', done: 1_200, total: 4_800 }, 4)).toBe(
      `orders  ${'█'.repeat(6)}${'░'.repeat(18)}  1,200 of 4,800  25 %  300/s  12 s left`,
    );
    expect(barLine({ what: 'orders', done: 7 }, 0)).toBe('orders  7  0/s');
  });

  test('is redrawn in a terminal, and is a line every few seconds elsewhere', () => {
    const written: string[] = [];
    const write = (text: string | Uint8Array) => written.push(String(text)) > 0;
    let seconds = 0;
    const piped = progressBar({ isTTY: false, write }, () => seconds * 1_000);
    for (; seconds < 12; seconds += 1) piped.show({ what: 'orders', done: seconds * 10, total: 120 });
    piped.end();
    expect(written).toEqual([
      expect.stringMatching(/^orders .* 50 of 120 .* 10\/s {2}7 s left\n$/),
      expect.stringMatching(/^orders .* 100 of 120 .*\n$/),
    ]);
    written.length = 0;
    const watched = progressBar({ isTTY: true, write });
    watched.show({ what: 'orders', done: 1 });
    watched.end();
    const clear = '\r\u001B[K';
    expect(written).toEqual([expect.stringContaining(`${clear}orders  1  `), clear]);
  });
});
