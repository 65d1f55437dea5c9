#!/bin/sh
# The whole path on the demo decoder: set up, build, compile, decode; leaves a video, a contact sheet and a report (text and HTML).
#
#   examples/demo.sh [OUTPUT_FOLDER]        default: examples/demo/out
set -eu
cd "$(dirname "$0")/.."
demo=examples/demo
out=${1:-$demo/out}
mkdir -p "$out"

now() { date +%s.%N; }
step() { # step NAME COMMAND...: runs it and says how long it took
    name=$1
    shift
    from=$(now)
    "$@"
    awk -v n="$name" -v a="$from" -v b="$(now)" 'BEGIN { printf "%-10s %8.1f s\n", n, b - a }'
}

build() {
    [ -f build/build.ninja ] || meson setup build >"$out/build.log" 2>&1 || { cat "$out/build.log" >&2; return 1; }
    ninja -C build tools/wanc tools/wanrun >>"$out/build.log" 2>&1 || { tail -40 "$out/build.log" >&2; return 1; }
}

step "set-up" tools/setup.sh
step "build" build
step "compile" build/tools/wanc compile --quiet $demo/decoder.onnx --latent-size 30x52 -o "$out/plan.bin"
step "report" build/tools/wanc report "$out/plan.bin" -o "$out/report.txt"
step "report" build/tools/wanc report "$out/plan.bin" --format html -o "$out/report.html"
step "decode" build/tools/wanrun "$out/plan.bin" $demo/latents.npy -o "$out/video.mp4" --quiet
step "sheet" build/tools/wanrun "$out/plan.bin" $demo/latents.npy -o "$out/sheet.png" --quiet

echo
echo "video          $out/video.mp4"
echo "contact sheet  $out/sheet.png"
echo "report         $out/report.html, $out/report.txt"
echo "plan           $out/plan.bin"
