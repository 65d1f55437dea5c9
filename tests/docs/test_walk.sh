#!/bin/sh
# The IR that docs/walk.md shows is what the compiler prints: blocks that begin with
#
#     ```text after=PASS [graph=first|steady]
#
# hold what tests/docs/walk.awk has of that pass, and every pass that it has is on the page.
#
#     test_walk.sh WANC SOURCE [--update]        --update writes it into the page
set -u
here=$(realpath "$(dirname "$0")")
# shellcheck disable=SC2034 # for the messages of cases.sh
tool=wanc program=$(realpath "$1") source=$(realpath "$2") update=${3:-}
. "$here/../cli/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
export LC_ALL=C
page=$source/docs/walk.md

rewritten() { # the page, its blocks filled from a file of sections
    awk 'FILENAME == ARGV[1] && /^# after / { pass = $3; next }
         FILENAME == ARGV[1] && /^graph / { graph = substr($2, 2) }
         FILENAME == ARGV[1] { if (/^cache/) graph = ""; line[pass] = line[pass] "\n" graph "\t" $0; next }
         /^```text after=/ {
             print
             pass = substr($2, 7); graph = substr($3, 7)
             n = split(substr(line[pass], 2), lines, "\n")
             for (i = 1; i <= n; i++) {
                 split(lines[i], part, "\t")
                 if (graph == "" || part[1] == "" || part[1] == graph) print substr(lines[i], length(part[1]) + 2)
             }
             inside = 1
             next
         }
         inside && /^```$/ { inside = 0 }
         !inside { print }' "$1" "$page"
}

fresh
run compile "$source/examples/demo/decoder.onnx" --latent-size 30x52 --print-after all -q -o plan
cp "$work/stdout" printed
same "wanc compile: exit status" 0 "$status"
run dump plan
cat printed "$work/stdout" | awk -f "$here/walk.awk" >sections
rewritten sections >walk.md
[ "$update" != --update ] || cp walk.md "$page"
same "docs/walk.md: the passes that change the convolution" "$(sed -n 's/^# after //p' sections)" "$(sed -n 's/^```text after=\([a-z_]*\).*/\1/p' "$page" | uniq)"
same "docs/walk.md: the IR is what the compiler prints" "" "$(diff "$page" walk.md | head -4)"
finish
