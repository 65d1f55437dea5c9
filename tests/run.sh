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

tools/setup.sh --tests
. tests/steps.sh

configure build --buildtype=release
run build
if [ "$quick" = no ]; then
    configure build-sanitize --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
    run build-sanitize --timeout-multiplier 4
fi

closing_line
