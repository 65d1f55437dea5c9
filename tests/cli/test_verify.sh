#!/bin/sh
# wanrun --verify: references of every layout, errors at known places, and what is said about them.
#
#     test_verify.sh WANC WANRUN NPY_TOOL SOURCE
#
# Prints TAP. The decoder and PyTorch's frames, [1,3,13,24,40], are those of tests/data/tiny; tensors inside of it, by ONNX Runtime,
# those of tests/data/taps.
set -u
wanc=$(realpath "$1") wanrun=$(realpath "$2") npy=$(realpath "$3") data=$(realpath "$4")/tests/data/tiny
tool=wanrun program=$wanrun
. "$(dirname "$0")/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

plan=$work/tiny.plan latents=$data/latents.npy frames=$data/frames.npy
"$wanc" compile "$data/full.onnx" -o "$plan" --latent-size 3x5 2>"$work/stderr" ||
    { fail "compile tests/data/tiny" "wanc failed"; echo "1..$number"; exit 1; }

# One thread: several wait for each other busily, which takes long where other tests run as well.
program=$work/wanrun
printf '#!/bin/sh\nexec "%s" --threads 1 "$@"\n' "$wanrun" >"$program"
chmod +x "$program"

agrees() { # NAME ARGUMENT...
    name=$1; shift
    fresh
    run "$plan" "$latents" "$@"
    same "$name" "0  all 37440 numbers" "$status $(cat "$work/stderr") $(tail -n 1 "$work/stdout" | cut -d' ' -f1-3)"
}
row() { grep "^$1  " "$work/stdout" | sed 's/  */ /g'; } # of the table

# ---- layouts

agrees "[1,3,F,H,W]" --verify "$frames"
same "nothing is written" "" "$(ls -A)"
same "rows" "step 0,step 1,step 2,step 3,step N, worst,all" \
    "$(sed -n '2,7p' "$work/stdout" | sed 's/  .*//; s/step [0-9], worst/step N, worst/' | paste -sd, -)" # rounding decides which
"$npy" transpose "$frames" "$work/frames_first.npy" # [1,13,3,24,40]
agrees "[1,F,3,H,W]" --verify "$work/frames_first.npy"
sed 's/(1, 13, 3, 24, 40, )/(13, 3, 24, 40, )   /' "$work/frames_first.npy" >"$work/four.npy"
agrees "[F,3,H,W]" --verify "$work/four.npy"
sed 's/(1, 3, 13, 24, 40)/(3, 13, 24, 40)   /' "$frames" >"$work/four.npy"
same "[3,F,H,W] is a file of four axes" "<f4 3,13,24,40" "$("$npy" shape "$work/four.npy")"
agrees "[3,F,H,W]" --verify "$work/four.npy"
"$npy" bytes "$frames" "$work/bytes.npy"
agrees "bytes [F,H,W,3]" --verify "$work/bytes.npy"
same "bytes: half a level more is allowed" "within 0.00492157" "$(grep -o 'within 0.00492157' "$work/stdout")"
run "$plan" "$latents" --verify "$work/bytes.npy" --atol 0.0035
same "bytes: the errors are their rounding, at most half a level of 2/255" "1 0.0039" \
    "$status $(grep -o 'difference of 0.0039' "$work/stderr" | cut -d' ' -f3)"
for type in f2 f4; do
    "$npy" make "$work/random_$type.npy" "<$type" 1,3,13,24,40 5
    run "$plan" "$latents" --verify "$work/random_$type.npy"
    cp "$work/stdout" "$work/$type.txt"
done
same "float16 is read as the float32 of the same numbers" 0 "$(cmp "$work/f2.txt" "$work/f4.txt" >/dev/null; echo $?)"

# ---- an error at a known place: channel 2, frame 1, y 5, x 7

wrong=$work/wrong.npy
cp "$frames" "$wrong"
"$npy" poke "$wrong" $((((2 * 13 + 1) * 24 + 5) * 40 + 7)) 1e6
refused "an error of 1e6 in step 1" 1 "wrong.npy: frame 1 (step 1), channel 2, y 5, x 7: expected 1000000, found [-0-9.]*, a difference of 1e+06; 1 of 37440 numbers are outside of 0.001 + 0 \* |expected|" \
    "$plan" "$latents" --verify "$wrong"
same "its step: 1e6 / sqrt(11520), 20 log10(2 / that)" "step 1 4 1.00e+06 9.32e+03 -73.4" "$(row 'step 1')"
same "all: 1e6 / sqrt(37440)" "all 13 1.00e+06 5.17e+03 -68.2" "$(row all)"
same "the hint names the caches" 1 "$(grep -c '^step 0 agrees, step 1 does not: caches;' "$work/stdout")"
run "$plan" "$latents" --verify "$wrong" -o out.npy --quiet
same "the video is written all the same" "1 out.npy 0" "$status $(ls -A) $("$npy" diff out.npy "$frames" 1e-4 >/dev/null; echo $?)"
run "$plan" "$latents" --verify "$wrong" --json
same "--json" '"agrees":false "channel":2 "expected":1000000.0 "frame":1 "outside":1 "step":1 "x":7 "y":5' \
    "$(tr -d ' \n' <"$work/stdout" | grep -o '"agrees":false\|"all":{[^}]*}\|"worst":{[^}]*}' | tr '{,}' '\n\n\n' |
        grep '"agrees"\|"frame"\|"step"\|"channel"\|"y"\|"x"\|"expected"\|"outside"' | LC_ALL=C sort | paste -sd' ' -)"
hint() { # NAME FRAME WORDS
    cp "$frames" "$wrong"
    "$npy" poke "$wrong" $(($2 * 24 * 40)) 3
    run "$plan" "$latents" --verify "$wrong"
    same "$1" "1 1" "$status $(grep -c "^$3" "$work/stdout")"
}
hint "an error in step 0" 0 "step 0 does not agree: not the caches"
hint "an error in step 2" 8 "steps 0 and 1 agree, step 2 does not: caches"
hint "an error in step 3" 12 "the first steps agree"
run "$plan" "$latents" --verify "$wrong" --atol 10
same "--atol" 0 "$status"
run "$plan" "$latents" --verify "$wrong" --atol 0.01 --rtol 2
same "--rtol" 0 "$status"
"$npy" poke "$wrong" 0 nan
refused "NaN is never right" 1 "frame 0 (step 0), channel 0, y 0, x 0: expected nan" "$plan" "$latents" --verify "$wrong" --atol 10

# ---- parts of a video

fresh
run "$plan" "$latents" --verify "$frames" --stop-after 2 --save-state state
same "--stop-after: 5 of 13 frames" "0 5" "$status $(row all | cut -d' ' -f2)"
run "$plan" "$latents" --verify "$frames" --load-state state
same "--load-state: 8 frames from step 2 on" "0 step 2 8" "$status $(sed -n '2s/  .*//p' "$work/stdout") $(row all | cut -d' ' -f2)"
"$npy" slice "$frames" "$work/twelve.npy" 12
refused "fewer frames" 1 "twelve.npy: expected 13 frames, as the latents give, found 12" "$plan" "$latents" --verify "$work/twelve.npy"
refused "fewer frames, --stop-after" 1 "twelve.npy: expected 13 frames, as the latents give, found 12" \
    "$plan" "$latents" --verify "$work/twelve.npy" --stop-after 4

# ---- wrong references and options

refused "a reference of another shape" 1 "latents.npy: expected frames of shape \[1, 3, F, 24, 40\].*found \[1, 16, 4, 3, 5\]" \
    "$plan" "$latents" --verify "$latents"
head -c 1000 "$frames" >"$work/short.npy"
refused "a truncated reference" 1 "short.npy: truncated" "$plan" "$latents" --verify "$work/short.npy"
refused "no reference" 1 "none.npy: cannot open" "$plan" "$latents" --verify none.npy
refused "another kind of file" 1 "tiny.plan: expected a .npy.* file, found another kind of file" "$plan" "$latents" --verify "$plan"
refused "bytes are no latents" 1 "expected float16.* found uint8" "$plan" "$work/bytes.npy"
refused "--atol: no number" 2 "--atol: expected a number from 0 on, found 'much'" "$plan" "$latents" --verify "$frames" --atol much
refused "--atol alone" 2 "expected --verify beside them" "$plan" "$latents" --atol 1
refused "--verify and --benchmark" 2 "--benchmark: takes no --verify and no --dump-taps" "$plan" "$latents" --verify "$frames" --benchmark
refused "--verify with -o -" 2 "--verify: prints on the standard output" "$plan" "$latents" --verify "$frames" -o -
cp "$frames" "$work/own.npy"
refused "--taps alone" 2 "--taps: expected --dump-taps" "$plan" "$latents" --taps 'conv*'
refused "-o on the reference" 2 "own.npy: cannot write: it is also an input" "$plan" "$latents" --verify "$work/own.npy" -o "$work/own.npy"

# ---- tensors

taps=$(dirname "$data")/taps
"$npy" slice "$latents" "$work/two.npy" 2
fresh
run "$plan" "$work/two.npy" --verify "$taps"
same "tensors of ONNX Runtime: what its name says, in the model's order of axes, also where additions and frames are fused" \
    "0 tensors: 9 compared, 261 not in the reference, 0 differ" "$status $(head -n 1 "$work/stdout" | sed 's/[0-9]* not/261 not/')"
same "nothing is written" "" "$(ls -A)"
run "$plan" "$work/two.npy" --verify "$taps" --taps 'conv*'
same "--taps" "0 tensors: 5 compared" "$status $(head -n 1 "$work/stdout" | cut -d, -f1)"
cp -r "$taps" "$work/taps"
"$npy" poke "$work/taps/step1/conv3d_12.npy" $(((5 * 3 + 2) * 5 + 4)) 7e3 # [1,32,1,3,5]
"$npy" poke "$work/taps/step1/add_974.npy" 0 9
refused "the first tensor that differs" 1 "taps: step 1: conv3d_12, left by node_conv3d_12 (conv), is the first tensor that differs: by up to 7e+03" \
    "$plan" "$work/two.npy" --verify "$work/taps"
same "and where" "tensors: 9 compared 2 differ|the first that differs: step 1, conv3d_12, left by node_conv3d_12 (conv direct): max error 7.00e+03, of numbers up to 7e+03; at [0, 5, 0, 2, 4] expected 7000" \
    "$(sed 's/, RMS error [^,]*//; s/, found.*//; s/, [0-9]* not in the reference,//' "$work/stdout" | head -n 2 | paste -sd'|' -)"
run "$plan" "$work/two.npy" --verify "$work/taps" --json
same "the same as JSON" '"agrees":false "compared":9 "differing":2 "element":89 "step":1 "tensor":"conv3d_12"' \
    "$(tr -d ' \n' <"$work/stdout" | sed 's/"worst".*//' | tr '{,}' '\n\n\n' | grep '"agrees\|"compared\|"differing\|"element\|"step\|"tensor' | LC_ALL=C sort | paste -sd' ' -)"
cp "$frames" "$work/taps/step1/conv2d.npy"
refused "a tensor of another shape" 1 "step1/conv2d.npy: expected \[1, 48, 3, 5\], found \[1, 3, 13, 24, 40\]" \
    "$plan" "$work/two.npy" --verify "$work/taps"
mkdir "$work/none"
refused "a folder without tensors" 1 "none: expected files such as step0/NAME.npy" "$plan" "$work/two.npy" --verify "$work/none"

fresh
run "$plan" "$work/two.npy" --dump-taps "$work/dumped" -o out.npy --quiet
"$npy" slice out.npy one.npy 1
"$npy" slice out.npy four.npy 4 1
same "--dump-taps: the last tensor is the frames, bit for bit" "0 0" \
    "$("$npy" diff one.npy "$work/dumped/step0/frames.npy") $("$npy" diff four.npy "$work/dumped/step1/frames.npy")"
run "$plan" "$work/two.npy" --verify "$work/dumped" --atol 0
same "--verify of what was dumped, exactly" "0 0 differ" "$status $(head -n 1 "$work/stdout" | grep -o '[0-9]* differ')"
fresh
run "$plan" "$work/two.npy" --dump-taps beside --profile=beside/profile.json --save-state beside/state --quiet
same "--dump-taps: other results in its folder" "0 profile.json state" "$status $(cd beside && ls profile.json state | tr '\n' ' ' | sed 's/ $//')"
fresh
run "$plan" "$work/two.npy" --dump-taps some --taps 'conv2d_[23]'
same "--dump-taps: those that were asked for, and no video" "some conv2d_2.npy conv2d_3.npy" "$(ls -A | paste -sd' ' -) $(ls some/step1 | paste -sd' ' -)"
"$wanc" compile -q "$data/full_ts.onnx" -o "$work/ts.plan" --latent-size 3x5 --keep-taps
run "$work/ts.plan" "$work/two.npy" --dump-taps odd --taps '/conv_in/*'
same "--dump-taps: names of paths" "0 %2Fconv_in%2FConv_output_0.npy" "$status $(ls odd/step0)"
"$wanc" compile -q "$data/full.onnx" -o "$work/bands.plan" --latent-size 40x64 --conv winograd4 --bands least
"$npy" make "$work/large.npy" '<f4' 1,16,1,40,64 5
refused "--dump-taps of bands" 1 "bands.plan: works on bands of images, which hold no whole tensors: compile it with --keep-taps" \
    "$work/bands.plan" "$work/large.npy" --dump-taps "$work/none"
refused "--dump-taps to a file" 1 "cannot make the folder" "$plan" "$work/two.npy" --dump-taps "$work/two.npy"
tool=wanc program=$wanc
refused "--keep-taps and --bands" 2 "--keep-taps: allows no bands" compile "$data/full.onnx" --latent-size 3x5 -o none.plan --keep-taps --bands least

finish
