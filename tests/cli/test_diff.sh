#!/bin/sh
# wanc diff: right plans agree with their models; of plans that were made wrong it names the operator that is.
#
#     test_diff.sh WANC SPOIL_PLAN NPY_TOOL SOURCE
#
# Prints TAP. The decoder is that of tests/data/tiny.
set -u
wanc=$(realpath "$1") spoil=$(realpath "$2") npy=$(realpath "$3") data=$(realpath "$4")/tests/data/tiny
tool=wanc program=$wanc
. "$(dirname "$0")/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

model=$data/full.onnx latents=$data/latents.npy plan=$work/plan
compile() { "$wanc" compile -q "$@" --latent-size 3x5 2>"$work/stderr" || fail "compile $*" "wanc failed"; }
compile "$model" -o "$plan"

agrees() { # NAME RESULTS ARGUMENT...
    name=$1 results=$2; shift 2
    fresh
    run diff "$@" --threads 1
    same "$name" "0 $results results of operators compared, 0 not in the model as imported, 0 differ" \
        "$status $(sed -n '1s/^[0-9]* steps: //p' "$work/stdout")$(cat "$work/stderr")"
}

agrees "random ones, 2 steps" 144 "$plan" "$model" --steps 2
agrees "as many steps as there are latents" 282 "$plan" "$model" "$latents" --steps 100
compile "$data/pair_first.onnx" "$data/pair_steady.onnx" -o "$work/pair"
agrees "two files" 144 "$work/pair" "$data/pair_first.onnx" "$data/pair_steady.onnx" "$latents" --steps 2
for options in "--conv winograd4" "--conv im2col --cache-type bf16"; do
    # shellcheck disable=SC2086
    compile "$model" $options -o "$work/other"
    fresh
    run diff "$work/other" "$model" "$latents" --threads 1 --steps 2
    same "$options" "0 0 differ" "$status $(head -n 1 "$work/stdout" | grep -o '[0-9]* differ$')"
done

# ---- wrong plans

spoilt() { # NAME STEP OPERATOR TENSOR DIFFERING ARGUMENT...
    name=$1 step=$2 operator=$3 tensor=$4 differing=$5; shift 5
    "$spoil" "$plan" "$work/wrong" "$@" 2>"$work/stderr" || fail "spoil $*" "spoil_plan failed"
    refused "$name" 1 "wrong: step $step: operator $operator .* is the first whose result, $tensor, differs from the model" \
        diff "$work/wrong" "$model" "$latents" --threads 1 --steps 2
    same "$name: and no other operator is blamed" "$differing" "$(head -n 1 "$work/stdout" | grep -o '[0-9]* differ$')"
}
spoilt "one weight of 6912, twice as large" 0 node_conv3d_7 conv3d_7 "2 differ" weight decoder.up_blocks.0.resnets.0.conv2.weight 1000 2
spoilt "one weight of a temporal upsampler, which the first step has not" 1 node_conv3d_12 conv3d_12 "1 differ" \
    weight decoder.up_blocks.0.upsamplers.0.time_conv.weight 39 3
# [32][1][1][3][16]: the oldest of its frames is the one of step 1 in step 3, and not there before.
"$spoil" "$plan" "$work/wrong" weight decoder.up_blocks.0.upsamplers.0.time_conv.weight 7 3
agrees "one weight for the oldest frame: three steps cannot show it" 213 "$work/wrong" "$model" "$latents"
refused "the fourth does" 1 "wrong: step 3: operator node_conv3d_12 .* whose result, conv3d_12, differs" \
    diff "$work/wrong" "$model" "$latents" --steps 4
spoilt "a bias" 0 node_conv2d_4 conv2d_4 "2 differ" weight decoder.up_blocks.2.upsamplers.0.resample.1.bias 2 1.5
spoilt "the epsilon of a norm in later steps" 1 node_div_3 silu_2 "1 differ" epsilon node_div_3 1000
spoilt "the epsilon of a norm inside of a fused convolution, whose sum is what differs" 1 node_conv3d_17 add_974 "1 differ" epsilon node_conv3d_17 1000

# ---- what is refused

"$npy" make "$work/other.npy" '<f4' 1,16,2,7,7 5
refused "latents of another size" 1 "plan: the plan decodes no latents of 7x7" diff "$plan" "$model" "$work/other.npy"
refused "no model" 2 "diff: expected PLAN MODEL.onnx" diff "$plan" "$latents"
refused "one file" 2 "diff: wrong number of files" diff "$plan"
fresh
run diff "$plan" "$data/full_ts.onnx" --steps 1 # the name `frames` is in both
same "another export of the same decoder: its tensors have other names" "0 1 steps: 2 results of operators compared, 73 not in the model as imported, 0 differ" \
    "$status $(head -n 1 "$work/stdout")"
"$wanc" compile -q "$model" -o "$work/large" --latent-size 200x300 --keep-taps
refused "hours of work" 1 "operations in 3 steps, the limit is 5e+11" diff "$work/large" "$model"
"$wanc" compile -q "$model" -o "$work/bands" --latent-size 40x64 --conv winograd4 --bands least
refused "a plan in bands" 1 "compile it with --keep-taps" diff "$work/bands" "$model"
refused "no plan" 1 "not a plan" diff "$model" "$model"

finish
