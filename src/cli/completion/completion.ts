import { Argument, type Command } from 'commander';
import { addScript, type Session } from '../script/script.js';
import { bashCompletion } from './bash.js';
import { fishCompletion } from './fish.js';
import { wordsOf } from './words.js';
import { zshCompletion } from './zsh.js';

const completions = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

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
  }).addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(completions)));
  script.action((shell: keyof typeof completions) => print(completions[shell](wordsOf(program))));
}
