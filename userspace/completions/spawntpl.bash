# SPDX-License-Identifier: MIT
# Completion of spawntpl for bash. Subcommands, options and their values are those that --help
# lists.

_spawntpl() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local program=${COMP_WORDS[0]} subcommand='' help i
    COMPREPLY=()

    help=$("$program" --help 2>/dev/null)
    if ((COMP_CWORD > 1)); then
        subcommand=${COMP_WORDS[1]}
        help=$("$program" "$subcommand" --help 2>/dev/null)
    else
        COMPREPLY=($(compgen -W "$(_spawntpl_names subcommands) $(_spawntpl_names options)" \
            -- "$word"))
        return
    fi

    # Of "run", what follows the program is the program's own.
    if [[ $subcommand == run ]]; then
        for ((i = 2; i < COMP_CWORD; ++i)); do
            case ${COMP_WORDS[i]} in
            --) ((++i)); break ;;
            --*) ((++i)) ;;
            *) break ;;
            esac
        done
        if ((i < COMP_CWORD)); then
            COMPREPLY=($(compgen -f -- "$word"))
            return
        fi
        if [[ ${COMP_WORDS[i - 1]} == -- || $i == "$COMP_CWORD" && $word != -* ]]; then
            COMPREPLY=($(compgen -c -- "$word"))
            return
        fi
    fi

    case $before in
    --backend)
        COMPREPLY=($(compgen -W "$("$program" info 2>/dev/null |
            sed -n 's/^  \([a-z][a-z0-9_-]*\) .*/\1/p')" -- "$word"))
        return ;;
    --cwd)
        COMPREPLY=($(compgen -d -- "$word"))
        return ;;
    --json)
        if [[ $subcommand != info ]]; then
            COMPREPLY=($(compgen -f -- "$word"))
            return
        fi ;;
    --*)
        # A choice of words, or something that cannot be known.
        case $(_spawntpl_value "$before") in
        '') ;;
        *{*)
            COMPREPLY=($(compgen -W "$(_spawntpl_value "$before" |
                sed 's/.*{\(.*\)}/\1/; s/,/ /g')" -- "$word"))
            return ;;
        *) return ;;
        esac ;;
    esac
    COMPREPLY=($(compgen -W "$(_spawntpl_names options)" -- "$word"))
}

# The subcommands or the options that $help lists.
_spawntpl_names() {
    if [[ $1 == subcommands ]]; then
        sed -n '/^Subcommands:/,$ s/^  \([a-z]*\)  .*/\1/p' <<<"$help"
    else
        sed -n 's/^  \(-[a-z0-9],\)*\(--[a-z-]*\).*/\2/p' <<<"$help"
    fi
}

# What $help says of the value of an option; nothing if it has none.
_spawntpl_value() {
    sed -n "s/^  \(-[a-z0-9],\)*$1 \([A-Z][^ ]*\).*/\2/p" <<<"$help"
}

complete -o filenames -F _spawntpl spawntpl
