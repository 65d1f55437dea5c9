# Sourced by scripts that build with clang: which one, and how.
# shellcheck shell=sh disable=SC2034
newest() { for v in 21 20 19 18 17 16 15 14; do command -v "$1-$v" && return; done; command -v "$1"; } # PROGRAM
clang=${CLANG:-$(newest clang || :)}
version=${clang##*clang} # "-19", as its tools are called too
[ -n "$clang" ] || { echo "${0##*/}: no clang: apt-get install clang libclang-rt-dev llvm" >&2; exit 2; }

build_with_clang() { # FOLDER OPTION...; of $build_targets only, if there are any
    folder=$1; shift
    mkdir -p "$folder"
    [ -f "$folder/build.ninja" ] || CC=$clang meson setup "$folder" --buildtype=debugoptimized -Db_lundef=false "$@" >"$folder/build.log"
    # shellcheck disable=SC2086
    LLVM_PROFILE_FILE=/dev/null nice ninja -C "$folder" ${build_targets:-} >>"$folder/build.log" || { tail -n 20 "$folder/build.log"; exit 1; }
}
