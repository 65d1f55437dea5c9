#!/bin/sh
# Builds and runs the examples against an installed tree, by pkg-config, outside of the source and build trees: both libraries,
# shared and static, C and C++ and Python. Frames are compared with PyTorch's. TAP output.
#   test_installed.sh BUILD_ROOT SOURCE_ROOT MESON NPY_TOOL GOLDEN
build=$1 root=$2 meson=$3 npy_tool=$(realpath "$4") golden=$(realpath "$5")
. "$root/tests/cli/cases.sh"
trap 'rm -rf "$work"' EXIT
tiny=$root/tests/data/tiny
bound=3.5e-4
sanitized() { grep -q __asan_init "$build/tools/wanc"; }

check() { # NAME COMMAND...
    name=$1; shift
    if "$@" >"$work/stdout" 2>"$work/stderr"; then pass "$name"; else fail "$name" "$(tail -n 1 "$work/stdout")"; fi
}

check_cpp() { # NAME COMMAND...
    if command -v c++ >/dev/null; then check "$@"; else skip "$1" "needs a C++ compiler"; fi
}

# A prefix of our own: the tree is moved there as a package would be.
mkdir -p "$work/stage" "$work/examples"
check "installed" env DESTDIR="$work/stage" $meson install -C "$build" --no-rebuild --quiet
prefix=$(find "$work/stage" -name wan.h | sed 's|/include/wan/wan.h$||')
libdir=$(dirname "$(find "$prefix" -name libwan.so)")
PKG_CONFIG_PATH=$libdir/pkgconfig
PKG_CONFIG_SYSROOT_DIR=
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
LD_LIBRARY_PATH=$libdir
export LD_LIBRARY_PATH
cp -r "$root/examples/c" "$root/examples/cpp" "$root/examples/python" "$work/examples"
cd "$work" || exit 1
flags() { pkg-config --define-variable=prefix="$prefix" "$@"; }

# ---- what is there

exports() { nm -D --defined-only "$libdir/$1" | awk '{ print $3 }' | sed 's/@.*//' | sort; }
declared() { sed -n 's/.*WAN_API .*[ *]\('"$2"'_[a-z_]*\)(.*/\1/p' "$prefix/include/wan/$1" | sort; }
if sanitized; then
    skip "libwan.so exports its header and nothing else" "sanitizers export their own"
    skip "libwanc.so exports its header and nothing else" "sanitizers export their own"
else
    same "libwan.so exports its header and nothing else" "$(declared wan.h wan)" "$(exports libwan.so)"
    same "libwanc.so exports its header and nothing else" "$(declared wanc.h wanc)" "$(exports libwanc.so)"
fi
globals() { nm -g --defined-only "$libdir/$1" | awk 'NF == 3 { print $3 }' | grep -v '^__\(a\|ub\)san\|^\.' | sort; }
same "libwan.a has no other global symbols" "$(declared wan.h wan)" "$(globals libwan.a | grep -v '^__')"
same "libwanc.a has no other global symbols" "$(declared wanc.h wanc)" "$(globals libwanc.a | grep -v '^__')"
soname() { readelf -d "$libdir/$1" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p'; }
same "the soname is the ABI version" "libwan.so.$(sed -n 's/^#define WAN_ABI_VERSION //p' "$prefix/include/wan/wan.h")" "$(soname libwan.so)"
same "that of libwanc, too" "libwanc.so.$(sed -n 's/^#define WANC_ABI_VERSION //p' "$prefix/include/wan/wanc.h")" "$(soname libwanc.so)"
same "libwan needs neither protobuf nor jansson" "" "$(readelf -d "$libdir/libwan.so" | grep -E 'protobuf|jansson')"
same "pkg-config knows the version" "$(flags --modversion wan)" "$(flags --modversion wanc)"

# ---- headers alone

strict="-Wall -Wextra -Wpedantic -Wconversion -Werror"
printf '#include <wan/wan.h>\n#include <wan/wanc.h>\nint main(void) { return (int)wan_abi_version() - (int)WAN_ABI_VERSION; }\n' >header.c
cp header.c header.cpp
# shellcheck disable=SC2086,SC2046 # words on purpose
check "headers in strict C11" cc -std=c11 $strict $(flags --cflags wan) -c header.c -o header.o
# shellcheck disable=SC2086,SC2046
check_cpp "headers in strict C++17" c++ -std=c++17 $strict $(flags --cflags wan) -c header.cpp -o header.o

# ---- examples

# Sanitized libraries need a sanitized program.
sanitize=
if sanitized; then sanitize=-fsanitize=address,undefined; fi
# shellcheck disable=SC2046,SC2086
check "C example: built" cc -std=c11 -Wall -Wextra -Wpedantic -Werror $sanitize examples/c/decode.c $(flags --cflags --libs wan) -o decode_c
# shellcheck disable=SC2046,SC2086
check_cpp "C++ example: built" c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror $sanitize examples/cpp/decode.cpp $(flags --cflags --libs wan wanc) -o decode_cpp
static_libs() { flags --libs --static "$@" | sed 's/-lwanc\{0,1\}\( \|$\)/-l:&/g; s/-l:-l\(wanc\{0,1\}\)/-l:lib\1.a/g'; }
# shellcheck disable=SC2046,SC2086
check "C example, static: built" cc -std=c11 $sanitize examples/c/decode.c $(flags --cflags wan) $(static_libs wan) -o decode_static
# shellcheck disable=SC2046,SC2086
check_cpp "C++ example, both static: built" c++ -std=c++17 $sanitize examples/cpp/decode.cpp $(flags --cflags wan wanc) $(static_libs wan wanc) -o decode_both_static
same "static: no shared library of ours" "" "$(readelf -d decode_static decode_both_static 2>/dev/null | grep 'NEEDED.*libwan')"

check "a plan" "$build/tools/wanc" compile "$tiny/full.onnx" --latent-size 3x5 -o plan --quiet
as_npy() { # float[13][3][24][40] as [1,3,13,24,40]
    "$npy_tool" raw head.npy 1 "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 13, 3, 24, 40), }" 0 &&
        [ "$(wc -c <"$1")" -eq $((4 * 13 * 3 * 24 * 40)) ] && cat head.npy "$1" >frames.npy && "$npy_tool" transpose frames.npy "$2"
}
expect_reference() { # NAME FRAMES.npy
    check "$1: within $bound of PyTorch" "$golden" steps "$2" "$tiny/frames.npy" 1 4 "$bound"
}
for program in decode_c decode_static; do
    check "$program: decodes" "./$program" plan "$tiny/latents.npy" "$program.raw"
    check "$program: 13 frames" as_npy "$program.raw" "$program.npy"
    expect_reference "$program" "$program.npy"
done
check "frames as pictures" ./decode_c plan "$tiny/latents.npy" frames.ppm
"$npy_tool" bytes decode_c.npy bytes.npy
tail -c $((13 * 40 * 24 * 3)) bytes.npy >bytes.raw
for i in 0 1 2 3 4 5 6 7 8 9 10 11 12; do
    printf 'P6\n40 24\n255\n'
    tail -c +$((i * 40 * 24 * 3 + 1)) bytes.raw | head -c $((40 * 24 * 3))
done >expected.ppm
check "13 pictures of 40x24, the frames rounded" cmp frames.ppm expected.ppm
"$npy_tool" transpose "$tiny/latents.npy" steps.npy
tail -c $((4 * 4 * 16 * 3 * 5)) steps.npy >latents.raw
for program in decode_cpp decode_both_static; do
    [ -x "$program" ] || continue # said above
    check "$program: compiles and decodes" "./$program" "$tiny/full.onnx" latents.raw 3 5 "$program.raw"
    check "$program: 13 frames" as_npy "$program.raw" "$program.npy"
    expect_reference "$program" "$program.npy"
done
[ ! -x decode_cpp ] || ./decode_cpp /nonexistent.onnx latents.raw 3 5 none.raw 2>"$work/stderr"
[ ! -x decode_cpp ] || same "an exception carries the error" "decode: /nonexistent.onnx: cannot open: No such file or directory [io]" "$(cat "$work/stderr")"

python=$(command -v python3)
if sanitized; then skip "Python example" "the interpreter is not sanitized"
elif [ -z "$python" ] || ! "$python" -c 'import numpy' 2>/dev/null; then skip "Python example" "needs python3 and numpy"
else
    check "Python example: compiles and decodes" "$python" examples/python/decode_ctypes.py "$tiny/full.onnx" "$tiny/latents.npy" python.npy
    expect_reference "Python example" python.npy
    check "Python example: bytes" "$python" examples/python/decode_ctypes.py "$tiny/full.onnx" "$tiny/latents.npy" none.npy rgb.npy
    check "Python example: bytes within 1 of PyTorch's" "$python" -c '
import sys, numpy as np
rgb, frames = np.load(sys.argv[1]), np.load(sys.argv[2])
expected = np.round(np.clip((frames[0].transpose(1, 2, 3, 0) * 0.5 + 0.5) * 255, 0, 255))
sys.exit(not (rgb.shape == expected.shape and np.abs(rgb - expected).max() <= 1))' rgb.npy "$tiny/frames.npy"
    same "Python example: bytes are those of the C example" "$("$python" -c '
import numpy as np, sys
sys.stdout.buffer.write(b"".join(b"P6\n40 24\n255\n" + f.tobytes() for f in np.load("rgb.npy")))' | cksum)" "$(cksum <frames.ppm)"
fi
finish
