# Sourced by the scripts that install Debian packages, which set `me` to the name that their messages begin with.
# shellcheck shell=sh disable=SC2154
apt_dir=/etc/apt
debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() { echo "$me: $*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo "$@"
    else die "this needs root: run it as root, or install sudo"
    fi
}

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

apt_updated=no
apt_update() {
    [ "$apt_updated" = yes ] && return 0
    as_root apt-get update -qq -o APT::Update::Error-Mode=any -o DPkg::Lock::Timeout=300 >/dev/null || die "apt-get update failed: see the lines above"
    apt_updated=yes
}

apt_install() {
    apt_update
    echo "$me: installing $*"
    apt_log=$(mktemp)
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" >"$apt_log" 2>&1 ||
        { tail -20 "$apt_log" >&2; rm -f "$apt_log"; die "apt-get install $* failed"; }
    rm -f "$apt_log"
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

# Installs those of the named packages that are missing; silent when none is.
install_missing() {
    missing=""
    for p in "$@"; do installed "$p" || missing="$missing $p"; done
    # shellcheck disable=SC2086 # the list is words on purpose
    [ -z "$missing" ] || apt_install $missing
}

# Debian 13 as a second source on Debian 12, below the release: nothing is taken from it that is not asked for.
add_trixie() {
    [ -f "$apt_dir/sources.list.d/wanc-trixie.sources" ] && return 0
    mirror=$(debian_mirror bookworm)
    [ -n "$mirror" ] || die "no apt source of this machine names the suite bookworm: add trixie by hand"
    echo "$me: adding the suite trixie (pinned at 100) for XNNPACK"
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' "$mirror" "$debian_keyring" |
        as_root tee "$apt_dir/sources.list.d/wanc-trixie.sources" >/dev/null
    printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' |
        as_root tee "$apt_dir/preferences.d/wanc-trixie" >/dev/null
    apt_updated=no
}
