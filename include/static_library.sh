#!/bin/sh
# Makes a static library of one object, in which only the symbols of the public header are global: internal functions with
# plain names (file_save, error_set) cannot collide with those of a program, or of another library of ours.
#
#   static_library.sh COMPILER... -- OBJCOPY AR OUT.a WHOLE.a PART.a...
#
# All of WHOLE.a, and what it needs of the others.
set -eu
compiler=
while [ "$1" != -- ]; do compiler="$compiler $1"; shift; done
objcopy=$2 ar=$3 out=$4 whole=$5
shift 5
object=$(basename "$out" .a).o
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# shellcheck disable=SC2086 # the compiler is words on purpose
$compiler -r -nostdlib -o "$folder/$object" -Wl,--whole-archive "$whole" -Wl,--no-whole-archive \
    -Wl,--start-group "$@" -Wl,--end-group
"$objcopy" --localize-hidden "$folder/$object"
rm -f "$out"
"$ar" rcsD "$out" "$folder/$object"
