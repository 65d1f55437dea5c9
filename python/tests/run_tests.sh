#!/bin/sh
# Runs the tests of the Python package, with the first of $PYTHON, python3 and /usr/bin/python3 that has what they need.
#
#     run_tests.sh build FOLDERS      the modules of this checkout, the libraries of a build: their folders, separated by ":"
#     run_tests.sh wheel              a wheel of this checkout, built by pip and meson-python, outside of it
#     ... --diffusers                 also those of diffusers' pipelines, which export decoders: minutes
#
# Exit status 77: no Python has what it takes, or the libraries are sanitized, which the interpreter is not.
set -u
here=$(realpath "$(dirname "$0")")
root=$(realpath "$here/../..")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1
needs=numpy modules="test_compile test_decode test_torch"
for last; do :; done
if [ "$last" = --diffusers ]; then needs=numpy,torch,diffusers,onnx,onnxscript modules="$modules test_diffusers"; fi

python_with() { # MODULES, separated by commas
    for candidate in ${PYTHON:-} python3 /usr/bin/python3; do
        "$candidate" -c "import sys, $1; sys.exit(sys.version_info < (3, 10))" 2>/dev/null && python=$candidate && return
    done
    echo "skipped: no Python of 3.10 or newer with $1"
    exit 77
}

case $1 in
build)
    if grep -q __asan_init "${2%%:*}/libwan.so.1"; then echo "skipped: the interpreter is not sanitized"; exit 77; fi
    python_with $needs
    export WANVAE_LIBRARY_PATH="$2" PYTHONPATH="$root/python"
    ;;
wheel)
    python_with $needs,pip,mesonpy
    "$python" -m pip wheel --quiet --no-deps --no-build-isolation --config-settings=build-dir="$work/build" \
        --wheel-dir "$work" "$root" || exit 1
    "$python" -m pip install --quiet --no-deps --no-index --target "$work/site" "$work"/wanvae-*.whl || exit 1
    rm -rf "$work/build" # what is installed must not need it
    unset WANVAE_LIBRARY_PATH LD_LIBRARY_PATH
    export PYTHONPATH="$work/site"
    ;;
*) exit 2 ;;
esac

cd "$work" || exit 1
"$python" -c 'import sys, wanvae; print("wanvae", wanvae.__version__, "in", wanvae.__path__[0], "by Python", sys.version.split()[0])' || exit 1
# shellcheck disable=SC2086 # the list is words on purpose
PYTHONPATH="$PYTHONPATH:$here" "$python" -m unittest $modules
