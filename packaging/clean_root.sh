#!/bin/sh
# Runs a command of this repository on a clean Debian: makes one in a folder, clones what is committed here into it, and says what
# each part takes. What the command leaves in build-packages comes here; the folder is removed at the end.
#
#   packaging/clean_root.sh SUITE                 SUITE: bookworm or trixie; from nothing to the first video by examples/demo.sh
#   packaging/clean_root.sh SUITE COMMAND...      such as packaging/deb.sh, from the repository's folder
#
# The folder is build-SUITE-root, or $WANC_ROOT. As root, or through sudo.
set -eu
cd "$(dirname "$0")/.."
me=clean_root
. tools/apt.sh
. packaging/root.sh
[ $# -ge 1 ] || die "expected SUITE [COMMAND...], found nothing"
suite=$1
shift
[ $# -ge 1 ] || set -- examples/demo.sh
folder=$(realpath -m "${WANC_ROOT:-build-$suite-root}")

load() { echo "load       $(cut -d ' ' -f 1-3 /proc/loadavg), on $(nproc) cores"; }
took() { # took WHAT SINCE UNTIL
    awk -v n="$1" -v a="$2" -v b="$3" 'BEGIN { printf "%-10s %8.1f s\n", n, b - a }'
}
now() { date +%s.%N; }

make_root "$suite" "$folder"
trap 'drop_root "$folder"' EXIT
trap 'exit 1' HUP INT TERM

load
start=$(now)
as_root git -c safe.directory='*' clone --quiet "file://$PWD" "$folder/wanc"
cloned=$(now)
took clone "$start" "$cloned"
in_root "$folder" sh -c 'cd /wanc && exec "$@"' sh "$@"
end=$(now)
took "$1" "$cloned" "$end"
took all "$start" "$end"
load
if [ -d "$folder/wanc/build-packages" ]; then
    mkdir -p build-packages
    cp "$folder"/wanc/build-packages/* build-packages/
fi
