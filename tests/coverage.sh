#!/bin/sh
# How many lines the tests run: of each folder, and of the files of which they run the least.
#
#     tests/coverage.sh [SUITE...]        of these suites of tests; without any, all but documents
#
# Needs clang with its profile runtime, and llvm. The build is in build-coverage. Inputs that tests/fuzz/run.sh has kept, if there are
# any, count as well. Tests of full disks and of what libraries export fail in it, by its own files and names; programs that end by a
# signal leave no counts. CLANG=clang-19 names another compiler than the newest that there is.
set -eu
cd "$(dirname "$0")/.."
. tests/steps.sh
. tests/clang.sh
folders="base frontend ir passes plan reference runtime compiler tools"
suites=${*:-unit ir pass frontend backend op cli report library e2e fuzz}

build_with_clang build-coverage "" "$coverage" $coverage_link
rm -rf build-coverage/profile
mkdir -p build-coverage/profile

# Processes of one program share a file.
LLVM_PROFILE_FILE=$PWD/build-coverage/profile/%4m.profraw
export LLVM_PROFILE_FILE
# shellcheck disable=SC2046
meson test -C build-coverage --no-rebuild --timeout-multiplier 4 $(for s in $suites; do echo "--suite $s"; done) >build-coverage/tests.log 2>&1 || :
sed -n '/^Ok:/,/^Timeout:/p' build-coverage/tests.log
for corpus in build-fuzz/corpus/*; do
    [ ! -d "$corpus" ] || "build-coverage/tests/fuzz/fuzz_${corpus##*/}" "$corpus" >/dev/null
done

objects=$(find build-coverage -type f -perm -u+x \( -path '*/tests/*' -o -path '*/tools/wan*' -o -name 'libwan*.so*' \) ! -name '*.sh' ! -name '*.py' |
    sort | sed '2,$s/^/-object /')
# shellcheck disable=SC2086
lines_run build-coverage/profile "$objects" $folders
printf '\nLeast, of files:\n'
awk '$1 ~ /\.[ch]$/ && $8 > 0 { print $10, $8 - $9 " of " $8, $1 }' build-coverage/profile/files.txt | sort -n | head -20
