#!/bin/sh
# How wanrun takes latents: from other files than .npy, denormalised, parts of them, and several at once.
#
#     test_latents.sh WANC WANRUN NPY_TOOL MAKE_WEIGHTS SOURCE
#
# Files of each format are compared number by number in tests/unit/test_latents.c. Decoders are those of tests/data/opsets,
# 8 channels and 3x5 latents, with PyTorch's frames.
set -u
wanc=$(realpath "$1") wanrun=$(realpath "$2") npy=$(realpath "$3") make_weights=$(realpath "$4") data=$(realpath "$5")/tests/data
tool=wanrun program=$wanrun
. "$(dirname "$0")/cases.sh"
trap 'rm -rf "$work"' EXIT

"$make_weights" "$data/opsets/recipe.txt" "$work/weights.data" >"$work/stderr" 2>&1
for model in full_dy18 denormalise_dy20 denormalise_ts17 flagged_reference_dy20; do
    cp "$data/opsets/$model.onnx" "$work/"
    "$wanc" compile "$work/$model.onnx" --latent-size 3x5,2x5 -o "$work/$model.plan" >"$work/stderr" 2>&1 ||
        fail "compile $model" "wanc failed"
done
plan=$work/full_dy18.plan latents=$data/opsets/latents.npy files=$data/latents
fresh
run "$plan" "$latents" -o "$work/frames.npy"

# ---- denormalising

printf '%s' '{"latents_mean": [-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508],
    "latents_std": [2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743]}' >"$work/config.json"
run "$plan" "$latents" --denormalize "$work/config.json" -o out.npy
same "--denormalize: PyTorch's frames" ok "$("$npy" diff out.npy "$data/opsets/frames_denormalised.npy" 1e-5 >/dev/null && echo ok)"
same "without it: others" 1 "$("$npy" diff "$work/frames.npy" "$data/opsets/frames_denormalised.npy" 1e-3 >/dev/null; echo $?)"
run "$plan" "$latents" --denormalize none -o out.npy
same "--denormalize none" same "$(cmp out.npy "$work/frames.npy" && echo same)"
for model in denormalise_dy20 denormalise_ts17 flagged_reference_dy20; do
    refused "$model: not twice" 1 "this plan denormalises latents itself" "$work/$model.plan" "$latents" --denormalize "$work/config.json"
    same "$model: the report says so" 1 "$("$wanc" report "$work/$model.plan" | grep -c 'denormalises its latents itself: z \* 2.8184 -0.7571 in')"
done
same "a plan that does not: the report says nothing" 0 "$("$wanc" report "$plan" | grep -c denormalises)"
refused "--denormalize: other channels" 1 "latents.npy: expected 16 channels, as --denormalize wan2.1 has, found 8" "$plan" "$latents" --denormalize wan2.1
refused "--denormalize: no such file" 1 "wan3: cannot open" "$plan" "$latents" --denormalize wan3
refused "--denormalize: no statistics" 1 "expected arrays latents_mean and latents_std" "$plan" "$latents" --denormalize "$(echo '{}' >"$work/empty.json"; echo "$work/empty.json")"

# ---- formats, keys, raw numbers, parts

fresh
run "$plan" "$files/f32.npy" -o f32.npy
for input in dict.pt two.npz:latents two.safetensors:latents deflated.npz transposed.pt; do
    run "$plan" "$files/$input" -o out.npy
    same "$input" same "$(cmp out.npy f32.npy && echo same)"
done
run "$plan" "$files/two.pt" --key latents -o out.npy
same "--key" same "$(cmp out.npy f32.npy && echo same)"
run "$plan" - -o out.npy <"$files/dict.pt"
same "a file on the standard input" same "$(cmp out.npy f32.npy && echo same)"
run "$plan" - --shape 8,3,2,5 --dtype f32 -o out.npy <"$files/reference.bin"
same "numbers on the standard input" same "$(cmp out.npy f32.npy && echo same)"
run "$plan" "$files/bf16.bin" --shape 1,8,3,2,5 --dtype bf16 -o out.npy
same "numbers in a file" same "$(cmp out.npy f32.npy && echo same)"
cp "$files/f32.npy" "$work/a:b.npy"
run "$plan" "$work/a:b.npy" -o out.npy
same "a name with a colon" same "$(cmp out.npy f32.npy && echo same)"
run "$plan" "$files/f32.npy" --frames :-1 -o part.npy
run "$plan" "$files/f32.npy" --stop-after 2 -o start.npy
same "--frames :-1 is the start" same "$(cmp part.npy start.npy && echo same)"
"$npy" slice "$files/f32.npy" cut.npy 2 1
run "$plan" cut.npy -o cut_frames.npy
run "$plan" "$files/f32.npy" --frames 1: -o part.npy
same "--frames 1: is a video of its own" same "$(cmp part.npy cut_frames.npy && echo same)"

refused "two tensors" 1 "two.npz: expected one tensor that could be the latents, or a choice (--key, or FILE:KEY), found 'latents' float32 \[8, 3, 2, 5\], 'other'" "$plan" "$files/two.npz"
refused "an object" 1 "bad_trap.pt: byte [0-9]* of its pickle: refused: it names __builtin__.print" "$plan" "$files/bad_trap.pt"
refused "raw numbers: too few" 1 "standard input: truncated: expected 1280 bytes" "$plan" - --shape 8,4,2,5 --dtype f32 <"$files/reference.bin"
refused "raw numbers: too many" 1 "standard input: trailing bytes" "$plan" - --shape 8,3,2,4 --dtype f32 <"$files/reference.bin"
refused "raw numbers: endless" 1 "standard input: trailing bytes" "$plan" - --shape 8,3,2,5 --dtype f32 </dev/zero
refused "--shape without --dtype" 2 "expected --dtype" "$plan" - --shape 8,3,2,5
refused "--shape: no numbers" 2 "shape: expected whole numbers" "$plan" - --shape 8,x --dtype f32
refused "--dtype: unknown" 2 "dtype: expected f16, f32, bf16 or f64" "$plan" - --shape 8 --dtype i8
refused "--dtype: another than the file's" 1 "expected bfloat16, by --dtype, found float32" "$plan" "$files/f32.npy" --dtype bf16
refused "--layout: unknown" 2 "layout: expected cthw or tchw" "$plan" "$latents" --layout thwc
refused "--frames: none" 1 "f32.npy: expected frames in --frames, found none of its 3" "$plan" "$files/f32.npy" --frames 3:
refused "--frames: no slice" 2 "frames: expected A:B" "$plan" "$latents" --frames 3
refused "--frames with a state" 2 "frames: takes no state" "$plan" "$latents" --frames 1: --save-state state
"$npy" make "$work/square.npy" '<f4' 8,8,3,5 1
refused "as many frames as channels" 1 "or --layout tchw, which says which of two it is, found \[8, 8, 3, 5\]" "$plan" "$work/square.npy"
fresh
"$npy" transpose "$work/square.npy" turned.npy
run "$plan" "$work/square.npy" --layout tchw -o tchw.npy
run "$plan" turned.npy --layout cthw -o cthw.npy
same "--layout" "same <f4 1,3,15,6,10" "$(cmp tchw.npy cthw.npy && echo same) $("$npy" shape tchw.npy)"

# ---- several

fresh
mkdir in out
cp "$files/f32.npy" in/one.npy
cp "$files/stored.npz" in/two.npz
cp "$latents" in/three.npy
echo notes >in/readme.txt
run "$plan" in "$files/dict.pt" -o out/%s.npy
same "a folder and a file" "0 dict.npy one.npy three.npy two.npy" "$status $(ls -A out | tr '\n' ' ' | sed 's/ $//')"
run "$plan" in/one.npy -o alone.npy
same "each a video of its own" same "$(cmp out/one.npy alone.npy && cmp out/two.npy alone.npy && cmp out/dict.npy alone.npy && cmp out/three.npy "$work/frames.npy" && echo same)"
run "$plan" in/one.npy in/two.npz -q -o out/
same "-o FOLDER/" "0 one.mp4 two.mp4" "$status $(cd out && ls -A ./*.mp4 | tr '\n' ' ' | sed 's/ $//; s/\.\///g')"
rm -rf out && mkdir out
cp "$files/bad_trap.pt" in/bad.pt
run "$plan" in absent.npy -q -o out/%s-%d.png
same "bad ones among others: the rest is written" "1 3 0" "$status $(wc -l <"$work/stderr") $(find out -name '*bad*' | wc -l)"
same "bad ones among others: all of the rest" 3 "$(ls out/*-0.png | wc -l)"
same "bad ones among others: each is named" "1 1 1" "$(grep -c '^wanrun: in/bad.pt: ' "$work/stderr") $(grep -c '^wanrun: absent.npy: ' "$work/stderr") $(grep -c '2 of 5 videos failed' "$work/stderr")"
run "$plan" in/one.npy
same "no -o" "0 one.mp4" "$status $(ls ./*.mp4 | sed 's/\.\///')"
mkdir "$work/none" "$work/again"
cp "$files/f32.npy" "$work/again/f32.npy"
refused "an empty folder" 1 "none: expected .npy, .npz, .safetensors or .pt files in this folder" "$plan" "$work/none"
refused "one name for two" 2 "f32.mp4: it would be written for" "$plan" "$files/f32.npy" "$work/again/f32.npy"
refused "one output for two" 2 "out.mp4: expected a folder, FOLDER/, or a name with %s" "$plan" "$files/f32.npy" "$latents" -o out.mp4
cp "$files/f32.npy" "$work/first.npy"
cp "$files/f16.npy" "$work/again/first.npy"
ln -s again/first.npy "$work/link.npy"
refused "an output that is another's input" 2 "again/first.npy: cannot write: it is also an input" "$plan" "$work/first.npy" "$work/link.npy" -o "$work/again/%s.npy"
for option in "-o -" "--benchmark" "--verify $work/frames.npy" "--save-state x" "--trace x"; do
    # shellcheck disable=SC2086
    refused "several with $option" 2 "expected one file of latents, found 2" "$plan" "$files/f32.npy" "$latents" $option
done
finish
