#!/bin/sh
# What the documentation has from elsewhere is true: the options that the pages of the tools mention, the picture of the guide, and the
# reference of the C interface.
#
#     test_tables.sh WANC WANRUN SOURCE [--update]        --update writes the picture and the reference
set -u
here=$(realpath "$(dirname "$0")")
# shellcheck disable=SC2034 # for the messages of cases.sh
tool=wanc program=$(realpath "$1") wanrun=$(realpath "$2") source=$(realpath "$3") update=${4:-}
. "$here/../cli/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
export LC_ALL=C
docs=$source/docs

options_of() { "$1" --help | sed -n 's/^ *\(-., \)\{0,1\}\(--[a-z-]*\).*/\2/p' | sort -u; }
mentioned() { grep -o -e '--[a-z][a-z-]*' "$1" | sort -u; }

missing_in() { # FILE OF-WHICH-ALL-MUST-BE-IN: the lines of the second that are not in the first
    comm -13 "$1" "$2"
}

written() { # NAME FILE NEW: FILE is the new one
    [ "$update" != --update ] || cp "$3" "$2"
    if cmp -s "$2" "$3"; then pass "$1"
    else fail "$1" "it is not: run tests/docs/test_tables.sh WANC WANRUN SOURCE --update, and look at what changes"
    fi
}

fresh
options_of "$program" >wanc
options_of "$wanrun" >wanrun
sort -u wanc wanrun >both
for page in wanc wanrun; do
    mentioned "$docs/$page.md" >$page.mentioned
    same "docs/$page.md: mentions every option of --help" "" "$(missing_in $page.mentioned $page)"
    same "docs/$page.md: mentions no option that there is not" "" "$(missing_in both $page.mentioned)"
done
cp "$source/examples/demo/decoder.onnx" .
run compile decoder.onnx --latent-size 30x52 -o plan.bin
run report plan.bin --format svg -o memory.svg
written "docs/images/memory.svg: what wanc report draws" "$docs/images/memory.svg" memory.svg

sh "$source/tools/api_reference.sh" "$source"/include/wan/*.h >api.md
written "docs/api.md: what tools/api_reference.sh prints" "$docs/api.md" api.md
finish
