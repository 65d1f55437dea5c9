#!/bin/sh
# What `meson install` leaves in an empty folder, used from there.
#
#     test_install.sh MESON BUILD PREFIX DATA_FOLDER MAN_FOLDER VERSION SOURCE
set -u
here=$(realpath "$(dirname "$0")")
meson=$1 build=$(realpath "$2") prefix=$3 version=$6 source=$(realpath "$7")
tool=meson program=$meson
. "$here/cases.sh"
export LC_ALL=C
trap 'rm -rf "$work"' EXIT
fresh

root="$work/root with space"
run install -C "$build" --no-rebuild --destdir "$root"
same "meson install" 0 "$status"
bin=$root$prefix/bin share=$root$prefix/$4 man=$root$prefix/$5/man1
same "nothing outside of the prefix" "$root$prefix" "$(dirname "$bin")$(find "$root" -type f ! -path "$root$prefix/*")"
same "all files can be read by all" "" "$(find "$root" -type f ! -perm -444)"

for name in wanc wanrun; do
    same "$name: runs from there" "$name $version" "$("$bin/$name" --version 2>&1)"
    same "$name: no path of the build inside" "" "$(LD_LIBRARY_PATH='' ldd "$bin/$name" 2>&1 | grep -F -e "$build" -e 'not found')"
    if command -v groff >/dev/null; then
        same "$name.1: groff reads it" "" "$(groff -man -ww -z -Tutf8 "$man/$name.1" 2>&1)"
        same "$name.1: names its program" "$name" "$(groff -man -Tutf8 -P-c "$man/$name.1" | sed 's/.\x08//g' | sed -n '/^NAME/{n;s/^ *\([a-z]*\) .*/\1/p}')"
    else
        skip "$name.1: groff reads it" "no groff"
    fi
    completion=$share/bash-completion/completions/$name
    same "$name: the completion is the program's own" "$("$bin/$name" --help=bash)" "$(cat "$completion")"
    if command -v bash >/dev/null; then
        same "$name: bash has its completion" "complete -o filenames -F _$name $name" \
            "$(bash -euc '. "$1"; complete -p "$2"' bash "$completion" "$name" 2>&1)"
    else
        skip "$name: bash has its completion" "no bash"
    fi
    # compinit takes a file by its first line; a function of that name is then loaded from the folder.
    same "$name: zsh's file is for it" "#compdef $name" "$(head -1 "$share/zsh/site-functions/_$name")"
    if command -v zsh >/dev/null; then
        same "$name: zsh finds its completion" "_$name" "$(zsh -fc 'fpath=("$1" $fpath); autoload -Uz compinit
            compinit -u -D; print -- "${_comps[$2]}"; autoload +X "_$2"' zsh "$share/zsh/site-functions" "$name" 2>&1)"
    else
        skip "$name: zsh finds its completion" "no zsh"
    fi
    if command -v fish >/dev/null; then
        same "$name: fish offers its options" "--version" "$(HOME=$work fish --no-config -c 'source $argv[1]; complete -C "$argv[2] --vers"' \
            "$share/fish/vendor_completions.d/$name.fish" "$name" 2>&1 | cut -f 1)"
    else
        skip "$name: fish offers its options" "no fish"
    fi
done

doc=$share/doc/wanc
same "the README" "$(cat "$source/README.md")" "$(cat "$doc/README.md")"
links=$(cat "$doc/README.md" "$doc"/docs/*.md | grep -o '](docs/[^)#]*)' | sed 's/](\(.*\))/\1/' | sort -u)
same "the README's links lead to files" "" "$(for link in $links; do [ -s "$doc/$link" ] || echo "$link"; done)"
finish
