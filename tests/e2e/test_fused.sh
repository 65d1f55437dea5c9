#!/bin/sh
# Decoders in textual IR whose convolutions do what stands around them (fuse_conv), against the same decoders computed
# directly: in odd and in even steps, and with any number of threads. TAP output.
#   test_fused.sh WANC WANRUN NPY_TOOL COMPILE_IR
wanc=$1 wanrun=$2 npy_tool=$3 compile_ir=$4
. "$(dirname "$0")/cases.sh"

constant() { # NAME DIMS SEED: numbers that look random, small enough for sums to stay about 1
    awk -v name="$1" -v dims="$2" -v state="$3" 'BEGIN {
        n = split(dims, d, ","); count = fan = 1
        for (i = 1; i <= n; i++) { count *= d[i]; if (i > 1) fan *= d[i] }
        printf "const @%s: f32[%s] = [", name, dims
        for (i = 0; i < count; i++) {
            state = (state * 16807) % 2147483647
            printf "%s%.5f", i ? "," : "", (state / 2147483647 - 0.5) * 3.4 / sqrt(fan)
        }
        print "]" }'
}

causal_conv() { # RESULT X WEIGHTS CACHE
    echo "  %$1 = causal_conv %$2, $3 {cache=@$4, pads=[1,1,1,1], strides=[1,1]}"
}
norm() { echo "  %$1 = rms_norm %$2, @gamma {axis=1, epsilon=1e-6, scale=2.5}"; } # RESULT X

# conv1 begins with a norm and SiLU, and its result is added to the block's input; conv2 begins with a norm, and is added to a
# convolution of images; `last` has a clamp. With `up`, conv3 gives two frames. With `push`, all that the step does with
# conv1 is to feed its cache.
graph() { # NAME IMAGE WORDS
    echo "graph @$1(%x: f32[1,4,1,$2]) {"
    causal_conv a x @w0 c0
    norm n1 a
    echo "  %s1 = silu %n1"
    causal_conv conv1 s1 "@w1, @b1" c1
    case $3 in *push*) echo "  %r = silu %a" ;; *) echo "  %r = add %a, %conv1" ;; esac
    norm n2 r
    causal_conv conv2 n2 @w2 c2
    echo "  %image = conv %r, @v {pads=[0,1,1,0,1,1], strides=[1,1,1]}"
    echo "  %f = add %conv2, %image"
    case $3 in
    *up*)
        causal_conv conv3 f @w3 c3
        echo '  %g = rearrange %conv3 {pattern="1 (a:2 b:6) 1 c d -> 1 b a c d"}'
        ;;
    *) echo "  %g = silu %f" ;;
    esac
    causal_conv last g @w4 c4
    echo "  %y = clamp %last {max=1.0, min=-1.0}"
    echo "  return %y"
    echo "}"
}

decoder() { # IMAGE WORDS_OF_FIRST WORDS_OF_STEADY
    echo 'module "pair" "fused.ir"'
    echo "cache @c0: f32[1,4,2,$1] \"a\""
    for cache in c1 c2 c3 c4; do echo "cache @$cache: f32[1,6,2,$1] \"$cache\""; done
    constant w0 6,4,3,3,3 1
    constant gamma 6 2
    constant w1 6,6,3,3,3 3
    constant b1 6 4
    constant w2 6,6,3,3,3 5
    constant v 6,6,1,3,3 6
    constant w3 12,6,3,3,3 7
    constant w4 3,6,3,3,3 8
    graph first "$1" "$2"
    graph steady "$1" "$3"
}

check() { # NAME COMMAND...
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then ok "$name"; else not_ok "$name"; fi
}

# Views on histories, norms, and additions that are operators.
count_operators() {
    "$wanc" dump "$1" | awk '/^ +in1 cache/ { h++ } /^ +[0-9]+: norm/ { n++ } /^ +[0-9]+: binary/ { b++ }
        END { printf "%d histories, %d norms, %d additions\n", h, n, b }'
}

run_case() { # NAME IMAGE WORDS_OF_FIRST WORDS_OF_STEADY OPERATORS
    decoder "$2" "$3" "$4" >"$work/decoder.ir"
    "$npy_tool" make "$work/latents.npy" '<f4' "1,4,6,$2" 3
    check "$1: compile directly" "$compile_ir" "$work/direct.plan" --conv direct "$work/decoder.ir"
    check "$1: decode directly" "$wanrun" "$work/direct.plan" "$work/latents.npy" -o "$work/direct.npy" --quiet
    for conv in winograd2 winograd4; do
        plan=$work/$conv.plan
        check "$1: compile by $conv" "$compile_ir" "$plan" --conv "$conv" "$work/decoder.ir"
        count_operators "$plan" >"$work/operators"
        check "$1: $conv has $5" grep -qx "$5" "$work/operators"
        for threads in 1 3; do
            check "$1: decode by $conv, $threads threads" "$wanrun" "$plan" "$work/latents.npy" -o "$work/$threads.npy" \
                --quiet --threads "$threads"
        done
        check "$1: $conv as directly" "$npy_tool" diff "$work/direct.npy" "$work/1.npy" 2e-5
        check "$1: $conv gives the same bits" cmp "$work/1.npy" "$work/3.npy"
    done
}

run_case "residual block" 7,9 "" up "9 histories, 0 norms, 0 additions"
run_case "a first step that pushes only" 7,9 push up "8 histories, 1 norms, 0 additions"
run_case "two frames in each step" 5,8 up up "10 histories, 0 norms, 0 additions"
run_case "one pixel" 1,1 "" up "9 histories, 0 norms, 0 additions"
run_case "one row" 1,37 "" up "9 histories, 0 norms, 0 additions"
run_case "one column" 23,1 "" up "9 histories, 0 norms, 0 additions"
echo "1..$count"
