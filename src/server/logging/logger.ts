import { type Logger, pino } from 'pino';
import { withoutSecrets } from '../../redaction.js';
import type { LogLevel } from '../config.js';

export type { Logger };

/** Errors are logged in full under both names: `err` is ours, `error` is that of Temporal's SDK. */
export const format = {
  base: null,
  timestamp: pino.stdTimeFunctions.isoTime,
  serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err },
} as const;

/**
 * Structured logs on standard output: one JSON object per line, or one readable line in a terminal.
 * A log line has no secret.
 */
export function createLogger(level: LogLevel): Logger {
  const out = process.stdout.isTTY ? undefined : pino.destination(process.stdout.fd);
  return pino(
    { ...format, level },
    {
      write(line) {
        const shown = withoutSecrets(line);
        if (out === undefined) process.stdout.write(readable(shown));
        else out.write(shown);
      },
    },
  );
}

/** A log line as pino writes it. */
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
