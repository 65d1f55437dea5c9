#!/bin/sh
# Takes protections out, one after the other, and sees that a test fails without each: a test that cannot fail tests nothing.
#
#     tests/protections.sh [NAME...]        those of tests/protections/NAME.patch; without names, all
#
# The first line of a patch is what it takes out, the second what must fail then: "tests: NAME.." of a release build, "sanitized
# tests: NAME.." of a build under AddressSanitizer, or "command: COMMAND". Without patches all of these must pass, which is seen first.
# Works in a copy, build-protections. Prints a line for each; exits 0 when all were noticed.
set -eu
cd "$(dirname "$0")/.."
patches=$PWD/tests/protections tree=$PWD/build-protections
. tests/steps.sh
[ $# -gt 0 ] || { cd "$patches"; set -- *.patch; cd ../..; }

copy_sources() {
    rm -rf "$tree"
    git clone -q . "$tree"
    git ls-files -co --exclude-standard | while read -r file; do [ ! -e "$file" ] || echo "$file"; done | tar -cf - -T - | tar -xf - -C "$tree"
}

build() {
    (build_some build "" --buildtype=release)
    case $kinds in *sanitized*) (build_some build-sanitize "" -Db_sanitize=address,undefined) ;; esac
}

meson_tests() { # BUILD NAME...
    folder=$1
    shift
    meson test -C "$folder" --no-rebuild --no-suite docs "$@" >tests.log 2>&1
}

# Whether what a line says passes.
passes() { # LINE
    what=${1#*: }
    # shellcheck disable=SC2086 # words on purpose
    case $1 in
    "tests: "*) meson_tests build $what ;;
    "sanitized tests: "*) meson_tests build-sanitize $what ;;
    "command: "*) sh -c "$what" >tests.log 2>&1 ;;
    *) echo "protections.sh: expected 'tests:', 'sanitized tests:' or 'command:', found '$1'" >&2; exit 2 ;;
    esac
}

line() { sed -n "$1p" "$patches/$name.patch"; } # NUMBER

copy_sources
cd "$tree"
for name in "$@"; do name=${name%.patch}; line 2; done | sort -u >lines
kinds=$(cat lines)
build
while read -r needed; do
    passes "$needed" </dev/null || { tail -20 tests.log; echo "protections.sh: without any patch, these fail: $needed" >&2; exit 1; }
done <lines

for name in "$@"; do
    name=${name%.patch}
    printf '%s (not: %s): ' "$name" "$(line 1)"
    patch -s -p0 <"$patches/$name.patch"
    build
    if passes "$(line 2)"; then
        failed=$((failed + 1))
        verdict="NOT NOTICED by"
    else
        passed=$((passed + 1))
        verdict="noticed by"
    fi
    echo "$verdict $(line 2)"
    patch -s -R -p0 <"$patches/$name.patch"
done
echo "$passed protections noticed, $failed not"
[ $failed -eq 0 ]
