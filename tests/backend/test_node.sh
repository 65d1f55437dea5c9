#!/bin/sh
# Unpacks the committed backend tests and runs them, and those of Debian's package where it is installed.
#
#   test_node.sh RUNNER SOURCE_ROOT [--update]
set -eu
runner=$1
root=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
tar -xzf "$root/tests/data/onnx-node/tests.tar.gz" -C "$work"
"$runner" "$@" "$root/tests/backend/expected.txt" "$root/docs/operators.md" "$work" /usr/share/libonnx-testdata/data/node
