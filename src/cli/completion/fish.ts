import { nextNames, quotable, type ScriptWords } from './words.js';

/** The completion of `orders` for fish. */
export function fishCompletion(scripts: readonly ScriptWords[]): string {
  const lines = scripts.flatMap(({ names, words }) =>
    words.map(({ word, description, choices }) => {
      const kind = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
      const values = choices === undefined ? '' : ` -x -a '${choices.join(' ')}'`;
      const isTyped = ['__orders_typed', ...names].join(' ');
      return `complete -c orders -n '${isTyped}' ${kind}${values} -d '${quotable(description)}'`;
    }),
  );
  return `function __orders_typed -d 'whether exactly these names of a script were typed'
  set -l path ''
  for word in (commandline -opc)
    switch "$path/$word"
      case ${nextNames(scripts).join(' ')}
        set path (string trim -- "$path $word")
    end
  end
  test "$path" = "$argv"
end
complete -c orders -e
${lines.join('\n')}`;
}
