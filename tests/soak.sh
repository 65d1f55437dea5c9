#!/bin/sh
# A long decode: the demo's latents over and over. Prints memory, open files, threads and the time of a step in each tenth of it.
#
#     tests/soak.sh [FRAMES [HEIGHTxWIDTH]]        latent frames (10000), of that size (8x13, a fifteenth of the demo)
#
# A decoder's frames depend on so many latent frames only, so behind the first rounds every round gives the same bytes: their
# checksums must agree to the last. Fails as well where memory grows by more than 1 MB, or files or threads by one, behind the first
# tenth. Needs the build in build/.
set -eu
cd "$(dirname "$0")/.."
frames=${1:-10000} size=${2:-8x13}
height=${size%x*} width=${size#*x}
work=$(mktemp -d)
trap 'rm -rf "$work"; [ -z "${job:-}" ] || kill "$job" 2>/dev/null || :' EXIT
trap 'exit 1' HUP INT TERM

build/tools/wanc compile examples/demo/decoder.onnx --latent-size "$size" --quiet -o "$work/plan"
period=$(build/tests/cli/npy_tool shape examples/demo/latents.npy | cut -d, -f3)
build/tests/cli/npy_tool loop examples/demo/latents.npy "$work/latents.npy" "$frames" "$height" "$width"

# The first latent frame gives one frame, each other four: a round begins behind the first.
round=$((period * 4 * height * 8 * width * 8 * 3))
nothing=$(sha256sum </dev/null)
mkfifo "$work/pipe"
{
    head -c $((height * 8 * width * 8 * 3)) >/dev/null
    while sum=$(head -c $round | sha256sum) && [ "$sum" != "$nothing" ]; do echo "$sum"; done >"$work/sums"
} <"$work/pipe" &
reader=$!
build/tools/wanrun "$work/plan" "$work/latents.npy" -o - --format rgb --log >"$work/pipe" 2>"$work/log" &
job=$!

of_process() { sed -n "s/^$1:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$job/status"; } # FIELD
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
seconds() { sed -n "$1,$2"'s/.* frames, \([0-9.]*\) s.*/\1/p' "$work/log"; } # FROM TO: of each step

echo "$frames latent frames of $size, $(nproc) cores; $(build/tools/wanrun --version)"
printf '%8s %12s %12s %6s %8s %12s\n' frames "anonymous kB" "of files kB" files threads "s/step"
tenth=1 before=0
while [ $tenth -le 10 ]; do
    until=$((frames * tenth / 10))
    # The last sample is taken before the end, while there is a process to look at.
    while [ "$(wc -l <"$work/log")" -lt $((tenth < 10 ? until : until - frames / 100)) ] && kill -0 $job 2>/dev/null; do sleep 0.2; done
    [ -d "/proc/$job/fd" ] || break
    printf '%8d %12s %12s %6s %8s %12s\n' $until "$(of_process RssAnon)" "$(of_process RssFile)" "$(ls "/proc/$job/fd" | wc -l)" \
        "$(of_process Threads)" "$(seconds $((before + 1)) $until | median)" | tee -a "$work/table"
    before=$until tenth=$((tenth + 1))
done
status=0
wait $job || status=$?
wait $reader
job=
rounds=$(((frames - 1) / period)) # whole ones; the rest of a round, if there is one, is the last sum
settled=$(sed -n "$((rounds / 10 + 1)),${rounds}p" "$work/sums" | sort -u | wc -l)
echo "$rounds rounds of $period latent frames; behind the first $((rounds / 10)) the bytes of $settled round"
[ $status -eq 0 ] || { tail -1 "$work/log"; exit 1; }
[ "$settled" -eq 1 ] || { echo "soak: rounds differ"; exit 1; }
awk 'NR == 1 { memory = $2 + $3; files = $4; threads = $5 }
    { if ($2 + $3 > memory + 1000 || $4 > files || $5 > threads) { print "soak: it grows"; exit 1 } }
    END { if (NR != 10) { print "soak: expected 10 samples, found " NR; exit 1 } }' "$work/table"
