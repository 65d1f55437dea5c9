#!/bin/sh
# Wrong models, made of right ones (tests/support/mutate_onnx.c): each must be refused, or decode to other frames than
# the right one. A proof that holds for a wrong model is no proof. TAP output.
#   test_mutations.sh WANC WANRUN NPY_TOOL GOLDEN MUTATE MAKE_WEIGHTS SOURCE_ROOT [PLACES]
# PLACES: how many places of each kind and file, spread over the graph; 0 means all.
wanc=$1 wanrun=$2 npy_tool=$3 golden=$4 mutate=$5 make_weights=$6 data=$(realpath "$7")/tests/data places=4
grep -q __asan_init "$wanrun" && places=2 # slow
places=${8:-$places}
. "$(dirname "$0")/cases.sh"

# What must become of a kind in a form:
#   refused  nothing else will do: the file contradicts itself, or says what cannot be streamed
#   changed  it may be a model of its own, which gives other frames; or it is refused
#   equal    nothing is wrong with it
expected() { # FORM KIND
    case $1:$2 in
    *:rename) echo equal ;;
    pair:swap-outputs-data | step:swap-outputs-data | flagged:swap-outputs-data) echo equal ;; # see pair_caches
    pair:swap-weights | step:swap-weights | full:swap-weights | unrolled2:swap-weights) echo changed ;;
    flagged:swap-weights) echo changed ;;
    *:reverse-interleave)
        if [ "$1" = unrolled ]; then echo refused; else echo changed; fi ;;
    *:flip-flag) # of several, one contradicts the others; where there is one, the values of the flag change places
        if [ "$total" = 1 ]; then echo equal; else echo changed; fi ;;
    *) echo refused ;;
    esac
}

# Kinds for which there must be places in a form: a mutation that finds none tests nothing.
needed() { # FORM
    case $1 in
    full) echo swap-taps pad-side reverse-interleave swap-weights ;;
    unrolled2) echo swap-taps swap-caches pad-side reverse-interleave swap-weights step-order wrong-latent ;;
    unrolled) echo swap-taps swap-caches stale-cache pad-side reverse-interleave swap-weights step-order wrong-latent ;;
    pair) echo pad-side stale-cache "$(needed flagged)" ;;
    step) echo stale-cache "$(needed flagged)" ;;
    flagged) echo swap-taps swap-caches merge-caches swap-outputs-data double-output reverse-interleave swap-weights ;;
    esac
}

run() { "$@" >"$work/log" 2>&1; }

compile() { # what is in $files, with $size
    # shellcheck disable=SC2086
    run timeout 60 "$wanc" compile $files ${size:+--latent-size "$size"} -o "$work/plan"
}
decode() { run "$wanrun" "$work/plan" "$latents" -o "$1" --quiet --threads 1; }

# What became of the model in $files: refused, equal, changed, or what is wrong.
outcome() {
    compile
    case $? in
    0) ;;
    1) if [ -s "$work/log" ]; then echo refused; else echo "refused without a message"; fi; return ;;
    *) echo "wanc failed"; return ;;
    esac
    decode "$work/out.npy" || { echo "wanrun failed"; return; }
    if run "$npy_tool" diff "$work/right.npy" "$work/out.npy" 0; then echo equal
    elif run "$golden" steps "$work/out.npy" "$frames" 1 4 "$limit"; then echo "within 10 tolerances of the right frames"
    else echo changed
    fi
}

check_place() { # FILE KIND N
    name="$model $(basename "$1" .onnx) $2 $3" wanted=$(expected "$form" "$2")
    got=$(outcome)
    case $wanted:$got in
    refused:refused | changed:refused | changed:changed | equal:equal) ok "$name: $got" ;;
    *) not_ok "$name" "expected $wanted, found $got" ;;
    esac
}

# The file with one thing wrong in it takes its place among the others.
mutate_file() { # FILE KIND
    all=$files
    total=$("$mutate" "$1" "$work/none" "$2" 1000000)
    [ "$2" = rename ] && total=2
    [ "$total" -gt 0 ] && found="$found$2 "
    many=$places
    if [ "$many" -eq 0 ] || [ "$many" -gt "$total" ]; then many=$total; fi
    i=0
    while [ "$i" -lt "$many" ]; do
        n=$(((2 * i + 1) * total / (2 * many))) # the middle of each part,
        [ "$((n + 1))" -lt "$total" ] && n=$((n + i % 2)) # and not always of the same parity
        mutant=$(dirname "$1")/mutant.onnx
        "$mutate" "$1" "$mutant" "$2" "$n" || not_ok "$model $2 $n" "mutate_onnx failed"
        files=
        for f in $all; do
            if [ "$f" = "$1" ]; then files="$files $mutant"; else files="$files $f"; fi
        done
        check_place "$1" "$2" "$n"
        i=$((i + 1))
    done
    files=$all
}

# One model: a golden video of its latents, and the largest difference that is none.
model() { # NAME FORM SIZE LATENTS GOLDEN TOLERANCE FILE...
    model=$1 form=$2 size=$3 latents=$data/$4 frames=$data/$5 tolerance=$6 limit=$(awk "BEGIN { print 10 * $6 }")
    shift 6
    files=
    mkdir -p "$work/$model"
    for f in "$@"; do # in a folder of their own, beside their weights
        ln -s "$data/$f" "$work/$model/"
        files="$files $work/$model/$(basename "$f")"
    done
    if compile && decode "$work/right.npy" && run "$golden" steps "$work/right.npy" "$frames" 1 4 "$tolerance"; then
        ok "$model: nothing wrong"
    else not_ok "$model: nothing wrong" "expected the golden frames"; return
    fi
    found=" "
    for file in $files; do
        for kind in rename swap-taps swap-caches merge-caches swap-outputs-data swap-branch-outputs double-output \
            stale-cache pad-side reverse-interleave swap-weights step-order wrong-latent flip-flag; do
            mutate_file "$file" "$kind"
        done
    done
    for kind in $(needed "$form"); do
        case $found in *" $kind "*) ;; *) not_ok "$model $kind" "there is no place for it" ;; esac
    done
}

# A model of tests/data/forms/manifest.txt, which has the rest: form, files, size, latents, golden frames and weights.
listed() { # NAME [FORM]
    form=$2
    # shellcheck disable=SC2046
    set -- $(awk -v name="$1" '$1 == name' "$data/forms/manifest.txt")
    [ $# -gt 12 ] || { not_ok "mutations" "a model is not in the manifest"; return; }
    mkdir -p "$work/$1"
    for recipe in $(echo "${13}" | tr , ' '); do
        [ "$recipe" = - ] || "$make_weights" "$data/${recipe%:*}" "$work/$1/$(basename "${recipe#*:}")"
    done
    bound=$(limit "$data/${12}")
    # shellcheck disable=SC2046
    model "$1" "${form:-$2}" "$6" "$8" "$9" "$bound" $(echo "$4" | tr , ' ')
}

model full full 3x5 tiny/latents.npy tiny/frames.npy 1e-5 tiny/full.onnx
model full_ts full 3x5 tiny/latents.npy tiny/frames.npy 1e-5 tiny/full_ts.onnx
model pair pair 3x5 tiny/latents.npy tiny/frames.npy 1e-5 tiny/pair_first.onnx tiny/pair_steady.onnx
model pair_ts pair 3x5 tiny/latents.npy tiny/frames.npy 1e-5 tiny/pair_ts_first.onnx tiny/pair_ts_steady.onnx
listed forms/unrolled4_dy20
listed forms/unrolled4_ts17
listed opsets/unrolled2_ts13 unrolled2
listed forms/step_shuffled_dy20
listed forms/flagged_if_dy18
listed forms/flagged_if_ts17
listed opsets/flagged_reference_dy20
listed opsets/flagged_where_ts17
listed wan22/pair_dy20
echo "1..$count"
