import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.js';
import { silentTerminal } from './without-temporal.js';

const program = createProgram({
  terminal: silentTerminal,
  env: {},
  openTemporalGateway: () => Promise.reject(new Error('Nothing is sent.')),
});

/**
 * Why a script would refuse what follows `npx orders`; undefined if it would not. A script that is
 * only named, without arguments and options, is accepted.
 */
export function usageErrorOf(line: string): string | undefined {
  const words: string[] = line.match(/"[^"]*"|'[^']*'|[^\s]+/g) ?? [];
  let command: Command = program;
  for (;;) {
    const next = command.commands.find((one) => one.name() === words[0]);
    if (next === undefined) break;
    command = next;
    words.shift();
  }
  if (words.length === 0 || words.includes('--help') || words.join(' ') === '<script> --help')
    return undefined;
  if (command.commands.length > 0) return `there is no command ${words[0]}`;
  const options = [...command.options, ...program.options];
  const given: string[] = [];
  let positional = 0;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (!word.startsWith('--')) {
      positional += 1;
      continue;
    }
    const option = options.find(({ long }) => long === word);
    if (option === undefined) return `there is no option ${word}`;
    given.push(word);
    if ((option.required || option.optional) && words.shift() === undefined) return `${word} has no value`;
  }
  const { registeredArguments } = command;
  const isEndless = registeredArguments.some(({ variadic }) => variadic);
  if (positional > registeredArguments.length && !isEndless) return 'there are too many arguments';
  if (positional < registeredArguments.filter(({ required }) => required).length)
    return 'an argument is missing';
  const missing = command.options.find(({ mandatory, long }) => mandatory && !given.includes(long ?? ''));
  return missing === undefined ? undefined : `${missing.long} is missing`;
}
