#!/bin/sh
# Builds the Debian packages of what is committed here, from packaging/debian, into build-packages/; then lintian looks at them.
#
#   packaging/deb.sh                                      on this machine, Debian 12 or 13
#   packaging/clean_root.sh bookworm packaging/deb.sh     on a clean Debian
#
# Installs what it needs, as root or through sudo. DEBFULLNAME and DEBEMAIL are who maintains the packages; without them that is
# the author of the last commit.
set -eu
cd "$(dirname "$0")/.."
me=deb
. tools/apt.sh
packages="build-essential debhelper git lintian xz-utils"

version() { sed -n "s/^ *version: '\([^']*\)',.*/\1/p" meson.build | head -1; }

# debian/changelog: one entry, of the commit's date.
changelog() {
    printf 'wanc (%s-1) unstable; urgency=medium\n\n  * wanc %s, commit %s.\n\n -- %s  %s\n' "$version" "$version" \
        "$(git rev-parse --short HEAD)" "$maintainer" "$(git log -1 --format=%cD)"
}

# Debian's source package: upstream's archive beside a folder that has debian/ too.
make_source() {
    git archive --prefix="wanc-$version/" HEAD | xz -1 >"$work/wanc_$version.orig.tar.xz"
    tar -C "$work" -xf "$work/wanc_$version.orig.tar.xz"
    cp -R packaging/debian "$source/debian"
    sed -i "s/@MAINTAINER@/$maintainer/" "$source/debian/control"
    changelog >"$source/debian/changelog"
}

tools/setup.sh
# On Debian 12 that brings trixie's C library, whose headers do not go with an older dpkg-dev. Perl stays the release's: lintian's
# modules are made for it.
if [ -f "$apt_dir/sources.list.d/wanc-trixie.sources" ] && ! installed dpkg-dev; then
    install_missing perl
    apt_install -t trixie dpkg-dev
fi
# shellcheck disable=SC2086 # the list is words on purpose
install_missing $packages

git() { command git -c safe.directory='*' "$@"; }
[ -z "$(git status --porcelain --untracked-files=no)" ] || echo "deb: packs what is committed; there are changes that are not"
version=$(version)
maintainer="${DEBFULLNAME:-$(git log -1 --format=%an)} <${DEBEMAIL:-$(git log -1 --format=%ae)}>"
work=$PWD/build-packages
source=$work/wanc-$version
rm -rf "$source" "$work"/wanc_"$version"*
mkdir -p "$work"
make_source

echo "deb: building, log in build-packages/deb.log"
(cd "$source" && dpkg-buildpackage --unsigned-source --unsigned-changes) >"$work/deb.log" 2>&1 || { tail -40 "$work/deb.log" >&2; die "dpkg-buildpackage failed"; }
rm -rf "$source"
lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$work"/wanc_"$version"*.changes || die "lintian has complaints"
ls -l "$work"/*.deb
