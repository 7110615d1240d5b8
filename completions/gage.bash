# Completion of gage and its plumbing for bash. gage-complete(1) knows what may stand where;
# this only takes the line apart, since bash splits words at = : and @, and puts it together.

_gage()
{
    local line=${COMP_LINE:0:COMP_POINT} rest=${COMP_LINE} word i gap
    local words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        gap=${rest%%[![:space:]]*}
        rest=${rest#"$gap"}
        rest=${rest#"$word"}
        if [[ $gap || $i -eq 0 ]]; then
            words+=("$word")
        else
            words[${#words[@]} - 1]+=$word
        fi
    done
    # What stands behind the cursor is no part of the word.
    word=${words[${#words[@]} - 1]}
    while [[ $word && $line != *"$word" ]]; do
        word=${word%?}
    done
    [[ $line == *[[:space:]] ]] && word=
    words[${#words[@]} - 1]=$word
    local quote=
    for i in "${!words[@]}"; do
        case ${words[i]} in
            \'*) quote=\'; words[i]=${words[i]#\'}; words[i]=${words[i]%\'} ;;
            \"*) quote=\"; words[i]=${words[i]#\"}; words[i]=${words[i]%\"} ;;
            *) quote=; words[i]=${words[i]//\\/} ;;
        esac
    done
    word=${words[${#words[@]} - 1]}

    # bash replaces what stands behind the last character that breaks words for it.
    local kept= breaks=${COMP_WORDBREAKS//[[:space:]]/}
    if [[ ! $quote ]]; then
        kept=$word
        while [[ $kept && $breaks != *"${kept: -1}"* ]]; do
            kept=${kept%?}
        done
        # It takes an @ that breaks words along.
        kept=${kept%@}
    fi

    local text about longest=0 texts=() abouts=()
    COMPREPLY=()
    while IFS= read -r line; do
        text=${line%%$'\t'*} about=${line#*$'\t'}
        case $text:$about in
            :files | :directories)
                local path=${word#*=} only=-f
                [[ $about == directories ]] && only=-d
                compopt -o filenames 2>/dev/null
                while IFS= read -r text; do
                    COMPREPLY+=("$text")
                done < <(compgen "$only" -- "${path/#\~\//$HOME/}")
                continue ;;
        esac
        text=${text#"$kept"}
        [[ $quote || $text =~ ^[][A-Za-z0-9_@~%+=:,./{}-]*$ ]] || printf -v text %q "$text"
        texts+=("$text")
        abouts+=("$about")
        ((${#text} > longest)) && longest=${#text}
    done < <(gage-complete "${words[@]}" 2>/dev/null)

    if ((${#texts[@]} == 1)); then
        [[ ${texts[0]} == *[=/] ]] && compopt -o nospace 2>/dev/null
    fi
    compopt -o nosort 2>/dev/null
    for i in "${!texts[@]}"; do
        text=${texts[i]}
        # A list is for reading, and takes what each is; nothing of that is ever put in.
        if [[ $COMP_TYPE -eq 63 && ${#texts[@]} -gt 1 && ${abouts[i]} ]]; then
            printf -v text '%-*s  (%s)' "$longest" "$text" "${abouts[i]}"
            text=${text:0:${COLUMNS:-80}-2}
        fi
        COMPREPLY+=("$text")
    done
}

complete -F _gage gage $(compgen -c gage- | sort -u)
