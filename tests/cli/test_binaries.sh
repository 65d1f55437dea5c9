#!/bin/sh
# The programs and libraries as files: hardened as they were to be, and without the functions that start programs, load code or
# open connections. And names of outputs are names of files, whatever libavformat could make of them.
#
#     test_binaries.sh WANC WANRUN LIBWAN LIBWANC HARDENED SANITIZED SOURCE          HARDENED: yes or no; SANITIZED: none, or by what
set -u
here=$(realpath "$(dirname "$0")")
wanc=$(realpath "$1") wanrun=$(realpath "$2")
hardened=$5 sanitized=$6 data=$(realpath "$7")/tests/data/tiny
set -- "$wanc" "$wanrun" "$(realpath "$3")" "$(realpath "$4")"
tool=wanrun program=$wanrun
. "$here/cases.sh"
export LC_ALL=C
trap 'rm -rf "$work"' EXIT
fresh

# ---- how they are linked

check_file() { # NAME FILE
    readelf -lWd "$2" >"$work/elf" 2>&1
    same "$1: moved pages become read-only" 1 "$(grep -c '^ *GNU_RELRO ' "$work/elf")"
    contains "$1: every function is looked up when it is loaded" 'FLAGS.*BIND_NOW\|FLAGS_1.* NOW' "$work/elf"
    same "$1: no code on the stack" "RW" "$(awk '$1 == "GNU_STACK" { print $7 }' "$work/elf")"
    nm -D --undefined-only "$2" 2>&1 | awk '{ print $NF }' | sed 's/@.*//' >"$work/imports"
    contains "$1: the stack is guarded" '^__stack_chk_fail$' "$work/imports"
    contains "$1: copies know the sizes of their targets" '^__mem.*_chk$\|^__.*printf_chk$' "$work/imports"
}

for file in "$@"; do
    name=$(basename "$file"); name=${name%%.*}
    if [ "$hardened" != yes ]; then skip "$name: hardened" "not in a build of this type"
    elif ! command -v readelf >/dev/null; then skip "$name: hardened" "no readelf"
    else
        check_file "$name" "$file"
        case $name in wan?*) contains "$name: lies anywhere" 'FLAGS_1.* PIE' "$work/elf" ;; esac
    fi
done

# ---- what they call

forbidden='dlopen|dlmopen|system|popen|exec[lv]p?e?|fexecve|execveat|v?fork|posix_spawnp?|socket|socketpair|connect|bind|listen|accept4?'
forbidden="$forbidden|getaddrinfo|gethostbyname.*|send|sendto|sendmsg|ptrace|set(re|res)?[ug]id|setgroups|avformat_network_init|avformat_open_input"
forbidden="$forbidden|avio_open2?|avio_open_dir|clone3?|mprotect|pkey_mprotect"
for file in "$@"; do
    name=$(basename "$file"); name=${name%%.*}
    if [ "$sanitized" != none ]; then skip "$name: starts, loads and connects to nothing" "sanitizers do"
    elif ! command -v nm >/dev/null; then skip "$name: starts, loads and connects to nothing" "no nm"
    else
        nm -D --undefined-only "$file" | awk '{ print $NF }' | sed 's/@.*//' >"$work/imports"
        same "$name: starts, loads and connects to nothing" "" "$(grep -xE "$forbidden" "$work/imports")"
        same "$name: has imports at all" 1 "$(grep -cx malloc "$work/imports")"
    fi
done

# ---- names that libavformat would take for addresses

"$wanc" compile "$data/full.onnx" --latent-size 3x5 -o "$work/plan" >"$work/stdout" 2>"$work/stderr" || fail "a plan" "wanc failed"
mkdir -p "http:/127.0.0.1:9" "tcp:/127.0.0.1:9" "rtmp:/127.0.0.1:9"
for name in http://127.0.0.1:9/y.mp4 tcp://127.0.0.1:9/y.mkv rtmp://127.0.0.1:9/y.mov pipe:1.mp4 crypto:y.webm tcp:y.gif; do
    run "$work/plan" "$data/latents.npy" -o "$name" --quiet
    same "$name: a file" "0 yes 0" "$status $([ -s "$name" ] && echo yes) $(wc -c <"$work/stdout")"
done
run "$work/plan" "$data/latents.npy" -o http://127.0.0.2:9/y.mp4
same "http://127.0.0.2:9/y.mp4: a folder that is not there" 1 "$status"
contains "http://127.0.0.2:9/y.mp4: the message has the name" '^wanrun: http://127.0.0.2:9/y.mp4: .*No such file' "$work/stderr"

if [ "$sanitized" = none ] && strace -o "$work/trace" true 2>/dev/null; then
    strace -f -o "$work/trace" -e trace=%network,execve "$wanrun" "$work/plan" "$data/latents.npy" -o http://127.0.0.1:9/y.mp4 --quiet
    same "no system call of the network, and no program but wanrun" "" "$(grep -v 'execve("[^"]*/wanrun"\|+++ exited with 0' "$work/trace")"
else
    skip "no system call of the network, and no program but wanrun" "no strace, or it may not trace"
fi
finish
