import type { Command } from 'commander';
import type { Gateway } from '../../api/commands/gateway/gateway.js';
import type { System } from '../../api/operations/system.js';
import { type Config, readConfig } from '../../server/config.js';
import { printExact } from './exact-json.js';
import type { Terminal } from '../printing/terminal.js';

/*
 * What every script has: its session, its help, and how it prints a result.
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

/** Sends commands, to the API or to Temporal itself. */
export type CommandGateway = Omit<Gateway, 'fact'>;

/** The gateway of a script that sends commands to Temporal itself. */
export interface TemporalGateway {
  readonly gateway: CommandGateway;
  /** where its commands go */
  readonly system: System;
  readonly close: () => Promise<void>;
}

export interface KeyFile {
  /** an API key or an access token */
  readonly apiKey: string;
}

/** Options of every script. */
export interface CommonOptions {
  readonly json?: true;
  readonly url?: string;
  /** the file of `--key-file`, as it was read */
  readonly keyFile?: KeyFile;
  readonly direct?: true;
}

/**
 * Reads the configuration as a worker would, because a worker does not require the API's secrets.
 * Only `settle` signs something; it uses the sandbox's secret unless another one is set.
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
