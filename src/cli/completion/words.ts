import type { Command } from 'commander';

/* What a shell can offer, read from commander's own tree of scripts, so that nothing is missing. */

/** What can follow the names of a script. */
export interface ScriptWords {
  /** the names of the script, such as `stock` and `set`; none for the program itself */
  readonly names: readonly string[];
  /** subcommands, values of the first argument, and options */
  readonly words: readonly Word[];
}

export interface Word {
  readonly word: string;
  readonly description: string;
  /** the values of an option, if it allows only a few */
  readonly choices?: readonly string[] | undefined;
}

/** The words of a script and of all scripts below it. */
export function wordsOf(command: Command, names: readonly string[] = []): readonly ScriptWords[] {
  const help = command.createHelp();
  const subcommands = help.visibleCommands(command).filter((one) => one.name() !== 'help');
  const options = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
  const [argument] = command.registeredArguments;
  const words: readonly Word[] = [
    ...subcommands.map((one) => ({ word: one.name(), description: one.summary() })),
    ...(argument?.argChoices ?? []).map((word) => ({ word, description: '' })),
    ...options.flatMap(({ long, description, argChoices }) =>
      long === undefined || long === null ? [] : [{ word: long, description, choices: argChoices }],
    ),
  ];
  return [{ names, words }, ...subcommands.flatMap((one) => wordsOf(one, [...names, one.name()]))];
}

/**
 * Patterns of a `case`, as each of the shells takes them. They match the names before a word, a
 * slash and the word, such as `'stock/set'`, if that word is the next name of a script.
 */
export function nextNames(scripts: readonly ScriptWords[]): readonly string[] {
  return scripts
    .filter(({ names }) => names.length > 0)
    .map(({ names }) => `'${names.slice(0, -1).join(' ')}/${names.at(-1)}'`);
}

/**
 * The branches of a `case` in bash or zsh for the options that allow only a few values.
 *
 * @param offer the shell's command that offers the values, which are separated by spaces
 */
export function valueBranches(scripts: readonly ScriptWords[], offer: (values: string) => string): string {
  return scripts
    .flatMap(({ names, words }) =>
      words.flatMap(({ word, choices }) =>
        choices === undefined ? [] : [`    '${names.join(' ')} ${word}') ${offer(choices.join(' '))} ;;`],
      ),
    )
    .join('\n');
}

/** Replaces single quotes, so that the text can stand within single quotes in any of the shells. */
export function quotable(text: string): string {
  return text.replaceAll(`'`, '’');
}
