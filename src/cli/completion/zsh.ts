import { nextNames, quotable, type ScriptWords, valueBranches, type Word } from './words.js';

/** The completion of `orders` for zsh. */
export function zshCompletion(scripts: readonly ScriptWords[]): string {
  const branches = scripts.map(
    ({ names, words }) => `    '${names.join(' ')}') found=(${words.map(described).join(' ')}) ;;`,
  );
  return `_orders() {
  local prev="\${words[CURRENT-1]}" orders_path='' word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$orders_path/$word" in
      ${nextNames(scripts).join('|')}) orders_path="\${orders_path:+$orders_path }$word" ;;
    esac
  done
  case "$orders_path $prev" in
${valueBranches(scripts, (values) => `found=(${values}); compadd -a found; return`)}
  esac
  case "$orders_path" in
${branches.join('\n')}
  esac
  _describe orders found || _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
compdef _orders orders`;
}

/** A word as `_describe` takes it: `'word:its description'`. */
function described({ word, description }: Word): string {
  return `'${word}:${quotable(description.replaceAll(':', String.raw`\\:`))}'`;
}
