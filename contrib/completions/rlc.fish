# fish completion for rlc; printed by "rlc completion fish".

function __rlc_complete
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
complete -c rlc -f -a '(__rlc_complete)'
