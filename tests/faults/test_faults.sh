#!/bin/sh
# Every call of the system and of XNNPACK that compiling and running the tiny decoder makes fails, one in each run (inject.c): what
# comes of it is an error with a message and nothing half-written, or the right result.
#
#     test_faults.sh WANC WANRUN INJECT SOURCE [EVERY [KIND...]]
#
# Prints TAP. EVERY: one allocation of so many (default: 997), a tenth of that for calls of XNNPACK, a fiftieth for reads and
# writes; 1: all of them, which takes half an hour. Of the other kinds, all. KIND: only these, so that several runs share the work.
set -u
wanc=$(realpath "$1") wanrun=$(realpath "$2") inject=$(realpath "$3") data=$(realpath "$4")/tests/data every=${5:-997}
if [ $# -gt 5 ]; then shift 5; else set -- open map read write rename xnn alloc; fi
wanted=" $* "
tool=wanc program=$wanc
. "$(dirname "$0")/../cli/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# What is wrong with a run of $program with a fault in it; nothing if all is well. $expected: what it makes when all is well.
outcome() { # KIND NUMBER ARGUMENT...
    fault=$1:$2
    shift 2
    fresh
    rm -f "$work/reached"
    INJECT=$fault INJECT_REPORT=$work/reached LD_PRELOAD=$inject timeout -k 5 60 "$program" "$@" >"$work/stdout" 2>"$work/stderr" </dev/null
    status=$?
    sed -i '/^Error in cpuinfo: /d' "$work/stderr" # it says so itself, beside us
    if [ "$status" -eq 0 ]; then
        for file in $expected; do
            cmp -s "$work/right/$file" "$file" || echo "status 0, and $file is wrong"
        done
    elif [ "$status" -ne 1 ]; then echo "exit status $status"
    elif [ "$(wc -l <"$work/stderr")" -ne 1 ]; then echo "expected one line on stderr"
    elif ! grep -q "^$tool: .* \[[a-z-]*\]$" "$work/stderr"; then echo "expected a message"
    fi
    # Files that were complete before the fault may stay.
    [ "$status" -eq 0 ] || find . -mindepth 1 -printf '%P\n' | while read -r file; do
        cmp -s "$work/right/$file" "$file" || echo "left behind: $file"
    done
}

first=1 last=1000000000 # of the calls of a kind, those that fail

faults() { # NAME KIND STEP ARGUMENT...
    name=$1 kind=$2 step=$3
    shift 3
    at=$first injected=0 refused=0 wrong=
    while [ "$at" -le "$last" ]; do
        why=$(outcome "$kind" "$at" "$@")
        [ -e "$work/reached" ] || [ -n "$why" ] || break
        injected=$((injected + 1))
        [ "$(cat "$work/stderr")" = "" ] || refused=$((refused + 1))
        if [ -n "$why" ]; then
            wrong="fault $at: $(echo "$why" | tr '\n' ' ')"
            break
        fi
        at=$((at + step))
    done
    if [ "$injected" -eq 0 ]; then fail "$name: $kind" "no fault was reached"
    elif [ -n "$wrong" ]; then fail "$name: $kind" "$wrong"
    else pass "$name: $kind: $injected faults, $refused of them are errors"
    fi
}

make_right() { # ARGUMENT...: what comes of a run without faults
    fresh
    "$program" "$@" >"$work/stdout" 2>"$work/stderr" || fail "$tool" "it does not work without faults"
    rm -rf "$work/right"
    cp -r "$work/here" "$work/right"
}

every_kind() { # NAME EXPECTED KINDS ARGUMENT...
    name=$1 expected=$2 kinds=$3
    shift 3
    make_right "$@"
    for kind in $kinds; do
        case $wanted in *" $kind "*) ;; *) continue ;; esac
        case $kind in
        alloc) faults "$name" alloc "$every" "$@" ;;
        xnn) faults "$name" $kind $(((every + 9) / 10)) "$@" ;;
        read | write) faults "$name" $kind $(((every + 49) / 50)) "$@" ;;
        *) faults "$name" "$kind" 1 "$@" ;;
        esac
    done
}

model=$data/tiny/full.onnx latents=$data/tiny/latents.npy
every_kind "compile" plan "open map write rename alloc" compile "$model" --latent-size 3x5 -o plan
every_kind "compile --prepack" plan "xnn" compile "$model" --latent-size 3x5 -o plan --prepack --threads 1
"$wanc" compile "$model" --latent-size 3x5 -o "$work/plan" 2>"$work/stderr"
tool=wanrun program=$wanrun
every_kind "run" "out.npy state" "open map read write rename xnn alloc" "$work/plan" "$latents" -o out.npy --save-state state --threads 1 --quiet
# Of what XNNPACK allocates for a convolution it does not look at one block (runtime/xnn_memory.h): all of some convolutions.
first=40 last=80 expected="out.npy state"
case $wanted in *" alloc "*) faults "run: convolutions are made" alloc 1 "$work/plan" "$latents" -o out.npy --save-state state --threads 1 --quiet ;; esac
first=1 last=1000000000
every_kind "run to .y4m" out.y4m "open write rename" "$work/plan" "$latents" -o out.y4m --threads 1 --quiet
every_kind "run to .mp4" out.mp4 "open write rename" "$work/plan" "$latents" -o out.mp4 --threads 1 --quiet
cp "$work/right/out.mp4" "$work/out.mp4"

# ---- threads that are refused: the Kth and all later ones. Those of wanrun's probe are 3; the pool's come behind them.

make_right "$work/plan" "$latents" -o out.npy --threads 4 --quiet
expected=out.npy
for at in 1 2 3; do
    why=$(outcome thread $at+ "$work/plan" "$latents" -o out.npy --threads 4 --quiet)
    [ -n "$why" ] || grep -q ": 4 threads: the system starts $at of them; .* \[memory\]$" "$work/stderr" || why="another message"
    if [ -z "$why" ]; then pass "threads: $at of 4"; else fail "threads: $at of 4" "$why"; fi
done
why=$(outcome thread 7+ "$work/plan" "$latents" -o out.npy --threads 4 --quiet)
same "threads: 4 of 4, and no other ones" "" "$why$(cat "$work/reached" 2>/dev/null)"
why=$(outcome thread 1+ "$work/plan" "$latents" -o out.npy --threads 1 --quiet)
same "threads: none is needed for one" "" "$why$(cat "$work/reached" 2>/dev/null)"

# The same for real: a limit of processes, which counts threads, and does not hold for root. $someone is a user who has no other ones.
someone="setpriv --reuid 64123 --regid 64123 --clear-groups"
as_someone() { # LIMIT ARGUMENT...
    limit=$1
    shift
    timeout -k 5 60 $someone prlimit --nproc="$limit" "$work/wanrun" "$work/plan" "$work/latents.npy" "$@" >"$work/stdout" 2>"$work/stderr"
    status=$?
}
cp "$program" "$latents" "$work"
chmod -R a+rX "$work"
as_someone 20 --threads 4 --format f32 -o - --quiet
if [ "$status" -ne 0 ]; then
    skip "threads: a limit of the system" "no unprivileged user can run wanrun here"
else
    cp "$work/stdout" "$work/right.f32"
    as_someone 3 --threads 4 --format f32 -o - --quiet
    grep -q ": 4 threads: the system starts 3 of them; .* \[memory\]$" "$work/stderr"
    same "threads: a limit of the system" "1 0" "$status $?"
    as_someone 3 --threads 3 --format f32 -o - --quiet
    same "threads: as many as the limit of the system lets through" "0 same" "$status $(cmp "$work/right.f32" "$work/stdout" && echo same)"
fi

# ---- a file that is cut off while it is mapped

cut_off() { # NAME FILE ARGUMENT...: the first file that is mapped is FILE
    name=$1 file=$2
    shift 2
    fresh
    INJECT=cut:1 LD_PRELOAD=$inject timeout -k 5 60 "$program" "$@" >"$work/stdout" 2>"$work/stderr" </dev/null
    status=$?
    why=$(complaint 1 "$file: it was cut off while it was read \[io\]$")
    if [ -z "$why" ]; then pass "cut off: $name"; else fail "cut off: $name" "$why"; fi
}

cp "$work/plan" "$work/cut.plan"
cut_off "a plan" "$work/cut.plan" "$work/cut.plan" "$latents" -o out.npy --threads 1 --quiet
tool=wanc program=$wanc
cp "$model" "$work/cut.onnx"
cut_off "a model" "$work/cut.onnx" compile "$work/cut.onnx" --latent-size 3x5 -o plan
cp "$work/plan" "$work/cut.plan"
cut_off "a plan, reported" "$work/cut.plan" report "$work/cut.plan"

cd /
finish
