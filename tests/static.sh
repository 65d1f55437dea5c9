#!/bin/sh
# Looks at the sources without running them, by the tools of Debian 12: gcc's -fanalyzer, clang-tidy and cppcheck at the C files of the
# product, clang-format at all C files, shellcheck at the shell scripts.
#
#   tests/static.sh             everything
#   tests/static.sh TOOL...     some of analyzer, tidy, cppcheck, format, shell
#
# Installs what it needs (as root, or through sudo); what it found lies in build-static/static. Ends with a line "static: N C files, ...",
# with the findings of each tool; exits 0 when there are none.
set -eu
cd "$(dirname "$0")/.."
me=static
. tools/apt.sh

folder=build-static
logs=$folder/static
product="base compiler frontend ir passes plan reference runtime tools"
jobs=$(nproc)

# ---- what is left out: .clang-tidy has the rest, and tests/static/cppcheck.txt

# Behind the verifier of the IR, operands that an operator needs are there, and a shape has as many sizes as it has axes. Neither
# analyzer knows it: both take each NULL that stands for "none" for possible everywhere, and each array for empty that a loop fills.
behind_the_verifier() { case $1 in ir/* | passes/* | reference/*) true ;; *) false ;; esac; } # FILE

less_of_gcc() { # FILE
    # gcc 12 follows no loop that fills an array. -Wmaybe-uninitialized, clang's analyzer and the sanitizers look for the same.
    echo -Wno-analyzer-use-of-uninitialized-value
    if behind_the_verifier "$1"; then echo -Wno-analyzer-null-dereference; fi
    # It loses sight of blocks that are in a list.
    if [ "$1" = base/arena.c ]; then echo -Wno-analyzer-malloc-leak; fi
}

less_of_tidy() { # FILE
    core=-clang-analyzer-core
    if behind_the_verifier "$1"; then
        echo --checks=$core.NullDereference,$core.UndefinedBinaryOperatorResult,$core.uninitialized.Assign,$core.DivideZero
    fi
    # There are threads, and tiles in each block.
    if [ "$1" = plan/winograd.c ]; then echo --checks=$core.DivideZero; fi
    # A loop of a constant length fills the array.
    if [ "$1" = runtime/kernels/winograd_weights.c ]; then echo --checks=$core.UndefinedBinaryOperatorResult; fi
}

# What neither of them can see in one file.
beside() { # FILE
    if [ "$1" != base/error.c ]; then echo "-include tests/static/error_set.h"; fi
}

# ---- one file

# The command that compiles it, without what it writes.
command_of() { # FILE
    awk -v file="../$1" '/"command":/ { command = $0 } $1 == "\"file\":" && index($0, "\"" file "\"") { print command; exit }' \
        $folder/compile_commands.json | sed 's/^ *"command": "//; s/",$//; s/\\"/"/g; s/ -MD -MQ [^ ]* -MF [^ ]* -o [^ ]*//'
}

# Without optimisation: what is inlined hides from gcc what callers pass.
analyzer() { # FILE
    command=$(command_of "$1")
    [ -n "$command" ] || { echo "$1: error: nothing compiles it"; return; }
    (cd $folder && eval "$command -o /dev/null -O0 -fanalyzer -fno-openmp-simd -Wno-unknown-pragmas -Wno-unused-value -fdiagnostics-color=never" "$(beside "$1")" "$(less_of_gcc "$1" | tr '\n' ' ')")
}

tidy() { # FILE
    # shellcheck disable=SC2046 # words on purpose
    clang-tidy-14 -p $logs --quiet --extra-arg=-Wno-unused-value $(beside "$1" | sed 's/[^ ]*/--extra-arg=&/g') $(less_of_tidy "$1") "$1" 2>&1 | grep -v '^[0-9]* warnings\? \(generated\|treated\)'
}

if [ "${1:-}" = --one ]; then # TOOL FILE: what it says of the file
    "$2" "$3" >"$logs/$2/$(echo "$3" | tr / -)" 2>&1 || true
    exit 0
fi

# ---- all files

c_files() { git ls-files "$@" | grep '\.c$'; }
scripts() { git ls-files '*.sh' .ci/run tests/conformance/run; }

of_each_file() { # TOOL
    mkdir -p "$logs/$1"
    # shellcheck disable=SC2086 # the list is words on purpose
    c_files $product | xargs -P "$jobs" -n 1 tests/static.sh --one "$1"
    # shellcheck disable=SC2086
    [ "$(find "$logs/$1" -type f | wc -l)" -eq "$(c_files $product | wc -l)" ] || die "not every file was looked at"
    find "$logs/$1" -type f -size +0 -exec cat {} + >"$logs/$1.log"
}

look() { # TOOL, into its log
    case $1 in
    analyzer | tidy) of_each_file "$1" ;;
    cppcheck)
        # shellcheck disable=SC2086
        cppcheck -j "$jobs" --quiet --std=c11 --enable=warning,performance,portability --suppressions-list=tests/static/cppcheck.txt \
            --template='{file}:{line}: {severity}: {message} [{id}]' -I. -Iinclude -I$folder/frontend $product >"$logs/$1.log" 2>&1 || true ;;
    format) git ls-files '*.c' '*.h' | xargs clang-format-14 --dry-run -Werror >"$logs/$1.log" 2>&1 || true ;;
    shell) scripts | xargs shellcheck -x -P SCRIPTDIR -S warning -f gcc >"$logs/$1.log" 2>&1 || true ;;
    *) die "expected analyzer, tidy, cppcheck, format or shell, found '$1'" ;;
    esac
}

name_of() { # TOOL
    case $1 in analyzer) echo -fanalyzer ;; tidy) echo clang-tidy ;; format) echo clang-format ;; shell) echo shellcheck ;; *) echo "$1" ;; esac
}

tools/setup.sh
install_missing gcc clang-tidy-14 clang-format-14 cppcheck shellcheck
mkdir -p $logs
[ -f $folder/build.ninja ] || meson setup $folder --buildtype=debug >$logs/build.log 2>&1 || { tail -20 $logs/build.log >&2; die "meson setup failed"; }
# shellcheck disable=SC2046 # words on purpose
ninja -C $folder $(ninja -C $folder -t targets all | sed -n 's/^\([^ ]*\.h\): CUSTOM.*/\1/p') >>$logs/build.log # what is made and included
sed 's/ -fno-thread-jumps//' $folder/compile_commands.json >$logs/compile_commands.json # which clang does not know

summary=""
found=0
[ $# -gt 0 ] || set -- analyzer tidy cppcheck format shell
for tool in "$@"; do
    rm -rf "${logs:?}/$tool" "$logs/$tool.log"
    look "$tool"
    count=$(grep -cE ': (fatal )?(error|warning|note|style|performance|portability): ' "$logs/$tool.log" || true)
    [ -s "$logs/$tool.log" ] && [ "$count" -eq 0 ] && count=1 # it said something else: that it cannot work, say
    cat "$logs/$tool.log"
    echo "$(name_of "$tool"): $count found"
    summary="$summary${summary:+, }$(name_of "$tool") $count"
    found=$((found + count))
done
# shellcheck disable=SC2086
echo "static: $(c_files $product | wc -l) C files, $(scripts | wc -l) scripts; $summary"
[ "$found" -eq 0 ]
