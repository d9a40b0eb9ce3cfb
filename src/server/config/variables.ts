import { readFileSync } from 'node:fs';
import { withoutSecrets } from '../../redaction.js';

/*
 * Each of these functions reads one environment variable, or a part of its value. It throws a
 * `ConfigError` for an unusable value.
 */

export type Env = Readonly<Record<string, string | undefined>>;

/**
 * A variable has an unusable value. The message is one line: variable, value and what was expected.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The value without spaces around it; undefined if it is empty or not set. */
export function value(env: Env, name: string): string | undefined {
  const given = env[name]?.trim();
  return given === '' ? undefined : given;
}

export function text(env: Env, name: string, byDefault: string): string {
  return value(env, name) ?? byDefault;
}

/** @param given shown without user name, password and options, in case it is a connection string */
export function bad(name: string, given: string, expected: string): ConfigError {
  const shown = withoutSecrets(given.replace(/^.*@/s, '***@').replace(/\?.*$/s, '?***'));
  return new ConfigError(`${name}=${shown} cannot be used: expected ${expected}.`);
}

/** A secret, from its variable or from the file that `<NAME>_FILE` names. */
export function secret(env: Env, name: string): string | undefined {
  const given = value(env, name);
  const content = file(env, `${name}_FILE`)?.toString('utf8').trim();
  if (content === undefined) return given;
  if (given !== undefined) throw new ConfigError(`${name} and ${name}_FILE are both set: unset one of them.`);
  if (content === '')
    throw new ConfigError(`${name}_FILE names an empty file: expected the value of ${name}.`);
  return content;
}

/** @throws ConfigError if the value does not match */
export function matching(
  name: string,
  given: string | undefined,
  pattern: RegExp,
  expected: string,
): string | undefined {
  if (given !== undefined && !pattern.test(given)) throw bad(name, given, expected);
  return given;
}

/**
 * A list whose items are separated by commas. An item cannot contain a comma; `itemsIn` is for
 * lists whose items can.
 */
export function list(
  env: Env,
  name: string,
  isOne: (item: string) => boolean,
  expected: string,
): readonly string[] {
  const given = value(env, name);
  const items = given?.split(',').map((item) => item.trim()) ?? [];
  if (given !== undefined && !items.every(isOne)) throw bad(name, given, `${expected}, separated by commas`);
  return items;
}

export function integer(env: Env, name: string, byDefault: number, min: number, max: number): number {
  const given = value(env, name);
  if (given === undefined) return byDefault;
  const number = Number(given);
  if (!/^\d+$/.test(given) || number < min || number > max) {
    throw bad(name, given, `a whole number from ${min} to ${max}`);
  }
  return number;
}

export function port(env: Env, name: string, byDefault: number): number {
  return integer(env, name, byDefault, 0, 65_535);
}

export function oneOf<T extends string>(env: Env, name: string, allowed: readonly T[], byDefault: T): T {
  const given = value(env, name);
  if (given === undefined) return byDefault;
  const found = allowed.find((one) => one === given);
  if (found === undefined) throw bad(name, given, `one of ${allowed.join(', ')}`);
  return found;
}

const UNIT_MS = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);
export const MAX_DURATION_MS = 3_650 * 86_400_000;

/** The duration in the variable `name`, in ms: at least `atLeastMs`, at most ten years. */
export function duration(env: Env, name: string, byDefault: string, atLeastMs = 1): number {
  const given = text(env, name, byDefault);
  const ms = durationMs(given);
  if (!(ms >= atLeastMs && ms <= MAX_DURATION_MS)) {
    const least = atLeastMs === 1 ? 'above zero' : `of ${atLeastMs}ms or more`;
    throw bad(name, given, `a duration ${least} and up to ten years, such as 500ms, 90s, 15m, 24h or 30d`);
  }
  return ms;
}

/** Milliseconds of a duration such as 500ms, 90s, 15m, 24h or 30d; NaN if it is not one. */
export function durationMs(given: string): number {
  const [, amount, unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(given) ?? [];
  return Number(amount) * (UNIT_MS.get(unit) ?? Number.NaN);
}

/** The content of the file that the variable names. */
export function file(env: Env, name: string): Buffer | undefined {
  return readFileNamed(name, value(env, name));
}

/** The content of a file whose path is the value of `name`, or part of it. */
export function readFileNamed(name: string, path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch {
    throw bad(name, path, 'the path of a file that can be read');
  }
}
