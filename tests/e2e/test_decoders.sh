#!/bin/sh
# Whole decodes against PyTorch in double precision: every form and width in tests/data, and the demo. TAP output.
#   test_decoders.sh WANC WANRUN NPY_TOOL GOLDEN MAKE_WEIGHTS SOURCE_ROOT [demo|random|full-width]
wanc=$1 wanrun=$2 npy_tool=$3 golden=$4 make_weights=$5 root=$6 group=$7
data=$root/tests/data
. "$(dirname "$0")/cases.sh"

sanitized() { grep -q __asan_init "$wanrun"; }

check() { # check NAME COMMAND...
    what=$1
    shift
    if "$@" >"$work/log" 2>&1; then sed 's/^/# /' "$work/log"; ok "$what"; else not_ok "$what"; fi
}

value() { awk -v key="$2" '$1 == key { print $2 }' "$1/reference.txt"; }

compile() { # compile PLAN SIZE MODEL..., by the algorithm $conv
    plan=$1 size=$2
    shift 2
    "$wanc" compile "$@" --latent-size "$size" -o "$plan" --verify-each --conv "${conv:-direct}" --cache-type "${caches:-f32}" --bands "${bands:-auto}"
}
decode() { # decode PLAN LATENTS OUT [OPTION...], on two threads
    decode_plan=$1 decode_latents=$2 out=$3
    shift 3
    "$wanrun" "$decode_plan" "$decode_latents" -o "$out" --quiet --threads 2 "$@"
}

# The first three steps, of long videos: caches have changed places by then.
check_one_thread() { # check_one_thread NAME PLAN LATENTS WHOLE
    check "$1: one thread gives the same bits" sh -c "
        '$wanrun' '$2' '$3' -o '$work/one.npy' --quiet --threads 1 --stop-after 3 && '$npy_tool' prefix '$work/one.npy' '$4'"
}

# Frames may not be off by more than the plan says.
within_stated() { # within_stated NAME PLAN OUT REF STEADY_FRAMES
    stated=$(stated_bound "$wanc" "$2")
    check "$1: every step within the $stated that the plan states" "$golden" steps "$3" "$4" 1 "$5" "$stated"
}

# Latent frames 0 .. N-1 of a [1,C,T,h,w] file must give the first frames of the whole video, bit for bit.
check_prefixes() { # check_prefixes NAME PLAN LATENTS WHOLE
    for n in 1 2; do
        check "$1: the first $n latent frames alone" sh -c "
            '$npy_tool' slice '$3' '$work/head.npy' $n && '$wanrun' '$2' '$work/head.npy' -o '$work/short.npy' --quiet &&
            '$npy_tool' prefix '$work/short.npy' '$4'"
    done
}

decoder() { # decoder FOLDER SIZE STEADY_FRAMES
    name=$1 size=$2 steady=$3 folder=$data/$1
    bound=$(limit "$folder/reference.txt")
    for form in full full_ts pair pair_ts; do
        if [ -f "$folder/$form.onnx" ]; then models=$folder/$form.onnx
        elif [ -f "$folder/${form}_first.onnx" ]; then models="$folder/${form}_first.onnx $folder/${form}_steady.onnx"
        else continue
        fi
        # shellcheck disable=SC2086
        check "$name $form: compile" compile "$work/$form.plan" "$size" $models
        check "$name $form: decode" decode "$work/$form.plan" "$folder/latents.npy" "$work/$form.npy"
        check "$name $form: every step within $bound of PyTorch" "$golden" steps "$work/$form.npy" "$folder/frames.npy" 1 "$steady" "$bound"
        within_stated "$name $form" "$work/$form.plan" "$work/$form.npy" "$folder/frames.npy" "$steady"
        [ "$form" = full ] || check "$name $form: as the full form" "$npy_tool" diff "$work/full.npy" "$work/$form.npy" 1e-5
    done
    check "$name: one thread gives the same bits" sh -c "'$wanrun' '$work/full.plan' '$folder/latents.npy' -o '$work/one.npy' --quiet --threads 1 && cmp '$work/one.npy' '$work/full.npy'"
    check_prefixes "$name" "$work/full.plan" "$folder/latents.npy" "$work/full.npy"
}

peak_as_forecast() { # PLAN LATENTS
    "$wanrun" "$1" "$2" -o "$work/peak.npy" --timings --threads 2 --stop-after 2 2>"$work/timings" || return 1
    measured=$(sed -n 's/.*peak RSS \([0-9]*\).*/\1/p' "$work/timings")
    "$wanc" report "$1" --memory --threads 2 | awk -v measured="$measured" '
        /peak memory to expect/ { forecast = $5 * ($6 == "GiB" ? 1024 : 1) * 1048576 }
        END { printf "forecast %d, measured %d bytes\n", forecast, measured
              exit !(forecast > 0 && measured > 0.95 * forecast && measured < 1.05 * forecast) }'
}

# As the report says before: the largest of what a run holds, however the plan was made.
demo_memory() {
    for options in "" "--prepack" "--conv direct" "--conv im2col" "--bands least --cache-type f16" "--max-memory 225MiB"; do
        # shellcheck disable=SC2086
        "$wanc" compile "$root/examples/demo/decoder.onnx" --latent-size 30x52 --threads 2 --quiet $options -o "$work/memory.plan"
        check "demo: peak memory within 5 % of the report${options:+, $options}" peak_as_forecast "$work/memory.plan" "$root/examples/demo/latents.npy"
    done
}

demo() {
    folder=$data/demo bound=$(limit "$data/demo/reference.txt")
    check "demo: compile" compile "$work/demo.plan" 30x52 "$root/examples/demo/decoder.onnx"
    check "demo: decode" decode "$work/demo.plan" "$root/examples/demo/latents.npy" "$work/demo.npy"
    check "demo: 49 frames within $bound of double precision" "$golden" sampled "$work/demo.npy" "$folder/frames_every4.npy" 4 "$bound"
    stated=$(stated_bound "$wanc" "$work/demo.plan")
    check "demo: within the $stated that the plan states" "$golden" sampled "$work/demo.npy" "$folder/frames_every4.npy" 4 "$stated"
    for i in 000 001 004 005 024 048; do
        check "demo: frame $i whole" "$golden" frame "$work/demo.npy" "$((1$i - 1000))" "$folder/frame_$i.npy" "$bound"
    done
    check "demo: bytes of frames 0 12 24 36 48" "$golden" u8 "$work/demo.npy" "$root/examples/demo/frames_u8.npy" 12
    if sanitized; then echo "# peak memory is not compared: AddressSanitizer takes its own"
    else demo_memory
    fi
    # Under sanitizers the small decoders say so.
    sanitized || check_one_thread demo "$work/demo.plan" "$root/examples/demo/latents.npy" "$work/demo.npy"
}

# Other algorithms than direct, within what they promise, over the first STEPS latent frames.
demo_algorithm() { # demo_algorithm CONV STEPS
    folder=$data/demo conv=$1
    check "demo $conv: compile" compile "$work/$conv.plan" 30x52 "$root/examples/demo/decoder.onnx"
    check "demo $conv: decode" decode "$work/$conv.plan" "$root/examples/demo/latents.npy" "$work/$conv.npy" --stop-after "$2"
    check "demo $conv: within 1e-3 of double precision" "$golden" sampled "$work/$conv.npy" "$folder/frames_every4.npy" 4 1e-3
    stated=$(stated_bound "$wanc" "$work/$conv.plan")
    check "demo $conv: within the $stated that the plan states" "$golden" sampled "$work/$conv.npy" "$folder/frames_every4.npy" 4 "$stated"
    check "demo $conv: at least 75 dB" "$golden" psnr "$work/$conv.npy" "$folder/frames_every4.npy" 4 75
    sanitized || check_one_thread "demo $conv" "$work/$conv.plan" "$root/examples/demo/latents.npy" "$work/$conv.npy"
    conv=direct
}

# The same for a random decoder, of odd sizes: several steps, whose histories change places.
decoder_algorithm() { # decoder_algorithm FOLDER SIZE STEADY_FRAMES CONV
    name=$1 size=$2 steady=$3 conv=$4 folder=$data/$1
    check "$name $conv: compile" compile "$work/$conv.plan" "$size" "$folder/full.onnx"
    check "$name $conv: decode" decode "$work/$conv.plan" "$folder/latents.npy" "$work/$conv.npy"
    check "$name $conv: every step within 1e-3 of PyTorch" "$golden" steps "$work/$conv.npy" "$folder/frames.npy" 1 "$steady" 1e-3
    within_stated "$name $conv" "$work/$conv.plan" "$work/$conv.npy" "$folder/frames.npy" "$steady"
    check "$name $conv: one thread gives the same bits" sh -c "'$wanrun' '$work/$conv.plan' '$folder/latents.npy' -o '$work/one.npy' --quiet --threads 1 && cmp '$work/one.npy' '$work/$conv.npy'"
    conv=direct
}

# On bands of images as on whole ones: the same bits, in less memory.
decoder_bands() { # decoder_bands FOLDER SIZE CONV CHANNELS
    name="$1 $2 $3" conv=$3 model=$data/$1/full.onnx
    "$npy_tool" make "$work/latents.npy" "<f4" "1,$4,4,$(echo "$2" | tr x ,)" 5
    for bands in none least; do
        check "$name, bands $bands: compile" compile "$work/$bands.plan" "$2" "$model"
        check "$name, bands $bands: decode" decode "$work/$bands.plan" "$work/latents.npy" "$work/$bands.npy"
        "$wanc" dump "$work/$bands.plan" >"$work/$bands.txt"
    done
    check "$name: there are bands" grep -q "^ bands: operators" "$work/least.txt"
    check "$name: and a smaller arena" sh -c "sed -n 's/^steady.* arena \([0-9]*\) .*/\1/p' '$work/none.txt' '$work/least.txt' | xargs sh -c 'test \$1 -lt \$0'"
    check "$name: the same bits on bands" cmp "$work/none.npy" "$work/least.npy"
    check "$name: and with one thread" sh -c "'$wanrun' '$work/least.plan' '$work/latents.npy' -o '$work/one.npy' --quiet --threads 1 && cmp '$work/one.npy' '$work/none.npy'"
    conv=direct bands=auto caches=f32
}

# Caches of 16 bits: within BOUND, and within what the plan states for them.
decoder_caches() { # decoder_caches FOLDER SIZE CONV TYPE BOUND
    name="$1 $3, caches of $4" conv=$3 caches=$4 folder=$data/$1
    check "$name: compile" compile "$work/narrow.plan" "$2" "$folder/full.onnx"
    check "$name: decode" decode "$work/narrow.plan" "$folder/latents.npy" "$work/narrow.npy"
    check "$name: every step within $5 of PyTorch" "$golden" steps "$work/narrow.npy" "$folder/frames.npy" 1 4 "$5"
    within_stated "$name" "$work/narrow.plan" "$work/narrow.npy" "$folder/frames.npy" 4
    conv=direct caches=f32
}

demo_caches() { # demo_caches TYPE BOUND
    caches=$1 conv=auto
    check "demo, caches of $1: compile" compile "$work/narrow.plan" 30x52 "$root/examples/demo/decoder.onnx"
    check "demo, caches of $1: decode" decode "$work/narrow.plan" "$root/examples/demo/latents.npy" "$work/narrow.npy" --stop-after 7
    check "demo, caches of $1: within $2 of double precision" "$golden" sampled "$work/narrow.npy" "$data/demo/frames_every4.npy" 4 "$2"
    conv=direct caches=f32
}

full_width() {
    cp "$data/base96/"* "$work/"
    check "full width: make the weights" "$make_weights" "$work/recipe.txt" "$work/weights.data"
    folder=$work bound=$(limit "$work/reference.txt")
    # Under sanitizers the small decoders go through all of them.
    algorithms="auto winograd2 winograd4"
    sanitized && algorithms=auto
    for conv in $algorithms; do
        check "full width $conv: compile" compile "$work/full.plan" 2x3 "$work/full.onnx"
        check "full width $conv: decode" decode "$work/full.plan" "$work/latents.npy" "$work/full.npy"
        check "full width $conv: every step within 1e-3 of PyTorch" "$golden" steps "$work/full.npy" "$work/frames.npy" 1 4 1e-3
        within_stated "full width $conv" "$work/full.plan" "$work/full.npy" "$work/frames.npy" 4
    done
    conv=direct
    sanitized && return
    check "full width full: compile" compile "$work/full.plan" 2x3 "$work/full.onnx"
    check "full width pair: compile" compile "$work/pair.plan" 2x3 "$work/pair_first.onnx" "$work/pair_steady.onnx"
    for form in full pair; do
        check "full width $form: decode" decode "$work/$form.plan" "$work/latents.npy" "$work/$form.npy"
        check "full width $form: every step within $bound of PyTorch" "$golden" steps "$work/$form.npy" "$work/frames.npy" 1 4 "$bound"
        within_stated "full width $form" "$work/$form.plan" "$work/$form.npy" "$work/frames.npy" 4
    done
}

case $group in
demo)
    demo
    # Under sanitizers one algorithm of many will do: 98 frames that the others decode run the same code.
    sanitized || demo_algorithm winograd2 5
    sanitized || demo_algorithm winograd4 5
    if sanitized; then demo_algorithm auto 3; else demo_algorithm auto 13; fi
    sanitized || demo_caches f16 2e-4
    ;;
random)
    decoder tiny 3x5 4
    decoder row 1x7 4
    decoder column 5x1 4
    decoder shallow 7x3 2
    decoder half 2x4 4
    for algorithm in auto winograd2 winograd4; do
        decoder_algorithm tiny 3x5 4 $algorithm
        decoder_algorithm row 1x7 4 $algorithm
        decoder_algorithm column 5x1 4 $algorithm
        decoder_algorithm shallow 7x3 2 $algorithm
    done
    decoder_algorithm tiny 3x5 4 im2col
    decoder_bands tiny 17x3 winograd2 16
    decoder_bands tiny 13x4 winograd4 16
    sanitized || decoder_bands tiny 31x1 winograd4 16
    decoder_bands shallow 19x2 winograd2 8
    sanitized || decoder_bands tiny 15x2 im2col 16
    caches=f16
    decoder_bands tiny 14x3 winograd4 16
    decoder_caches tiny 3x5 direct f16 2e-3
    decoder_caches column 5x1 auto f16 2e-3
    decoder_caches row 1x7 direct bf16 2e-2
    decoder_caches tiny 3x5 auto bf16 2e-2
    ;;
full-width) full_width ;;
esac
echo "1..$count"
