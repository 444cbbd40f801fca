package main

import (
	"context"
	"io"
	"strings"
)

// CompletionCmd prints a completion script.
type CompletionCmd struct {
	Shell []string `arg:"SHELL" count:"1" complete:"shell"`
}

func completionCommand() command {
	return command{
		names:   []string{"completion"},
		usage:   "bash|zsh|fish",
		summary: "Print a completion script for a shell",
		about: `Prints a script that lets a shell complete commands, flags, images and containers. The
script asks rlc for them, so it stays right when rlc is updated.`,
		examples: []string{
			"completion bash > ~/.local/share/bash-completion/completions/rlc",
			"completion zsh > ~/.zfunc/_rlc",
			"completion fish > ~/.config/fish/completions/rlc.fish",
		},
		bare:  true,
		flags: new(CompletionCmd),
	}
}

// Run prints the script.
func (c *CompletionCmd) Run(_ context.Context, a *app) error {
	script := completionScript(c.Shell[0])
	if script == "" {
		return &usageError{message: "completion: unknown shell " + c.Shell[0], hint: "shells are bash, zsh and fish"}
	}
	_, err := io.WriteString(a.stdout, strings.ReplaceAll(script, "PROGRAM", string(a.dialect)))
	return err
}

// completionScript is the script for a shell; empty for one that is not known.
func completionScript(shell string) string {
	switch shell {
	case "bash":
		return bashCompletion
	case "zsh":
		return zshCompletion
	case "fish":
		return fishCompletion
	}
	return ""
}

// Bash breaks words at = and : as well; rlc wants them whole, and Bash the last piece only.
const bashCompletion = `# bash completion for PROGRAM; printed by "PROGRAM completion bash".

_PROGRAM() {
    local i word words=() head line candidates
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((${#words[@]})) && [[ $word == [=:]* || ${COMP_WORDS[i-1]} == [=:] ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
    done
    word=${COMP_WORDS[COMP_CWORD]}
    [[ $word == [=:] ]] && word=
    head=${words[${#words[@]}-1]}
    head=${head%"$word"}
    COMPREPLY=()
    candidates=$("${COMP_WORDS[0]}" __complete -- "${words[@]}" 2>/dev/null)
    while IFS= read -r line; do
        case $line in
        :files) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word") ;;
        :dirs) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$word") ;;
        ?*) line=${line%%$'\t'*}; COMPREPLY+=("${line#"$head"}") ;;
        esac
    done <<<"$candidates"
}
complete -F _PROGRAM PROGRAM
`

const zshCompletion = `#compdef PROGRAM
# zsh completion for PROGRAM; printed by "PROGRAM completion zsh".

_PROGRAM() {
    local line
    local -a names shown
    for line in "${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        case $line in
        :files) _files ;;
        :dirs) _files -/ ;;
        *$'\t'*) names+=("${line%%$'\t'*}"); shown+=("${line%%$'\t'*}  -- ${line#*$'\t'}") ;;
        ?*) names+=("$line"); shown+=("$line") ;;
        esac
    done
    (( $#names )) && compadd -l -d shown -a names
}

if [ "$funcstack[1]" = "_PROGRAM" ]; then
    _PROGRAM "$@"
else
    compdef _PROGRAM PROGRAM
fi
`

const fishCompletion = `# fish completion for PROGRAM; printed by "PROGRAM completion fish".

function __PROGRAM_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    for line in ($words[1] __complete -- $words[2..-1] $word 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path $word
            case ':dirs'
                __fish_complete_directories $word
            case '*'
                echo $line
        end
    end
end
complete -c PROGRAM -f -a '(__PROGRAM_complete)'
`
