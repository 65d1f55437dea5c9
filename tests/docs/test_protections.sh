#!/bin/sh
# Every patch of tests/protections still takes something out: it is for the sources as they are. What must fail then is seen by
# tests/protections.sh, which takes longer.
#   test_protections.sh SOURCE
cd "$1" || exit 2
command -v patch >/dev/null || { echo "1..0 # SKIP no patch"; exit 0; }
number=0
for file in tests/protections/*.patch; do
    number=$((number + 1)) verdict="not ok"
    case $(sed -n 2p "$file") in
    "tests: "* | "sanitized tests: "* | "command: "*) patch -p0 -s -f --dry-run <"$file" >/dev/null && verdict="ok" ;;
    esac
    echo "$verdict $number - $file"
done
echo "1..$number"
