#!/bin/sh
# wanrun --profile, --trace, --benchmark, --json and --log.
#
#     test_profile.sh WANC WANRUN PROFILE_TOOL SOURCE
#
# Prints TAP. Decoder and latents (4 frames) are those of tests/data/tiny.
set -u
wanc=$(realpath "$1") wanrun=$(realpath "$2") check=$(realpath "$3") data=$(realpath "$4")/tests/data
tool=wanrun program=$wanrun
. "$(dirname "$0")/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

latents=$data/tiny/latents.npy
for conv in direct winograd4; do
    plan=$work/$conv.plan
    "$wanc" compile "$data/tiny/full.onnx" -o "$plan" --latent-size 3x5 --conv $conv >"$work/stderr" 2>&1 ||
        fail "$conv: compile" "wanc failed"
    fresh
    run "$plan" "$latents" -o plain.npy -q
    run "$plan" "$latents" -o frames.npy -q --profile=profile.json --trace trace.json
    same "$conv: the profile" ok "$("$check" profile profile.json 1 3)"
    same "$conv: the trace" ok "$("$check" trace trace.json 4 profile.json)"
    same "$conv: the same frames" ok "$(cmp plain.npy frames.npy && echo ok)"
    same "$conv: nothing said, nothing else written" ": frames.npy plain.npy profile.json trace.json" \
        "$(cat "$work/stderr"): $(ls -A | tr '\n' ' ' | sed 's/ $//')"
    run "$plan" "$latents" -o frames.npy -q --profile --threads 1
    same "$conv: a table for each" "first: 1 step steady: 3 steps" "$(grep -E '^[a-z]+: [0-9]' "$work/stderr" | tr '\n' ' ' | sed 's/ $//')"
    same "$conv: sums" 2 "$(grep -c 'times the FMA peak' "$work/stderr")"
done

fresh
run "$work/direct.plan" "$latents" --benchmark --warmup 2 --iterations 3 --json
cp "$work/stdout" benchmark.json
same "--benchmark --json" "ok " "$("$check" benchmark benchmark.json 1 4) $(cat "$work/stderr")"
run "$work/direct.plan" "$latents" --benchmark --iterations 3 --threads 1
same "--benchmark: text" "first steady threads" "$(awk '{ print $1 }' "$work/stdout" | tr '\n' ' ' | sed 's/ $//')"
same "--benchmark writes no file" benchmark.json "$(ls -A)"

# ---- what a run did, and while it does

fresh
run "$work/direct.plan" "$latents" -o frames.npy --json --log
cp "$work/stdout" summary.json
same "--json: what the run did" ok "$("$check" summary summary.json 3 13)"
same "--log: a line for each latent frame" "1 1 5 2 9 3 13 4 " \
    "$(sed -n 's/^wanrun: latent frame \([0-9]*\) of 4: \([0-9]*\) of 13 frames, [0-9.]* s\(, [0-9]* s left\)\{0,1\}$/\2 \1/p' "$work/stderr" | tr '\n' ' ')"
run "$work/direct.plan" "$latents" -o frames.npy --log --quiet
same "--log --quiet: these lines alone" "4 4" "$(grep -c "latent frame" "$work/stderr") $(wc -l <"$work/stderr")"
refused "--json, and a video on the standard output" 2 "prints on the standard output" "$work/direct.plan" "$latents" --json -o -
refused "no iterations" 2 "from 1 to" "$work/direct.plan" "$latents" --benchmark --iterations 0
refused "a folder that is not there" 1 "no/profile.json" "$work/direct.plan" "$latents" -o - --quiet --profile=no/profile.json
refused "--trace without a file" 2 "expected a value" "$work/direct.plan" "$latents" --trace
finish
