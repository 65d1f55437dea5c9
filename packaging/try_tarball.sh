#!/bin/sh
# Unpacks a tarball of tarball.sh into a folder with a space in its name, and decodes tests/data/tiny with it, in an empty environment.
#
#   packaging/try_tarball.sh TARBALL            on this machine
#   packaging/try_tarball.sh TARBALL SUITE      on a clean Debian of that suite, in which nothing is installed
set -eu
cd "$(dirname "$0")/.."
me=try_tarball
. tools/apt.sh
. packaging/root.sh
[ $# -ge 1 ] || die "expected TARBALL [SUITE], found nothing"
[ -s "$1" ] || die "$1: expected a tarball, found none"

# The frames must be those of PyTorch in double precision.
# shellcheck disable=SC2016 # the inner shell's
steps='cd "$1"
here=$(echo "$1"/*/bin)
"$here"/wanc compile full.onnx --latent-size 3x5 -o plan.bin
"$here"/wanrun plan.bin latents.npy -o video.mp4 --verify frames.npy
"$here"/wanrun plan.bin latents.npy -o frames_again.npy
"$here"/wanrun --version
ls -l video.mp4'

fill() { # fill FOLDER: the tarball and what it decodes
    mkdir -p "$1"
    tar -C "$1" -xf "$tarball"
    cp tests/data/tiny/full.onnx tests/data/tiny/latents.npy tests/data/tiny/frames.npy "$1"
}

tarball=$1
work=$(mktemp -d)
trap 'drop_root "$work"' EXIT
trap 'exit 1' HUP INT TERM
if [ $# -eq 1 ]; then
    fill "$work/a b"
    env -i /bin/sh -euc "$steps" sh "$work/a b"
else
    make_root "$2" "$work/root"
    fill "$work/root/a b"
    in_root "$work/root" /usr/bin/env -i /bin/sh -euc "$steps" sh "/a b"
fi
echo "try_tarball: passed"
