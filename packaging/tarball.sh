#!/bin/sh
# Makes build-packages/wanc-VERSION-linux-x86_64.tar.xz of what is committed here: the programs and every library that they need but
# the C library's, which has to be glibc 2.36 or newer (Debian 12, Ubuntu 23.04). It runs wherever it is unpacked.
#
#   packaging/tarball.sh               makes a clean Debian 12 (see clean_root.sh) and builds there
#   packaging/tarball.sh --here        builds on this system, a Debian 12 that may be spoilt: XNNPACK is unpacked into /
set -eu
cd "$(dirname "$0")/.."
[ "${1:-}" = --here ] || exec packaging/clean_root.sh bookworm packaging/tarball.sh --here
me=tarball
. tools/apt.sh

build="build-tarball"
libraries=/usr/lib/x86_64-linux-gnu
xnnpack_packages="libxnnpack-dev libxnnpack0.20241108 libpthreadpool-dev libpthreadpool0 libcpuinfo-dev libcpuinfo0"

# Installed from trixie, XNNPACK would bring trixie's C library, and the programs would need that.
unpack_xnnpack() {
    add_trixie
    apt_update
    debs=$(mktemp -d)
    # shellcheck disable=SC2086 # the list is words on purpose
    (cd "$debs" && apt-get download -qq -o APT::Sandbox::User=root -t trixie $xnnpack_packages) || die "apt-get download $xnnpack_packages failed"
    for deb in "$debs"/*.deb; do dpkg-deb -x "$deb" /; done
}

put_fmodf_between() {
    gcc -O2 -fno-builtin -shared -fPIC -o $libraries/libwan-fmodf.so packaging/tarball/fmodf.c \
        -Wl,--version-script=packaging/tarball/fmodf.map -Wl,-soname,libwan-fmodf.so -lm
    patchelf --replace-needed libm.so.6 libwan-fmodf.so "$(realpath $libraries/libXNNPACK.so)"
}

build() {
    meson setup $build --buildtype=release --prefix=/usr --libdir=lib &&
        ninja -C $build &&
        DESTDIR=$PWD/$build/root meson install -C $build --no-rebuild --strip --tags runtime,man,doc
}

needed() { ldd "$tree/bin/wanc" "$tree/bin/wanrun" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u; }

# owner FILE: its package; nothing for what was not installed as one. /lib is /usr/lib, and packages name either.
owner() {
    { dpkg -S "$1" "/usr$1" 2>/dev/null || true; } | sed -n '1s/:.*//p'
}

licence() { # licence PACKAGE VERSION SOURCE
    mkdir -p "$tree/share/licenses/wanc"
    cp -L "/usr/share/doc/$1/copyright" "$tree/share/licenses/wanc/$1.txt"
    printf '%-28s %-36s %s\n' "$1" "$2" "$3" >>"$tree/share/licenses/wanc/packages.txt"
}

bundle() {
    printf '%-28s %-36s %s\n' "Debian package" version "source package, version" >"$work/packages"
    mkdir -p "$tree/lib"
    needed >"$work/needed"
    while read -r file; do
        package=$(owner "$file")
        [ "$package" != libc6 ] || continue
        install -m 644 "$file" "$tree/lib/"
        [ -z "$package" ] || echo "$package"
    done <"$work/needed" | sort -u >"$work/owners"
    while read -r package; do
        licence "$package" "$(dpkg-query -W -f='${Version}' "$package" | head -1)" \
            "$(dpkg-query -W -f='${source:Package} ${source:Version}' "$package" | head -1)"
    done <"$work/owners"
    for deb in "$debs"/lib*0*.deb; do
        package=$(dpkg-deb -f "$deb" Package)
        case $package in *-dev) continue ;; esac
        licence "$package" "$(dpkg-deb -W --showformat='${Version}' "$deb")" "$(dpkg-deb -W --showformat='${source:Package} ${source:Version}' "$deb")"
    done
    cp -rL /usr/share/common-licenses "$tree/share/licenses/common"
    # An RPATH, unlike a RUNPATH, also finds the libraries of libraries.
    # shellcheck disable=SC2016 # the loader's
    patchelf --force-rpath --set-rpath '$ORIGIN/../lib' "$tree/bin/wanc" "$tree/bin/wanrun"
    # shellcheck disable=SC2016 # likewise
    find "$tree/lib" -name 'libwan*.so.*' -type f -exec patchelf --force-rpath --set-rpath '$ORIGIN' {} +
}

# Nothing but the C library may come from outside of the tree.
check() {
    needed | while read -r file; do
        case $(realpath "$file") in
        "$tree"/lib/*) ;;
        *) [ "$(owner "$file")" = libc6 ] || echo "$file" ;;
        esac
    done >"$work/outside"
    [ ! -s "$work/outside" ] || die "taken from outside of the tree: $(tr '\n' ' ' <"$work/outside")"
    newest=$(find "$tree/bin" "$tree/lib" -type f ! -name 'libXNNPACK*' ! -name libwan-fmodf.so -exec objdump -T {} + |
        grep -o 'GLIBC_2\.[0-9]*' | sort -Vu | tail -1)
    [ "${newest#GLIBC_2.}" -le 36 ] || die "expected to need no newer symbols than GLIBC_2.36, found $newest"
}

pack() {
    mkdir -p build-packages
    tar -C "$(dirname "$tree")" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git -c safe.directory='*' log -1 --format=%ct)" \
        -cf - "$(basename "$tree")" | xz -T0 >build-packages/"$1"
    echo "tarball: $(du -sm "$tree" | cut -f 1) MB, of these $(du -sm "$tree/lib" | cut -f 1) MB libraries; packed $(stat -c %s build-packages/"$1") bytes"
}

grep -q VERSION_CODENAME=bookworm /etc/os-release || die "expected Debian 12, found $(. /etc/os-release && echo "$PRETTY_NAME")"
tools/setup.sh --without-xnnpack
install_missing git patchelf xz-utils
unpack_xnnpack
put_fmodf_between
work=$(mktemp -d)
trap 'rm -rf "$work" "$debs"' EXIT
build >"$work/log" 2>&1 || { tail -40 "$work/log" >&2; die "the build failed"; }
name=wanc-$(sed -n "s/^ *version: '\([^']*\)',.*/\1/p" meson.build | head -1)
tree=$PWD/$build/$name
mv $build/root/usr "$tree"
bundle
check
pack "$name-linux-x86_64.tar.xz"
