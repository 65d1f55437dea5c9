#!/bin/sh
# Runs fuzz targets by clang's libFuzzer, with AddressSanitizer and UndefinedBehaviorSanitizer, which looks at unsigned numbers, too,
# one after the other.
#
#     tests/fuzz/run.sh [--minutes N] [TARGET...]        each for N minutes (15), 0 to measure only; without names all
#
# Prints what each of them did and found, then how many lines of the sources all inputs so far have run. The build is in build-fuzz, with
# the inputs in build-fuzz/corpus/TARGET, which the next run starts from, and what ended a target in build-fuzz/crashes. A target
# ends with its first crash. CLANG=clang-19 names another compiler than the newest that there is.
set -e
cd "$(dirname "$0")/../.."
minutes=15
if [ "$1" = --minutes ]; then minutes=$2; shift 2; fi
all=$(cd tests/fuzz && ls fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')
targets=${*:-$all}
folders="frontend ir passes plan runtime tools/latents"

. tests/steps.sh
. tests/clang.sh

# Words for a target: those of its file, and the names in the sources.
dictionary() { # TARGET
    out=build-fuzz/$1.dict
    cat "tests/fuzz/$1.dict" 2>/dev/null >"$out" || : >"$out"
    case $1 in
    ir) sed -n 's/^\(OP\|KEY\)([A-Z0-9_]*, *"\([^"]*\)".*/"\2"/p' ir/ops.def ir/keys.def >>"$out" ;;
    onnx | operators) cat tests/fuzz/onnx.dict >>"$out"; grep -o '"[A-Za-z0-9_]*"' frontend/op_table.c >>"$out" ;;
    esac
    sort -u -o "$out" "$out"
}

seeds_of() { case $1 in plan_repaired) echo plan ;; *) echo "$1" ;; esac; } # TARGET
most_bytes() { case $1 in onnx) echo 131072 ;; plan*) echo 32768 ;; *) echo 8192 ;; esac; } # TARGET
stat_of() { awk -v name="stat::$2:" '$1 == name { print $2 }' "$1"; } # LOG NAME

fuzz() { # TARGET
    log=build-fuzz/$1.log corpus=build-fuzz/corpus/$1
    mkdir -p "$corpus"
    dictionary "$1"
    words=
    [ ! -s "build-fuzz/$1.dict" ] || words=-dict=build-fuzz/$1.dict
    # shellcheck disable=SC2086 # no word where there is no dictionary
    nice "build-fuzz/tests/fuzz/fuzz_$1" -max_total_time=$((minutes * 60)) -max_len="$(most_bytes "$1")" -timeout=20 \
        -rss_limit_mb=2560 -print_final_stats=1 $words -artifact_prefix="build-fuzz/crashes/$1-" \
        "$corpus" "$seeds/$(seeds_of "$1")" >"$log" 2>&1 || true
    crashes=$(find build-fuzz/crashes -name "$1-*" | wc -l)
    printf '| %s | %s | %s | %s | %s |\n' "$1" "$(stat_of "$log" number_of_executed_units)" \
        "$(stat_of "$log" average_exec_per_sec)" "$(find "$corpus" -type f | wc -l)" "$crashes"
}

# Every input so far, and the share of lines that they ran.
measure() {
    rm -rf build-fuzz/profile && mkdir -p build-fuzz/profile
    objects=
    for t in $all; do
        inputs="build-fuzz/corpus/$t $seeds/$(seeds_of "$t")"
        [ -d "build-fuzz/corpus/$t" ] || inputs=$seeds/$(seeds_of "$t")
        # shellcheck disable=SC2086
        LLVM_PROFILE_FILE=build-fuzz/profile/$t.profraw nice "build-fuzz-coverage/tests/fuzz/fuzz_$t" $inputs >/dev/null 2>&1 ||
            echo "run.sh: the replay of $t failed" >&2
        objects="${objects:+$objects -object} build-fuzz-coverage/tests/fuzz/fuzz_$t"
    done
    # shellcheck disable=SC2086
    lines_run build-fuzz/profile "$objects" $folders
}

programs=$(for t in $all; do echo "tests/fuzz/fuzz_$t"; done)
build_with_clang build-fuzz "$programs" -Dfuzz=true -Db_sanitize=address,undefined "-Dc_args=$overflow"
build_with_clang build-fuzz-coverage "$programs tests/fuzz/seeds.stamp" "$coverage" $coverage_link
seeds=build-fuzz-coverage/tests/fuzz/seeds
mkdir -p build-fuzz/crashes
printf '%s, %s minutes each\n\n| target | executions | per second | inputs kept | crashes |\n|---|---|---|---|---|\n' "$clang" "$minutes"
[ "$minutes" -eq 0 ] || for target in $targets; do fuzz "$target"; done
measure
[ -z "$(ls -A build-fuzz/crashes)" ] || { echo; ls build-fuzz/crashes; exit 1; }
