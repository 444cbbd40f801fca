# bash completion for rlc; printed by "rlc completion bash".

_rlc() {
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
complete -F _rlc rlc
