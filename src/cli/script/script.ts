import type { Command } from 'commander';
import { printExact } from './exact-json.js';
import type { CommonOptions, Session } from './session.js';

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
