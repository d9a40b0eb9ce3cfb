import { Argument, type Command } from 'commander';
import { addScript, type Session } from './script/script.js';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** Adds `completion`, which prints a shell script that completes everything in `program`. */
export function addCompletion(program: Command, { terminal: { print } }: Session): void {
  const script = addScript(program, 'completion', {
    summary: 'print the completion of these scripts, for a shell',
    details:
      'It completes the word `orders`, so define a command of this name first:\n' +
      `  orders() { npx --prefix <checkout> orders "$@"; }\n` +
      'In fish: function orders; npx --prefix <checkout> orders $argv; end',
    examples: [
      'completion bash >> ~/.bashrc',
      'completion zsh >> ~/.zshrc',
      'completion fish > ~/.config/fish/completions/orders.fish',
    ],
  }).addArgument(new Argument('<shell>', 'the shell').choices(shells));
  script.action((shell: Shell) => print(printers[shell](wordsOf(program))));
}

/** What can follow the names of a script, such as `stock set`. */
interface Words {
  /** the names of the script; empty for the program itself */
  readonly path: string;
  readonly words: readonly Word[];
  /** the values of options that take one of a few values */
  readonly values: readonly { readonly option: string; readonly choices: readonly string[] }[];
}

interface Word {
  readonly word: string;
  readonly says: string;
}

/** Reads the words from commander's own tree of scripts, so that none can be missing. */
function wordsOf(command: Command, path = ''): readonly Words[] {
  const help = command.createHelp();
  const subcommands = help.visibleCommands(command).filter((one) => one.name() !== 'help');
  const options = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
  const longOnes = options.flatMap(({ long, description, argChoices }) =>
    long === undefined || long === null ? [] : [{ long, description, argChoices }],
  );
  const [argument] = command.registeredArguments;
  return [
    {
      path,
      words: [
        ...subcommands.map((one) => ({ word: one.name(), says: one.summary() })),
        ...(argument?.argChoices ?? []).map((word) => ({ word, says: '' })),
        ...longOnes.map(({ long, description }) => ({ word: long, says: description })),
      ],
      values: longOnes.flatMap(({ long, argChoices }) =>
        argChoices === undefined ? [] : [{ option: long, choices: argChoices }],
      ),
    },
    ...subcommands.flatMap((one) => wordsOf(one, path === '' ? one.name() : `${path} ${one.name()}`)),
  ];
}

const printers: Readonly<Record<Shell, (all: readonly Words[]) => string>> = {
  bash: (all) => `_orders() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path/$word" in
      ${pathsOf(all)}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path $prev" in
${valueCases(all)}
    *) case "$path" in
${all.map(({ path, words }) => `      '${path}') words='${words.map(({ word }) => word).join(' ')}' ;;`).join('\n')}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _orders orders`,

  zsh: (all) => `_orders() {
  local prev="\${words[CURRENT-1]}" orders_path='' word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$orders_path/$word" in
      ${pathsOf(all)}) orders_path="\${orders_path:+$orders_path }$word" ;;
    esac
  done
  case "$orders_path $prev" in
${valueCases(all, (choices) => `found=(${choices.join(' ')}); compadd -a found; return`)}
  esac
  case "$orders_path" in
${all.map(({ path, words }) => `    '${path}') found=(${words.map(described).join(' ')}) ;;`).join('\n')}
  esac
  _describe orders found || _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
compdef _orders orders`,

  fish: (all) =>
    [
      'complete -c orders -e',
      ...all.flatMap(({ path, words, values }) => {
        const steps = path === '' ? [] : path.split(' ');
        const below = all.filter(
          (one) => one.path !== path && one.path.startsWith(path === '' ? '' : `${path} `),
        );
        const next = [...new Set(below.map((one) => one.path.split(' ')[steps.length] ?? ''))];
        const seen = steps.map((step) => `__fish_seen_subcommand_from ${step}`);
        const none = next.length === 0 ? [] : [`not __fish_seen_subcommand_from ${next.join(' ')}`];
        const when = [...seen, ...none].join('; and ');
        return words.map(({ word, says }) => {
          const choices = values.find(({ option }) => option === word)?.choices;
          const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
          const of = choices === undefined ? '' : ` -x -a '${choices.join(' ')}'`;
          return `complete -c orders -n '${when}' ${what}${of} -d '${quoted(says)}'`;
        });
      }),
    ].join('\n'),
};

/**
 * Patterns of the `case` that adds a word to the path, such as `'stock/set'` for `orders stock
 * set`.
 */
function pathsOf(all: readonly Words[]): string {
  return all
    .filter(({ path }) => path !== '')
    .map(({ path }) => `'${path.replace(/ ?(\S+)$/, '/$1')}'`)
    .join('|');
}

function valueCases(
  all: readonly Words[],
  then = (choices: readonly string[]) => `words='${choices.join(' ')}'`,
): string {
  return all
    .flatMap(({ path, values }) =>
      values.map(({ option, choices }) => `    '${path} ${option}') ${then(choices)} ;;`),
    )
    .join('\n');
}

/** A word in the format of zsh's `_describe`: `'word:what it says'`. */
function described({ word, says }: Word): string {
  return `'${word}:${quoted(says.replaceAll(':', String.raw`\\:`))}'`;
}

/** Replaces single quotes, so that the text can stand within single quotes in any of the shells. */
function quoted(text: string): string {
  return text.replaceAll(`'`, '’');
}
