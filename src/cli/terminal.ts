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

/** The terminal of this process: coloured where it is one and NO_COLOR is not set. */
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

/** Text from outside on one line, without what would steer a terminal. */
export function visible(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\p{Cc}\p{Cf}]/gu, '\u{FFFD}');
}
