# Sourced behind tests/steps.sh by scripts that build with clang: which one, how, and what lines its programs ran.
# shellcheck shell=sh disable=SC2034
newest() { for v in 21 20 19 18 17 16 15 14; do command -v "$1-$v" && return; done; command -v "$1"; } # PROGRAM
clang=${CLANG:-$(newest clang || :)}
version=${clang##*clang} # "-19", as its tools are called too
[ -n "$clang" ] || { echo "${0##*/}: no clang: apt-get install clang libclang-rt-dev llvm" >&2; exit 2; }

build_with_clang() { ( # as build_some
    CC=$clang LLVM_PROFILE_FILE=/dev/null # instrumented programs run during the build, too
    export CC LLVM_PROFILE_FILE
    build_some "$@"
) || exit 1; }
# Numbers that pass their type, or lose bits on the way into a smaller one. Of loops marked for vectors, clang also reports a count of
# its own.
overflow="-fsanitize=unsigned-integer-overflow,signed-integer-overflow,implicit-integer-truncation -fsanitize-ignorelist=$PWD/tests/wraps.txt -fno-openmp-simd -Wno-unknown-pragmas"
coverage='-Dc_args=-fprofile-instr-generate -fcoverage-mapping'
coverage_link=-Dc_link_args=-fprofile-instr-generate

# The share of lines of each folder that were run, by the raw profiles in PROFILES; PROFILES/files.txt has that of each file.
lines_run() { # PROFILES "PROGRAM -object PROGRAM.." FOLDER...
    profiles=$1 objects=$2
    shift 2
    "llvm-profdata$version" merge -o "$profiles/all" "$profiles"/*.profraw
    printf '\n| folder | lines run | |\n|---|---|---|\n'
    for folder in "$@"; do
        # shellcheck disable=SC2086 # the list is words on purpose
        "llvm-cov$version" report $objects -instr-profile="$profiles/all" "$folder" 2>/dev/null | tee -a "$profiles/files.txt" |
            awk -v folder="$folder" '$1 == "TOTAL" { printf "| `%s/` | %d of %d | %s |\n", folder, $8 - $9, $8, $10 }'
    done
}
