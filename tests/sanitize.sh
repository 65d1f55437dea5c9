#!/bin/sh
# Tests under what tests/run.sh leaves out: ThreadSanitizer, MemorySanitizer, valgrind, and numbers that overflow, as far as the
# libraries allow.
#
#   tests/sanitize.sh [thread|memory|valgrind|overflow ...]        without names, all
#
# thread     sessions and plans on several threads, by gcc, in build-thread. XNNPACK and pthreadpool are not built with it: what it
#            reports of pthreadpool's hand-over is left out (tests/library/tsan.supp). Sessions of one thread do without that file.
# memory     the compiler and the readers, by clang (CLANG=clang-19), in build-memory: suites without XNNPACK, protobuf-c and zlib,
#            which would have to be built with it.
# valgrind   the release build's unit, IR, pass, frontend and library tests, and the seeds of every fuzz target.
# overflow   a sum, difference or product that passes its type, unsigned ones as well, and a conversion that loses bits, ends the
#            program: by clang, in build-overflow, all suites but documents.
#
# Prints a line for each: the tests that ran, and those that failed. Exits 0 when none did.
set -eu
cd "$(dirname "$0")/.."
. tests/steps.sh

thread() {
    build_some build-thread "tests/library/test_threads" -Db_sanitize=thread
    supp=$PWD/tests/library/tsan.supp
    one "one thread each, nothing left out" env TSAN_OPTIONS=halt_on_error=1 build-thread/tests/library/test_threads tests/data/tiny alone
    one "pools, too" env TSAN_OPTIONS="halt_on_error=1:suppressions=$supp" build-thread/tests/library/test_threads tests/data/tiny
}

memory() {
    . tests/clang.sh
    build_with_clang build-memory "tests/pass/run_pass_tests tests/fuzz/fuzz_ir" -Db_sanitize=memory
    programs=$(ninja -C build-memory -t targets all | sed -n 's/^\(tests\/\(ir\|unit\)\/test_[a-z_]*\): .*/\1/p')
    build_with_clang build-memory "$programs"
    for folder in tests/pass/*/; do one "$folder" build-memory/tests/pass/run_pass_tests "$folder"; done
    # It refuses an allocation of 2^64 bytes itself, where the C library returns NULL.
    for test in $programs; do one "$test" env MSAN_OPTIONS=allocator_may_return_null=1 "build-memory/$test"; done
    one fuzz_ir build-memory/tests/fuzz/fuzz_ir --mutations 20000 --seconds 60 build/tests/fuzz/seeds/ir tests/fuzz/regressions/ir
}

checker="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --suppressions=$PWD/tests/valgrind.supp"
# shellcheck disable=SC2086 # words on purpose
under_valgrind() { $checker "$@"; }

valgrind_() {
    configure build --buildtype=release
    for target in plan plan_repaired onnx operators external ir state latents; do
        seeds=build/tests/fuzz/seeds/$target
        [ -d "$seeds" ] || seeds=build/tests/fuzz/seeds/plan
        one "fuzz_$target, seeds" under_valgrind "build/tests/fuzz/fuzz_$target" "$seeds"
    done
    for test in api compile; do one "library-$test" under_valgrind "build/tests/library/test_$test" tests/data/tiny; done
    run build --timeout-multiplier 30 --wrapper "$checker" --suite unit --suite ir --suite pass --suite frontend
}

overflow() {
    . tests/clang.sh
    build_with_clang build-overflow "" "-Dc_args=$overflow -fno-sanitize-recover=all" "-Dc_link_args=$overflow"
    # Not what loads our shared libraries into programs of others: clang's runtime is in programs.
    tests=$(meson test -C build-overflow --list --no-suite docs 2>/dev/null | sed 's/.*://' | grep -vxE 'library-installed|python|python-wheel')
    # shellcheck disable=SC2086 # words on purpose
    run build-overflow --timeout-multiplier 4 --no-suite docs $tests
}

one() { # NAME COMMAND...
    name=$1
    shift
    if "$@" >build/sanitize.log 2>&1; then passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$name: failed"
        tail -20 build/sanitize.log
    fi
}

[ $# -gt 0 ] || set -- thread memory valgrind overflow
ended=0
for tool in "$@"; do
    passed=0 failed=0 skipped=0
    case $tool in
    thread | memory | overflow) "$tool" ;;
    valgrind) valgrind_ ;;
    *) echo "sanitize.sh: expected thread, memory, valgrind or overflow, found '$tool'" >&2; exit 2 ;;
    esac
    echo "$tool: $passed passed, $failed failed"
    ended=$((ended + failed))
done
[ $ended -eq 0 ]
