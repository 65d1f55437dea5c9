#!/bin/sh
# Installs what the build and the tests need: Debian packages only, nothing else.
#
#   tools/setup.sh            everything to build, test and run the demo
#
# Repeatable, and silent when nothing is missing. Runs as root, or through sudo.
# On Debian 12 the XNNPACK of the release is from 2022 and has another API; there the suite trixie is
# added beside the machine's own sources (same mirror, pinned below the release, so that nothing else
# is ever taken from it) and only XNNPACK and pthreadpool come from it.
set -eu

packages="gcc libc6-dev meson ninja-build pkg-config protobuf-c-compiler libprotobuf-c-dev
protobuf-compiler libonnx-dev libavformat-dev libavcodec-dev libswscale-dev libavutil-dev
libcmocka-dev libxxhash-dev libjansson-dev libonnx-testdata"
xnnpack_packages="libxnnpack-dev libpthreadpool-dev"
apt_dir=/etc/apt
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() { echo "setup: $*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo "$@"
    else die "this needs root: run it as root, or install sudo"
    fi
}

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# 2024-11-08 is the first XNNPACK with the operators and the API that the runtime is written for.
xnnpack_is_current() {
    v=$(dpkg-query -W -f='${Version}' libxnnpack-dev 2>/dev/null) || return 1
    [ -n "$v" ] && dpkg --compare-versions "$v" ge '0.0~git20241108'
}

apt_updated=no
apt_update() {
    [ "$apt_updated" = yes ] && return 0
    as_root apt-get update -qq >/dev/null || die "apt-get update failed: see the lines above"
    apt_updated=yes
}

apt_install() {
    apt_update
    echo "setup: installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
        >/tmp/wanc-setup.$$.log 2>&1 || { tail -20 /tmp/wanc-setup.$$.log >&2; rm -f /tmp/wanc-setup.$$.log
                                  die "apt-get install $* failed"; }
    rm -f /tmp/wanc-setup.$$.log
}

# The mirror that already serves this release: from a .list line or a deb822 stanza that names the suite.
debian_mirror() {
    find "$apt_dir/sources.list" "$apt_dir/sources.list.d" -type f 2>/dev/null | while read -r f; do
        awk -v suite="$1" '
            /^[ \t]*#/ { next }
            $1 == "deb" { for (i = 2; i < NF; i++) if ($i ~ /^(https?|file|copy|mirror)/ && $(i+1) == suite) print $i }
            $1 == "URIs:" { uri = $2 }
            $1 == "Suites:" { for (i = 2; i <= NF; i++) if ($i == suite) found = 1 }
            /^[ \t]*$/ { if (found && uri != "") print uri; found = 0; uri = "" }
            END { if (found && uri != "") print uri }' "$f"
    done | head -1
}

add_trixie() {
    [ -f "$apt_dir/sources.list.d/wanc-trixie.sources" ] && return 0
    mirror=$(debian_mirror bookworm)
    [ -n "$mirror" ] || die "no apt source of this machine names the suite bookworm: add XNNPACK of 2024-11-08 or newer by hand"
    echo "setup: adding the suite trixie (pinned at 100) for XNNPACK"
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' "$mirror" "$keyring" |
        as_root tee "$apt_dir/sources.list.d/wanc-trixie.sources" >/dev/null
    printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' |
        as_root tee "$apt_dir/preferences.d/wanc-trixie" >/dev/null
    apt_updated=no
}

missing=""
for p in $packages; do installed "$p" || missing="$missing $p"; done
# shellcheck disable=SC2086 # the list is words on purpose
[ -z "$missing" ] || apt_install $missing

if ! xnnpack_is_current || ! installed libpthreadpool-dev; then
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    # shellcheck disable=SC2086
    if [ "$codename" = bookworm ]; then
        add_trixie
        apt_install -t trixie $xnnpack_packages
    else
        apt_install $xnnpack_packages
    fi
    xnnpack_is_current || die "XNNPACK of 2024-11-08 or newer is needed, apt has $(dpkg-query -W -f='${Version}' libxnnpack-dev)"
fi
