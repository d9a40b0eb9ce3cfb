import { type Command, Option } from 'commander';
import { positive, seconds } from './arguments.js';

/** Options of every script that sends a command to an order. */
export function addCommandOptions(command: Command): Command {
  return addSendOptions(command).option(
    '--if-match <version>',
    'only if the order is at this version',
    positive,
  );
}

/** Options of every script that sends a command. */
export function addSendOptions(command: Command): Command {
  return command
    .option('--key <key>', 'Idempotency-Key: the same key and command again give the same answer')
    .option('--actor <name>', 'who sends it (default: cli:<your user name>)')
    .addOption(
      new Option('--async', 'do not wait for the answer, only until it is durable').conflicts('wait'),
    )
    .option('--wait <seconds>', 'wait until the order has nothing left to do by itself, 0 to 30', seconds);
}

export interface Help {
  /** what the script does, in the list of all scripts and as the first sentence of its own help */
  readonly summary: string;
  /** what else there is to say */
  readonly details?: string;
  /** as they are typed after `npx orders` */
  readonly examples: readonly string[];
}

/** Adds a script with its help. */
export function addScript(parent: Command, name: string, { summary, details, examples }: Help): Command {
  const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  return parent
    .command(name)
    .summary(summary)
    .description(details === undefined ? sentence : `${sentence}\n\n${details}`)
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  npx orders ${line}`).join('\n')}`);
}
