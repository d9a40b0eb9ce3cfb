import { type Logger, pino } from 'pino';
import type { LogLevel } from './config.js';

export type { Logger };

/** Errors are logged in full under either name: ours, and that of Temporal's SDK. */
export const format = {
  base: null,
  timestamp: pino.stdTimeFunctions.isoTime,
  serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err },
} as const;

/** Structured logs on standard output: one JSON object a line, or one readable line each in a terminal. */
export function createLogger(level: LogLevel): Logger {
  const options = { ...format, level };
  return process.stdout.isTTY
    ? pino(options, { write: (line) => process.stdout.write(readable(line)) })
    : pino(options);
}

/** As pino writes it. */
interface Line extends Readonly<Record<string, unknown>> {
  readonly time: string;
  readonly level: number;
  readonly msg?: string;
}

/** `12:00:01 info  message key=value …` */
function readable(line: string): string {
  const { time, level, msg, ...rest }: Line = JSON.parse(line);
  const label = pino.levels.labels[level] ?? '';
  const details = Object.entries(rest).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  return `${time.slice(11, 19)} ${label.padEnd(5)} ${msg ?? ''}${details.join('')}\n`;
}
