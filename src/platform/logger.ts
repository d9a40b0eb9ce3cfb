import { type Logger, pino } from 'pino';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { LogLevel } from './config.js';

export type { Logger };

/** Structured logs on standard output: one JSON object a line, or one readable line each in a terminal. */
export function createLogger(level: LogLevel): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return process.stdout.isTTY
    ? pino(options, { write: (line) => process.stdout.write(readable(line)) })
    : pino(options);
}

const Line = Type.Object({ time: Type.String(), level: Type.Integer(), msg: Type.Optional(Type.String()) });

/** `12:00:01 info  message key=value …` */
function readable(line: string): string {
  const { time, level, msg, ...rest } = Value.Parse(Line, JSON.parse(line));
  const label = pino.levels.labels[level] ?? '';
  const details = Object.entries(rest).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  return `${time.slice(11, 19)} ${label.padEnd(5)} ${msg ?? ''}${details.join('')}\n`;
}
