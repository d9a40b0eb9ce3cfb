import { quotable, type ScriptWords } from './words.js';

/** The completion of `orders` for fish. */
export function fishCompletion(scripts: readonly ScriptWords[]): string {
  const lines = scripts.flatMap((script) =>
    script.words.map(({ word, description, choices }) => {
      const kind = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
      const values = choices === undefined ? '' : ` -x -a '${choices.join(' ')}'`;
      return `complete -c orders -n '${conditionOf(script)}' ${kind}${values} -d '${quotable(description)}'`;
    }),
  );
  return ['complete -c orders -e', ...lines].join('\n');
}

/** The condition in fish: the names of the script were typed, and no name of a subcommand. */
function conditionOf({ names, subcommands }: ScriptWords): string {
  const named = names.map((name) => `__fish_seen_subcommand_from ${name}`);
  const below = `not __fish_seen_subcommand_from ${subcommands.join(' ')}`;
  return [...named, ...(subcommands.length === 0 ? [] : [below])].join('; and ');
}
