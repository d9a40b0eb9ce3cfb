import { type Command, Option } from 'commander';
import { logs } from '../../entity-logs.js';
import { numberFrom, positive, waitSeconds } from './parsers.js';
import type { CommonOptions } from './script.js';

/* Options that several scripts share. */

/** The option `--entity`: the kind of entity that the given id belongs to. */
export function entityOption(): Option {
  const names = logs.map(({ entity }) => entity.name);
  return new Option('--entity <name>', 'the kind of entity').choices(names).default('order');
}

/**
 * The options that `addCommandOptions` adds. `addSendOptions` adds all of them except `ifMatch`.
 */
export interface CommandOptions extends CommonOptions {
  readonly key?: string;
  readonly ifMatch?: number;
  readonly actor?: string;
  readonly onBehalfOf?: string;
  readonly async?: true;
  readonly wait?: number;
  readonly preview?: true;
}

/** Adds the options of a script that sends a command to an order that exists. */
export function addCommandOptions(command: Command): Command {
  return addSendOptions(command).option(
    '--if-match <version>',
    'only if the order is at this version',
    positive,
  );
}

/** Adds the options of every script that sends a command, including `create`. */
export function addSendOptions(command: Command): Command {
  return command
    .option('--key <key>', 'Idempotency-Key: the same key and command again give the same answer')
    .option(
      '--actor <name>',
      'the actor to record, only without an API key (default: temporal:<your user name>)',
    )
    .option('--on-behalf-of <name>', 'for whom; recorded beside the actor')
    .addOption(
      new Option('--async', 'do not wait for the answer, only until it is durable').conflicts('wait'),
    )
    .option(
      '--wait <seconds>',
      'wait until the order has nothing left to do by itself, 0 to 30; a key needs events:read',
      waitSeconds,
    )
    .addOption(
      new Option('--preview', 'show what it would do, and change nothing').conflicts(['async', 'wait']),
    );
}

/** The options that `addPageOptions` adds. */
export interface PageOptions extends CommonOptions {
  readonly limit?: number;
  readonly cursor?: string;
}

/** Adds the options of a script that shows one page of a list, which has at most `max` rows. */
export function addPageOptions(command: Command, max: number): Command {
  return addLimitOption(command, max).option('--cursor <cursor>', 'continue from the end of an earlier list');
}

export function addLimitOption(command: Command, max: number): Command {
  return command.option('--limit <number>', `how many at most, up to ${max}`, numberFrom(1, max));
}

/** The options that `addRequestOptions` adds. */
export interface RequestOptions extends CommonOptions {
  readonly key?: string;
  readonly actor?: string;
}

/**
 * Adds the options of a script that asks the API for a change that is not a command to an order,
 * such as `webhooks` and `forget`.
 */
export function addRequestOptions(command: Command): Command {
  return command
    .option('--key <key>', 'Idempotency-Key: the same key and command again give the same answer')
    .option('--actor <name>', 'the actor to record, only without an API key (default: cli:<your user name>)');
}
