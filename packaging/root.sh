# Sourced by the scripts of packaging/, behind tools/apt.sh: Debian in a folder, and commands in it.
# shellcheck shell=sh

# Both run what they are given in a mount namespace of its own: what is mounted goes when the command ends, however that ends.
alone() { as_root unshare --mount --propagation private "$@"; }

# make_root SUITE FOLDER: the smallest Debian of that suite, from the mirror that this machine uses.
make_root() {
    [ ! -e "$2" ] || die "$2: expected a folder that is still to be made, found one"
    for known in "$1" trixie bookworm; do
        mirror=$(debian_mirror "$known")
        [ -z "$mirror" ] || break
    done
    [ -n "$mirror" ] || die "no apt source of this machine names the suite $1, trixie or bookworm"
    install_missing debootstrap
    mkdir -p "$2"
    alone debootstrap --variant=minbase "$1" "$2" "$mirror" >"$2.log" 2>&1 ||
        { tail -5 "$2.log" >&2; drop_root "$2"; die "debootstrap $1 $2 failed"; }
    rm "$2.log"
}

drop_root() { as_root rm -rf --one-file-system "$1"; }

# in_root FOLDER COMMAND...: with an environment of its own.
in_root() {
    root=$1
    shift
    # shellcheck disable=SC2016 # the inner shell's
    alone sh -euc '
        root=$1
        shift
        mount --bind /dev "$root/dev"
        mount --bind /sys "$root/sys"
        mount -t proc proc "$root/proc"
        exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
            LC_ALL=C.UTF-8 "$@"' in_root "$root" "$@"
}
