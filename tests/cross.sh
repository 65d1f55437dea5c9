#!/bin/sh
# Builds for aarch64 with a cross compiler and runs tests of that build under qemu, on Debian 12 or 13.
#
#   tests/cross.sh            everything
#   tests/cross.sh --build    the build alone: no test is run
#
# Installs a cross compiler and qemu-user (as root, or through sudo). The arm64 libraries are Debian 13's; they are unpacked into
# build-aarch64-system, and the machine's own packages do not learn of them. Ends with a line "N passed, N failed"; exits 0 when
# nothing failed.
set -eu
cd "$(dirname "$0")/.."
me=cross
. tools/apt.sh

packages="libc6-dev libxnnpack-dev libpthreadpool-dev libcpuinfo-dev libprotobuf-c-dev libxxhash-dev libjansson-dev zlib1g-dev libcmocka-dev
libavformat-dev libavcodec-dev libswscale-dev libavutil-dev"
suite=trixie
system=$PWD/build-aarch64-system
folder=build-aarch64

# apt-get for arm64, with the lists, the sources and the state in a folder of its own.
apt_arm64() {
    apt-get -qq -o Dir::Etc::SourceList="$apt_folder/debian.sources" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State="$apt_folder/state" -o Dir::State::status="$apt_folder/status" -o Dir::Cache="$apt_folder/cache" \
        -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root -o APT::Install-Recommends=false \
        "$@" >"$apt_folder/log" 2>&1 || { tail -20 "$apt_folder/log" >&2; die "apt-get $1 for arm64 failed"; }
}

download() { # into $apt_folder/cache/archives: the packages and all that they depend on
    mirror=$(debian_mirror $suite)
    [ -n "$mirror" ] || mirror=$(debian_mirror bookworm)
    [ -n "$mirror" ] || die "no apt source of this machine names the suite $suite or bookworm"
    mkdir -p "$apt_folder/state/lists/partial" "$apt_folder/cache/archives/partial"
    : >"$apt_folder/status"
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$mirror" "$suite" "$debian_keyring" \
        >"$apt_folder/debian.sources"
    apt_arm64 update -o APT::Update::Error-Mode=any
    # shellcheck disable=SC2086 # the list is words on purpose
    apt_arm64 install --download-only -y $packages
}

# Unpacked, not installed: only what compiling, linking and running need, no scripts of packages.
make_system() {
    stamp="$system $suite $packages" # the folder too: system.ini names it
    [ "$(cat "$system/stamp" 2>/dev/null)" = "$stamp" ] && return 0
    echo "cross: making $system"
    rm -rf "$system"
    apt_folder=$system/apt
    download
    mkdir -p "$system/usr/lib"
    ln -s usr/lib "$system/lib"
    for deb in "$apt_folder"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$system"; done
    rm -rf "$apt_folder"
    printf "[constants]\nsystem = '%s'\n" "$system" >"$system/system.ini"
    echo "$stamp" >"$system/stamp"
}

emulated() { qemu-aarch64 -L "$system" "$@"; }

decode() { # decode CONV BOUND: tests/data/tiny, its convolutions by that algorithm, against PyTorch in double precision
    if emulated $folder/tools/wanc compile $data/full.onnx --latent-size 3x5 --conv "$1" -o "$work/plan" &&
        emulated $folder/tools/wanrun "$work/plan" $data/latents.npy -o "$work/frames.npy" --quiet &&
        emulated $folder/tests/e2e/golden steps "$work/frames.npy" $data/frames.npy 1 4 "$2"; then
        echo "decode $1: within $2"
        passed=$((passed + 1))
    else
        echo "decode $1 of $data: failed"
        failed=$((failed + 1))
    fi
}

. tests/steps.sh
die() { # instead of apt.sh's: without the system nothing can pass
    echo "$me: $*" >&2
    failed=1
    closing_line
}

tools/setup.sh || die "tools/setup.sh failed"
install_missing gcc-aarch64-linux-gnu qemu-user
make_system
configure $folder --buildtype=release --cross-file "$system/system.ini" --cross-file tests/cross/aarch64.ini
if [ "${1:-}" = --build ]; then
    passed=1
    closing_line
fi
run $folder --suite unit --suite ir --suite pass --suite frontend --suite op --timeout-multiplier 12
. tests/e2e/cases.sh # $work and limit
data=tests/data/tiny
decode direct "$(limit $data/reference.txt)"
decode winograd4 1e-3
decode auto 1e-3
closing_line
