#!/bin/sh
# Sets up, builds and runs every test: as released, then under the address and undefined-behaviour sanitizers.
#
#   tests/run.sh              everything
#   tests/run.sh --quick      without the sanitizers
#
# Ends with a line "N passed, N failed"; exits 0 when nothing failed.
set -eu
cd "$(dirname "$0")/.."
quick=no
[ "${1:-}" = --quick ] && quick=yes

tools/setup.sh

passed=0
failed=0

configure() { # configure FOLDER OPTIONS...
    folder=$1
    shift
    [ -f "$folder/build.ninja" ] || meson setup "$folder" "$@" >/dev/null || exit 1
    ninja -C "$folder" >"$folder/build.log" 2>&1 || { tail -60 "$folder/build.log"; exit 1; }
    if grep -q 'warning:' "$folder/build.log"; then
        grep -A3 'warning:' "$folder/build.log"
        echo "the build has warnings"
        failed=$((failed + 1))
    fi
}

count() { grep -c "\"result\": \"$2\"" "$1/meson-logs/testlog.json" || true; }

run() { # run FOLDER OPTIONS...
    folder=$1
    shift
    meson test -C "$folder" --no-rebuild --print-errorlogs "$@" || true
    ok=$(count "$folder" OK)
    all=$(grep -c '"result": ' "$folder/meson-logs/testlog.json" || true)
    passed=$((passed + ok))
    failed=$((failed + all - ok))
    [ "$all" -gt 0 ] || failed=$((failed + 1)) # a run of no test is not a pass
}

configure build --buildtype=release
run build
if [ "$quick" = no ]; then
    configure build-sanitize --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
    run build-sanitize --timeout-multiplier 4
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
