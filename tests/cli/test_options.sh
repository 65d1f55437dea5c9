#!/bin/sh
# What the tables of options give: help, man pages, completions; looked at by those who read them.
#
#     test_options.sh WANC WANRUN SOURCE
set -u
here=$(realpath "$(dirname "$0")") source=$(realpath "$3")
# shellcheck disable=SC2034 # the loops name them
wanc=$(realpath "$1") wanrun=$(realpath "$2")
tool=wanc program=$wanc
. "$here/cases.sh"
export LC_ALL=C
trap 'rm -rf "$work"' EXIT
fresh

for name in wanc wanrun; do
    eval "program=\$$name"
    tool=$name
    run --help
    same "$name --help" "0 0" "$status $(wc -c <"$work/stderr")"
    same "$name --help: at most 100 characters a line" "" "$(awk 'length > 100' "$work/stdout")"
    grep -o '^  \(-., \|    \)--[a-z-]*' "$work/stdout" | grep -o -- '--.*' | sort >options.txt
    same "$name --help: every option once, --help among them" "1 $(sort -u options.txt | wc -l)" "$(grep -cx -- --help options.txt) $(wc -l <options.txt)"

    run --help=man
    cp "$work/stdout" page.1
    same "$name --help=man: the exit status, once" 1 "$(grep -ic "exit status" page.1)"
    if command -v groff >/dev/null; then
        same "$name --help=man: groff reads it" "" "$(groff -man -ww -z -Tutf8 page.1 2>&1)"
        groff -man -Tutf8 -P-c page.1 2>/dev/null | sed 's/.\x08//g' >page.txt
        missing=$(while read -r option; do grep -q -- "$option" page.txt || echo "$option"; done <options.txt)
        same "$name --help=man: every option" "" "$missing"
    else
        skip "$name --help=man: groff reads it" "no groff"
    fi

    run --help=bash
    cp "$work/stdout" completion.bash
    if command -v bash >/dev/null; then
        same "$name --help=bash: bash offers the options" "$(tr '\n' ' ' <options.txt)" "$(bash -c '
            . ./completion.bash
            COMP_WORDS=('"$name"' --) COMP_CWORD=1
            _'"$name"'
            printf "%s\n" "${COMPREPLY[@]}" | sort | tr "\n" " "')"
    else
        skip "$name --help=bash: bash offers the options" "no bash"
    fi
    for shell in zsh fish; do
        run --help=$shell
        same "$name --help=$shell: every option" "$(wc -l <options.txt)" \
            "$(while read -r option; do grep -q -- "$option\|-l ${option#--}\( \|$\)" "$work/stdout" && echo; done <options.txt | wc -l)"
        if command -v $shell >/dev/null; then
            same "$name --help=$shell: $shell reads it" "" "$($shell -n "$work/stdout" 2>&1)"
        else
            skip "$name --help=$shell: $shell reads it" "no $shell"
        fi
    done
    refused "$name --help=pdf" 2 "expected text, man, bash, zsh or fish, found 'pdf'" --help=pdf
    fresh
done

program=$wanc tool=wanc
"$wanc" --help=bash >completion.bash
if command -v bash >/dev/null; then
    offered() { # WORDS.., the last one is completed
        bash -c '. ./completion.bash; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _wanc; printf "%s\n" "${COMPREPLY[@]}"' bash "$@" | sort | tr '\n' ' '
    }
    same "bash: commands" "report " "$(offered wanc re)"
    same "bash: the words of an option" "auto none " "$(offered wanc compile --bands "" | sed 's/least //')"
    touch model.onnx
    same "bash: files" "model.onnx " "$(offered wanc compile mod)"
fi
refused "an option of another command" 2 "\-\-bands: expected with the command compile report opt, found with dump" dump --bands none plan
refused "no command" 2 "expected a command, found none" --quiet
refused "an unknown command" 2 "decode: unknown command" decode plan

# ---- errors: what sources can set, and what the page explains

names() { # FOLDER AREA
    grep -rhoE "ERROR_(INPUT|UNSUPPORTED)" --include='*.c' "$source/$1" | sort -u | sed "s/ERROR_/$2-/" | tr 'A-Z' 'a-z'
}
{
    names frontend onnx; names ir ir; { names passes compile; names compiler compile; names reference compile; } | sort -u; names plan plan; names runtime run
    names tools/latents latents; names tools/output video; names tools/report report
    for folder in "$source"/tools/*/; do
        case $folder in */latents/ | */output/ | */report/) ;; *) names "${folder#"$source"/}" tool ;; esac
    done
    printf '%s\n' usage io memory internal cancelled
} | sort -u >names.txt
same "docs/errors.md: a section for each name" "$(cat names.txt)" "$(sed -n 's/^### //p' "$source/docs/errors.md" | sort)"
refused "the name of an error" 1 "not a plan: .* \[plan-input\]$" dump "$here/cases.sh"
finish
