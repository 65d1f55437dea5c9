#!/bin/sh
# test_page.sh sees what is wrong with a page: each block of rules.md comes out as it must.
#
#     test_rules.sh TOOLS NPY_TOOL SOURCE
set -u
here=$(realpath "$(dirname "$0")")
# shellcheck disable=SC2034 # for the messages of cases.sh
tool=test_page program=sh
. "$here/../cli/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

sh "$here/test_page.sh" "$here/rules.md" "$1" "$2" "$3" >"$work/out"
same "the exit status" 1 $?
same "the outcome of each block" "\
ok 1 - echo right
not ok 2 - false
ok 3 - echo one two
not ok 4 - echo one
not ok 5 - echo one; echo two
not ok 6 - echo one
ok 7 - echo 1.5 s,  2e-05
not ok 8 - echo 1.5 s
ok 9 - exit 3
not ok 10 - true
ok 11 - false # SKIP no no-such-command
ok 12 - cat written
ok 13 - test ! -e must-not-be-there
not ok 14 - rules.md:79
not ok 15 - rules.md:83
ok 16 - echo no end
not ok 17 - rules.md:85" "$(grep -v -e '^#' -e '^1\.\.' "$work/out" | sed 's/ - rules.md:[0-9]*: / - /')"
same "what is wrong with a block of another output" "# shown: two;found: one;" "$(grep -A1 '^not ok 4 ' "$work/out" | sed -n 2p)"
finish
