#compdef rlc
# zsh completion for rlc; printed by "rlc completion zsh".

_rlc() {
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

if [ "$funcstack[1]" = "_rlc" ]; then
    _rlc "$@"
else
    compdef _rlc rlc
fi
