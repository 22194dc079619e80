/**
 * What a shell is given at its start. They know nothing of sento's words: at Tab they ask `sento complete`, which prints
 * a candidate a line, with a tab before what it is, or `:files` where the shell's own files are meant.
 */

export const shellNames = ["bash", "zsh", "fish"] as const
export type ShellName = (typeof shellNames)[number]

/** Where COMP_WORDS are split at `=` too (bash's COMP_WORDBREAKS), sento puts them together again. */
const bash = `# bash completion of sento; to have it now: eval "$(sento completions bash)"
_sento() {
  local line found=()
  while IFS= read -r line; do found+=("$line"); done \\
    < <(sento complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null)
  COMPREPLY=()
  if [ "\${found[0]-}" = :files ]; then
    compopt -o default 2> /dev/null
    return
  fi
  # Listed, each says what it is; put into the line, it is the word alone.
  if [ "\${COMP_TYPE-}" = 63 ] && [ "\${#found[@]}" -gt 1 ]; then
    local width=0 word
    for line in "\${found[@]}"; do
      word=\${line%%$'\\t'*}
      [ "\${#word}" -gt "$width" ] && width=\${#word}
    done
    for line in "\${found[@]}"; do
      printf -v word '%-*s  %s' "$width" "\${line%%$'\\t'*}" "\${line#*$'\\t'}"
      COMPREPLY+=("$word")
    done
    return
  fi
  for line in "\${found[@]}"; do COMPREPLY+=("\${line%%$'\\t'*}"); done
}
complete -F _sento sento
`

const zsh = `#compdef sento
# zsh completion of sento; to have it now, after compinit: eval "$(sento completions zsh)"
_sento() {
  local -a found shown
  local line
  found=("\${(@f)$(sento complete -- "\${(@)words[2,CURRENT]}" 2> /dev/null)}")
  if [[ $found[1] == :files ]]; then
    _files
    return
  fi
  for line in $found; do
    line="\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}"
    shown+=("\${line%:}")
  done
  (( $#shown )) && _describe sento shown -o nosort
}
if [[ $funcstack[1] == _sento ]]; then _sento "$@"; else compdef _sento sento; fi
`

const fish = `# fish completion of sento; to have it now: sento completions fish | source
function __sento_complete
    set -l words (commandline -opc)
    set -l found (sento complete -- $words[2..-1] "$(commandline -ct)" 2> /dev/null)
    if test "$found[1]" = :files
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $found
    end
end
complete -c sento -f -k -a '(__sento_complete)'
`

/** By shell, as `sento completions SHELL` prints it. */
export const completionScripts: Readonly<Record<ShellName, string>> = { bash, zsh, fish }
