import type { Command } from 'commander';
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
    .option('--async', 'do not wait for the answer, only until it is durable')
    .option('--wait <seconds>', 'wait until the order has nothing left to do by itself, 0 to 30', seconds);
}

/** Shows how the script is used at the end of its help. */
export function examples(command: Command, lines: readonly string[]): void {
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  npx orders ${line}`).join('\n')}`);
}
