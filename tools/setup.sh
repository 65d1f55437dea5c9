#!/bin/sh
# Installs what the build and the tests need: Debian packages only, nothing else.
#
#   tools/setup.sh            everything to build, test and run the demo
#   tools/setup.sh --tests    also what the tests look at reports, man pages and completions with, a browser among it (about 500 MB); without
#                             it these tests are skipped
#   tools/setup.sh --without-xnnpack     all but XNNPACK and pthreadpool, for those who bring theirs
#
# Repeatable, and silent when nothing is missing. Runs as root, or through sudo.
# On Debian 12 the XNNPACK of the release is from 2022 and has another API; there the suite trixie is
# added beside the machine's own sources (same mirror, pinned below the release, so that nothing else
# is ever taken from it) and only XNNPACK and pthreadpool come from it.
set -eu

packages="gcc libc6-dev meson ninja-build pkg-config protobuf-c-compiler libprotobuf-c-dev
protobuf-compiler libonnx-dev libavformat-dev libavcodec-dev libswscale-dev libavutil-dev
libcmocka-dev libxxhash-dev libjansson-dev zlib1g-dev libonnx-testdata"
test_packages="chromium graphviz libxml2-utils groff-base zsh fish g++ python3-numpy libwebp-dev"
xnnpack_packages="libxnnpack-dev libpthreadpool-dev libcpuinfo-dev"
me=setup
. "$(dirname "$0")/apt.sh"

# 2024-11-08 is the first XNNPACK with the operators and the API that the runtime is written for.
xnnpack_is_current() {
    v=$(dpkg-query -W -f='${Version}' libxnnpack-dev 2>/dev/null) || return 1
    [ -n "$v" ] && dpkg --compare-versions "$v" ge '0.0~git20241108'
}

# shellcheck disable=SC2086 # the list is words on purpose
install_missing $packages
# shellcheck disable=SC2086
[ "${1:-}" != --tests ] || install_missing $test_packages
[ "${1:-}" != --without-xnnpack ] || exit 0

# All of them where XNNPACK is not there or too old, as they have to fit each other.
lacking_xnnpack() {
    if ! xnnpack_is_current; then echo "$xnnpack_packages"; return; fi
    for package in $xnnpack_packages; do installed "$package" || echo "$package"; done
}

lacking=$(lacking_xnnpack)
if [ -n "$lacking" ]; then
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    # shellcheck disable=SC2086 # the list is words on purpose
    if [ "$codename" = bookworm ]; then
        add_trixie
        apt_install -t trixie $lacking
    else
        apt_install $lacking
    fi
    xnnpack_is_current || die "XNNPACK of 2024-11-08 or newer is needed, apt has $(dpkg-query -W -f='${Version}' libxnnpack-dev)"
fi
