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
