import { nextNames, type ScriptWords, valueBranches } from './words.js';

/** The completion of `orders` for bash. */
export function bashCompletion(scripts: readonly ScriptWords[]): string {
  const branches = scripts.map(
    ({ names, words }) => `      '${names.join(' ')}') words='${words.map(({ word }) => word).join(' ')}' ;;`,
  );
  return `_orders() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path/$word" in
      ${nextNames(scripts).join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path $prev" in
${valueBranches(scripts, (values) => `words='${values}'`)}
    *) case "$path" in
${branches.join('\n')}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _orders orders`;
}
