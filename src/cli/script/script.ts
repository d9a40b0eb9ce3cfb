import process from 'node:process';
import type { Command } from 'commander';
import type { Gateway } from '../../api/commands/gateway/gateway.js';
import type { RefusedCommand } from '../../api/commands/gateway/refusals.js';
import { commands } from '../../api/commands/table.js';
import type { System } from '../../api/operations/system.js';
import { followUpTypes, segments } from '../../order/commands.js';
import { messageOf } from '../../outages/message-of.js';
import { type Config, readConfig } from '../../server/config.js';
import { ConfigError } from '../../server/config/variables.js';
import { printExact } from './exact-json.js';
import type { Terminal } from './terminal.js';

/*
 * What every script has: its session, its help, how it prints a result, and how it fails.
 *
 * Temporal's SDK, MongoDB's driver and the schemas load slowly. Each script imports them with
 * `import()` when it needs them, because most scripts do without them.
 */

/** The environment of a script; tests pass their own. */
export interface Session {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly openTemporalGateway: (config: Config) => Promise<TemporalGateway>;
}

/** The gateway of a script that sends commands to Temporal itself. */
export interface TemporalGateway {
  readonly gateway: Gateway;
  /** where its commands go */
  readonly system: System;
  readonly close: () => Promise<void>;
}

/** Options of every script. */
export interface CommonOptions {
  readonly json?: true;
  readonly url?: string;
  readonly keyFile?: string;
  readonly direct?: true;
}

/**
 * The configuration from the environment, as that of a worker, so that no secrets of the API are
 * needed. Only `settle` signs: with the sandbox's secret, unless another one is set.
 */
export function configOf({ env }: Session): Config {
  return readConfig({ ...env, ROLES: 'worker' });
}

export interface Help {
  /** what the script does, in the list of all scripts and as the first sentence of its own help */
  readonly summary: string;
  /** further explanation */
  readonly details?: string;
  /** as they are typed after `npx orders` */
  readonly examples: readonly string[];
}

/** Adds a script with its help. */
export function addScript(parent: Command, name: string, { summary, details, examples }: Help): Command {
  const [initial, rest] = [summary.charAt(0), summary.slice(1)];
  const sentence = `${initial.toUpperCase()}${rest}.`;
  return parent
    .command(name)
    .summary(`${initial.toLowerCase()}${rest}`)
    .description(details === undefined ? sentence : `${sentence}\n\n${details}`)
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  npx orders ${line}`).join('\n')}`);
}

/** Prints a result: as exactly one JSON value, or as readable text. */
export function report(
  { terminal: { print } }: Session,
  { json }: CommonOptions,
  result: unknown,
  lines: () => readonly string[],
): void {
  if (json === true) print(printExact(result));
  else for (const line of lines()) print(line);
}

/** The exit codes of the scripts. `connections/api.ts` has the code of each HTTP status. */
export const exitCodes = {
  done: 0,
  /** the order, its version or a rule does not allow it */
  refused: 1,
  /** wrong arguments, options or input, or not allowed by the key */
  usage: 2,
  notFound: 3,
  /** no answer: a command may still take effect */
  unavailable: 4,
  unexpected: 5,
  interrupted: 130,
} as const;

export interface FailureDetails {
  readonly code: string;
  /** what is wrong, and what to do instead */
  readonly message: string;
  /** JSON pointer into the command's data */
  readonly pointer?: string;
  /** the commands that are allowed, as path segments of the contract */
  readonly allowedCommands?: readonly string[];
}

/** Why a script ends with another exit code than 0. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: number;
  readonly details: FailureDetails;

  constructor(exitCode: number, details: FailureDetails) {
    super(details.message);
    this.exitCode = exitCode;
    this.details = details;
  }
}

const exitCodeOfRefusal: Readonly<Record<RefusedCommand['refusal']['kind'], number>> = {
  invalid: exitCodes.refused,
  not_allowed: exitCodes.refused,
  key_reused: exitCodes.refused,
  stale_version: exitCodes.refused,
  halted: exitCodes.refused,
  not_found: exitCodes.notFound,
  busy: exitCodes.unavailable,
  memory_from: exitCodes.unavailable,
};

export function failureOfRefusal({ refusal, allowedCommands }: RefusedCommand): Failure {
  const { kind, code, message, pointer } = refusal;
  return new Failure(exitCodeOfRefusal[kind], {
    code,
    message,
    ...(pointer === undefined ? {} : { pointer }),
    ...(kind === 'not_allowed' && allowedCommands !== undefined ? { allowedCommands } : {}),
  });
}

export function usageFailure(message: string, pointer?: string): Failure {
  return new Failure(exitCodes.usage, {
    code: 'bad_input',
    message,
    ...(pointer === undefined ? {} : { pointer }),
  });
}

/** Any thrown value as a failure. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof ConfigError)
    return new Failure(exitCodes.usage, { code: 'bad_configuration', message: error.message });
  return new Failure(exitCodes.unexpected, { code: 'unexpected', message: messageOf(error) });
}

/** One readable line: the code, what is wrong, where, and what would be allowed instead. */
export function failureLine({ details }: Failure): string {
  const { code, message, pointer, allowedCommands } = details;
  const where = pointer === undefined || pointer === '' ? '' : ` (at ${pointer})`;
  const sentence = `${code}${where}: ${message.replaceAll(/\s+/g, ' ')}`;
  if (allowedCommands === undefined) return sentence;
  const allowed = allowedCommands.length === 0 ? 'nothing' : allowedCommands.map(verbOf).join(', ');
  return `${sentence}; allowed now: ${allowed}`;
}

const exit = (): never => process.exit(exitCodes.interrupted);

/** From now on, Ctrl-C ends this process at once, with the exit code for it. */
export function exitWhenInterrupted(): void {
  process.on('SIGINT', exit);
}

/**
 * Runs `work`, then `cleanUp`. If a signal asks this process to end, `cleanUp` runs at once, and
 * `work` is abandoned.
 */
export async function cleanedUp<T>(work: () => Promise<T>, cleanUp: () => Promise<void>): Promise<T> {
  let cleaning: Promise<void> | undefined;
  const clean = () => (cleaning ??= cleanUp());
  const interrupt = () => void clean().finally(exit);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  process.off('SIGINT', exit);
  for (const signal of signals) process.on(signal, interrupt);
  try {
    return await work();
  } finally {
    await clean();
    for (const signal of signals) process.off(signal, interrupt);
    exitWhenInterrupted();
  }
}

const verbsBySegment = new Map<string, string>(
  followUpTypes.map((type) => [segments[type], commands[type].verb]),
);

/**
 * The name of the script for a command in `allowedCommands`: `ship` for `shipments`. A command to a
 * webhook endpoint is there by its type: `rotate-secret` for `RotateSecret`.
 */
export function verbOf(command: string): string {
  const verb = verbsBySegment.get(command) ?? command.replace(/Endpoint$/, '');
  return verb.replaceAll(/\B[A-Z]/g, '-$&').toLowerCase();
}
