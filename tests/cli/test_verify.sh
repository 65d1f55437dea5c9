#!/bin/sh
# wanrun --verify: references of every layout, errors at known places, and what is said about them.
#
#     test_verify.sh WANC WANRUN NPY_TOOL SOURCE
#
# Prints TAP. The decoder and PyTorch's frames, [1,3,13,24,40], are those of tests/data/tiny.
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
same "rows" "step 0,step 1,step 2,step 3,step 1, worst,all" \
    "$(sed -n '2,7p' "$work/stdout" | sed 's/  .*//' | paste -sd, -)"
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
refused "another kind of file" 1 "expected numbers in a .npy file, found another kind" "$plan" "$latents" --verify "$plan"
refused "bytes are no latents" 1 "expected float16 .* found uint8" "$plan" "$work/bytes.npy"
refused "--atol: no number" 2 "--atol: expected a number from 0 on, found 'much'" "$plan" "$latents" --verify "$frames" --atol much
refused "--atol alone" 2 "expected --verify beside them" "$plan" "$latents" --atol 1
refused "--verify and --benchmark" 2 "--benchmark: takes no --verify" "$plan" "$latents" --verify "$frames" --benchmark
refused "--verify with -o -" 2 "--verify: prints on the standard output" "$plan" "$latents" --verify "$frames" -o -
cp "$frames" "$work/own.npy"
refused "-o on the reference" 2 "own.npy: cannot write: it is also an input" "$plan" "$latents" --verify "$work/own.npy" -o "$work/own.npy"

finish
