#!/bin/sh
# Seed corpora of the fuzz targets, in FOLDER/TARGET/, from the data of the other tests.
#
#     seeds.sh STAMP SOURCE_ROOT COMPILE_IR MAKE_HOSTILE MAKE_SEEDS RANDOM_GRAPH WANC
#
# FOLDER is `seeds` beside the file STAMP, which is written last.
set -e
folder=$(dirname "$1")/seeds root=$2 compile_ir=$3 make_hostile=$4 make_seeds=$5 random_graph=$6 wanc=$7
data=$root/tests/data

fresh() { rm -rf "${folder:?}/$1"; mkdir -p "$folder/$1"; } # TARGET

# An input of a target whose first byte chooses: OCTAL FILE OUT
behind_byte() { { printf "\\$1"; cat "$2"; } >"$3"; }

fresh latents
for file in "$data"/latents/*; do
    name=$(basename "$file")
    case $name in
    command.txt) ;;
    *.json) behind_byte 010 "$file" "$folder/latents/$name" ;;
    reference.bin | denormalized.bin) behind_byte 002 "$file" "$folder/latents/$name" ;;
    bf16.bin) behind_byte 202 "$file" "$folder/latents/$name" ;;
    words.npy) behind_byte 240 "$file" "$folder/latents/$name" ;;
    two.* | dict.*) behind_byte 001 "$file" "$folder/latents/$name" ;;
    slice.pt | tchw.npy) behind_byte 004 "$file" "$folder/latents/$name" ;;
    f64.npy | stored.npz) behind_byte 020 "$file" "$folder/latents/$name" ;;
    *) behind_byte 000 "$file" "$folder/latents/$name" ;;
    esac
done

fresh plan
"$make_hostile" "$folder/plan/hostile"
for conv in direct winograd2 auto; do
    "$compile_ir" "$folder/plan/tiny-$conv" --conv "$conv" "$root/tests/report/tiny.ir"
done
for seed in 1 4 5 12 14 17 21 22 23; do # those of few bytes and many operators
    "$random_graph" --plan $seed "$folder/plan/random-$seed"
done

fresh onnx
"$make_seeds" "$folder/onnx"
"$wanc" compile "$folder/onnx/small_17.onnx" --prepack -o "$folder/plan/packed" 2>/dev/null
for name in full_dy23 full_ts13 pair_dy18_first pair_dy25_first pair_dy25_steady flagged_dy25 flagged_arithmetic_dy20 no_cache_dy20 \
    unrolled2_dy18 explicit_attention_dy20 attention_over_time_dy20 denormalise_dy20 uint8_dy20 weights_as_inputs_dy20 btchw_ts17; do
    cp "$data/opsets/$name.onnx" "$folder/onnx/"
done
cp "$data/qwen/image_dy20.onnx" "$folder/onnx/"

fresh operators
mkdir "$folder/unpacked"
tar -xzf "$data/onnx-node/tests.tar.gz" -C "$folder/unpacked"
find "$folder/unpacked" -name model.onnx -size -2k | while read -r file; do
    cp "$file" "$folder/operators/$(basename "$(dirname "$file")").onnx"
done
rm -r "$folder/unpacked"

# The weights that fuzz_external asks for: 4 * 4 * 3 floats.
zeros() { head -c "$1" /dev/zero; } # BYTES
fresh external
{ printf 'weights\n0\n192\n\n\n'; zeros 192; } >"$folder/external/whole"
{ printf 'weights\n64\n\nchecksum\nabc\n'; zeros 256; } >"$folder/external/rest"
{ printf './weights\n\n\nbasepath\n..\n'; zeros 192; } >"$folder/external/dot"
printf '../weights\n0\n192\n\n\n' >"$folder/external/above"
printf '/etc/passwd\n0\n192\nlocation\nweights\n' >"$folder/external/absolute"

# Inputs of the pass tests.
fresh ir
for file in "$root"/tests/pass/*/*.ir; do
    sed '/^# >>>/,$d' "$file" >"$folder/ir/$(basename "$(dirname "$file")")-$(basename "$file")"
done
cp "$root/tests/report/tiny.ir" "$folder/ir/"
for seed in 1 2 3 4 5 6 7 8; do "$random_graph" --print $seed >"$folder/ir/random-$seed.ir"; done

# A state of fuzz_state's plan, whose header and checksums it repairs: the caches are 64 bytes at least.
state() { # OCTAL CACHE_BYTES_AS_OCTAL CACHE_BYTES
    printf "\\$1WANSTATE\\1\\0\\0\\0\\2\\0\\0\\0\\3\\0\\0\\0\\0\\0\\0\\0"
    zeros 8
    printf "\\3\\0\\0\\0\\0\\0\\0\\0\\$2\\0\\0\\0\\0\\0\\0\\0"
    zeros 16
    zeros "$3"
}
fresh state
state 7 140 96 >"$folder/state/file"
state 17 140 96 >"$folder/state/memory"
state 0 140 96 >"$folder/state/damaged"

touch "$1"
