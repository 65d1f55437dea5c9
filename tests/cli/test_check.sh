#!/bin/sh
# Numbers that must not go wrong silently: wanrun --check, and NaN or infinity among weights.
#
#     test_check.sh WANC WANRUN SPOIL_PLAN NPY_TOOL SOURCE
#
# Prints TAP.
set -u
wanc=$(realpath "$1") wanrun=$(realpath "$2") spoil=$(realpath "$3") npy=$(realpath "$4") data=$(realpath "$5")/tests/data
tool=wanrun program=$wanrun
. "$(dirname "$0")/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
latents=$data/tiny/latents.npy

compiled() { # NAME OPTION...
    name=$1
    shift
    "$wanc" compile "$data/tiny/full.onnx" --latent-size 3x5 -o "$work/$name" "$@" 2>"$work/stderr" || fail "compile $*" "wanc failed"
}

# ---- what is right agrees with its formulas: every algorithm, type of cache, and bands

for options in "--conv auto" "--conv direct" "--conv winograd2" "--conv winograd4" "--conv im2col" "--cache-type f16 --bands least" \
    "--cache-type bf16" "--conv winograd4 --bands least"; do
    # shellcheck disable=SC2086
    compiled plan $options
    fresh
    run "$work/plan" "$latents" -o out.npy --check=20
    largest=$(sed -n 's/.*checked [0-9]* numbers of [0-9]* operators against their formulas: wrong by at most \([0-9.e-]*\) of their sums.*/\1/p' "$work/stderr")
    same "$options: within 3e-6 of the formulas" "0 yes" "$status $(awk -v x="$largest" 'BEGIN { print (x > 0 && x < 3e-6) ? "yes" : x }')"
done
compiled plain
run "$work/plain" "$latents" -o plain.npy
run "$work/plain" "$latents" -o checked.npy --check --threads 1
same "the same frames as without" 0 "$(cmp plain.npy checked.npy >/dev/null 2>&1; echo $?)"
refused "--check=0" 2 "--check: expected a whole number from 1" "$work/plain" "$latents" --check=0

# ---- what is wrong does not

# Weights that were packed for XNNPACK, a hundredth too large in one operator, in a file whose checksums are right: frames
# look as ever.
compiled prepacked --prepack --conv winograd2
for i in 0 7 20; do
    "$spoil" "$work/prepacked" "$work/spoilt" packed $i 1.01 2>"$work/stderr" || fail "spoil $i" "spoil_plan failed"
    fresh
    run "$work/spoilt" "$latents" -o out.npy
    same "packed weights $i, wrong by 1 %: nothing shows it" "0 out.npy" "$status $(ls -A)"
    refused "packed weights $i, wrong by 1 %: --check finds it" 1 "operator node_conv.*is .*, expected .* by the formula: wrong by" \
        "$work/spoilt" "$latents" -o out.npy --check=8 --quiet
done

# Weights that are wrong in the plan itself are another model: its kernels are right.
"$spoil" "$work/plain" "$work/spoilt" weight decoder.conv_in.weight 100 3 2>"$work/stderr"
fresh
run "$work/spoilt" "$latents" -o out.npy --check=8
same "wrong weights are no wrong kernel" 0 "$status"

# ---- NaN and infinity

refused "latents: NaN" 1 "found NaN at" "$work/plain" "$("$npy" make "$work/nan.npy" '<f4' 1,16,2,3,5 1; "$npy" poke "$work/nan.npy" 7 nan; echo "$work/nan.npy")"
for wrong in nan inf; do
    "$spoil" "$work/plain" "$work/spoilt" weight decoder.conv_in.weight 100 $wrong 2>"$work/stderr"
    refused "a plan with $wrong among its weights" 1 "constant [0-9]* (decoder.conv_in.weight): NaN or infinity among its 6912 numbers" \
        "$work/spoilt" "$latents" -o out.npy
done
tool=wanc program=$wanc
for wrong in 'NaN \000\000\300\177' '-infinity \000\000\200\377'; do
    cp "$data/tiny/full.onnx" "$work/model.onnx"
    # shellcheck disable=SC2059 # the bytes are octal
    printf "${wrong#* }" | dd of="$work/model.onnx" bs=1 seek=$((35910 + 400)) conv=notrunc 2>/dev/null
    refused "a model with ${wrong% *} among its weights" 1 "weights decoder.conv_in.weight: NaN or infinity among their 6912 numbers" \
        compile "$work/model.onnx" --latent-size 3x5 -o out.plan
done

cd /
finish
