#!/bin/sh
# Every format that wanrun writes, read back and compared with the frames.
#
#     test_video.sh WANRUN NPY_TOOL PROBE_VIDEO COMPILE_IR SOURCE [PROBE_WEBP]
#
# Prints TAP. The frames are PyTorch's of the demo, 5 of 240x416: the plan here gives its latents back as they are, so that what
# is measured is the writing alone. Limits of PSNR lie 0.5 to 2 dB below what docs/video.md has; chroma of half the size alone
# costs so much that 4:2:0 ends at 42 dB here.
set -u
wanrun=$(realpath "$1") npy=$(realpath "$2") probe=$(realpath "$3") compile_ir=$(realpath "$4") source=$(realpath "$5")
probe_webp=${6:+$(realpath "$6")}
tool=wanrun program=$wanrun
LSAN_OPTIONS=suppressions=$(realpath "$(dirname "$0")")/lsan.supp:print_suppressions=0
export LSAN_OPTIONS
. "$(dirname "$0")/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

identity() { # PLAN HEIGHT WIDTH
    cat >"$work/identity.ir" <<END
module "full" "identity.onnx"
const @w: f32[3,3,1,1,1] = [1,0,0,0,1,0,0,0,1]
graph @full(%x: f32[1,3,1|1,$2,$3]) {
  %y = conv %x, @w {pads=[0,0,0,0,0,0], strides=[1,1,1]} "conv"
  return %y
}
END
    "$compile_ir" "$1" "$work/identity.ir" 2>"$work/stderr" || fail "compile IR" "compile_ir failed"
}

plan=$work/plan latents=$work/frames.npy
identity "$plan" 240 416
identity "$work/odd.plan" 15 17
"$npy" numbers "$source/examples/demo/frames_u8.npy" "$latents"
"$npy" bytes "$latents" "$work/bytes.npy"

# ---- every format

# The mean error of each colour shows a wrong matrix or range: that of BT.601 would be 3 and more, of full range 5 and more.
quality() { # FILE PSNR
    "$probe" "$1" "$latents" 2>&1 | awk -v least="$2" '{ print ($4 < 0.7 && $5 < 0.7 && $6 < 0.7 && $8 >= least) ? "ok" : $0 }'
}

# DESCRIPTION is an extended regular expression: of what a file does not say, FFmpeg's versions say different things.
written() { # NAME DESCRIPTION PSNR OUTPUT OPTION...
    name=$1 description=$2 least=$3 output=$4
    shift 4
    fresh
    run "$plan" "$latents" -o "$output" "$@"
    found="$status $("$probe" "$output" 2>&1)"
    if echo "$found" | grep -qxE "0 $description"; then pass "$name: description"
    else fail "$name: description" "expected '0 $description', found '$found'"
    fi
    echo "# $name: $("$probe" "$output" "$latents" 2>&1)"
    same "$name: frames" ok "$(quality "$output" "$least")"
    same "$name: nothing else written" "$output" "$(ls -A)"
}

half="416x240 5 frames yuv420p tv bt709"
written .mp4 "h264 $half 16 fps" 37.5 out.mp4
written .mov "h264 $half 24 fps" 37.5 out.mov --fps 24
written .mkv "h264 $half 23.976 fps" 37.5 out.mkv --fps 23.976
written .webm "vp9 $half 12.5 fps" 37.5 out.webm --fps 12.5
written .y4m "rawvideo 416x240 5 frames yuv420p tv unknown 29.97 fps" 41 out.y4m --fps 30000/1001
written .gif "gif 416x240 5 frames bgra unknown unknown 25 fps" 32 out.gif --fps 25
written .png "png 416x240 1 frames rgb24 pc (gbr/unknown/)?unknown 25 fps" 98 first.png --stop-after 1
written "--codec hevc" "hevc $half 16 fps" 37.5 out.mp4 --codec hevc
written "--codec av1" "av1 $half 16 fps" 36.5 out.mp4 --codec av1
written "--codec vp9 in .mp4" "vp9 $half 16 fps" 37.5 out.mp4 --codec vp9
written "--codec mpeg4" "mpeg4 $half 16 fps" 37.5 out.mkv --codec mpeg4
written "--codec prores" "prores 416x240 5 frames yuv422p10le (tv|unknown) bt709 16 fps" 41 out.mov --codec prores
written "--codec ffv1: no loss" "ffv1 416x240 5 frames bgr0 pc gbr/bt709/bt709 16 fps" 98 out.mkv --codec ffv1
written "an encoder by its name" "h264 416x240 5 frames gbrp pc gbr/bt709/bt709 16 fps" 43 out.mkv --codec libx264rgb
written "--crf 0" "h264 $half 16 fps" 40 out.mp4 --crf 0
written "--pix-fmt yuv444p" "h264 416x240 5 frames yuv444p tv bt709 16 fps" 52 out.mp4 --crf 0 --pix-fmt yuv444p
written "--pix-fmt of 10 bits" "h264 416x240 5 frames yuv444p10le tv bt709 16 fps" 52 out.mp4 --crf 0 --pix-fmt yuv444p10
written "--pix-fmt of 10 bits, no loss" "ffv1 416x240 5 frames yuv444p10le tv bt709 16 fps" 63 out.mkv --codec ffv1 --pix-fmt yuv444p10
written "--pix-fmt gbrp10" "ffv1 416x240 5 frames gbrp10le pc gbr/bt709/bt709 16 fps" 68 out.mkv --codec ffv1 --pix-fmt gbrp10
written ".y4m, --pix-fmt yuv444p" "rawvideo 416x240 5 frames yuv444p tv unknown 16 fps" 52 out.y4m --pix-fmt yuv444p
written ".y4m of 10 bits" "rawvideo 416x240 5 frames yuv420p10le tv unknown 16 fps" 40 out.y4m --pix-fmt yuv420p10
written "--format, whatever the suffix" "vp9 $half 16 fps" 37.5 video.dat --format webm

if [ -n "$probe_webp" ]; then
    fresh
    run "$plan" "$latents" -o out.webp --fps 10
    same ".webp: description" "0 webp 416x240 5 frames 500 ms loop 0" "$status $("$probe_webp" out.webp 2>&1)"
    probe_video=$probe probe=$probe_webp
    echo "# .webp: $("$probe" out.webp "$latents" 2>&1)"
    same ".webp: frames" ok "$(quality out.webp 41)"
    probe=$probe_video
else
    skip ".webp" "no libwebpdemux"
fi

fresh
run "$plan" "$latents" -o 'f%02d.png'
same "numbered .png: names" "f00.png f01.png f02.png f03.png f04.png" "$(ls -A | tr '\n' ' ' | sed 's/ $//')"
same "numbered .png: frames" ok "$(quality f00.png 98)"
run "$plan" "$latents" -o sheet.png
same ".png: a sheet of all five" "png 836x728 1 frames" "$("$probe" sheet.png 2>&1 | cut -d' ' -f1-4)"

# The tools' own reader, which NumPy's and safetensors' files test (tests/unit/test_latents.c).
fresh
run "$plan" "$latents" -o out.safetensors
run "$plan" out.safetensors:frames -o back.npy
same ".safetensors: read back" "0 0" "$status $("$npy" diff back.npy "$latents" 0)"
same ".safetensors: length of the header" "$(($(od -An -tu8 -N8 out.safetensors) + 8 + 5 * 3 * 240 * 416 * 4))" "$(wc -c <out.safetensors)"
run "$plan" "$latents" -o out.rgb
tail -c $((5 * 240 * 416 * 3)) "$work/bytes.npy" | cmp - out.rgb >"$work/stderr" 2>&1
same ".rgb: the bytes, frame by frame" 0 $?
run "$plan" "$latents" -o out.f32
run "$plan" out.f32 --shape 5,3,240,416 --dtype f32 --layout tchw -o back.npy
same ".f32: read back" "0 0" "$status $("$npy" diff back.npy "$latents" 0)"

# ---- sizes

fresh
"$npy" make odd.npy '<f4' 1,3,2,15,17 3
for sized in mp4:18x16 mkv:18x16 webm:18x16 gif:17x15 y4m:17x15; do
    run "$work/odd.plan" odd.npy -o "odd.${sized%:*}"
    same "odd size: .${sized%:*}" "0 ${sized#*:} 2 frames" "$status $("$probe" "odd.${sized%:*}" 2>&1 | cut -d' ' -f2-4)"
done
run "$work/odd.plan" odd.npy -o odd444.mp4 --pix-fmt yuv444p
same "odd size: yuv444p needs no even one" "17x15" "$("$probe" odd444.mp4 2>&1 | cut -d' ' -f2)"
identity "$work/large.plan" 1200 1600
"$npy" make large.npy '<f4' 1,3,12,1200,1600 3
run "$work/large.plan" large.npy -o large.png
same "a sheet of large frames: at most 16 megapixels" ok \
    "$("$probe" large.png 2>&1 | awk '{ split($2, s, "x"); print (s[1] * s[2] > 16000000 && s[1] * s[2] < 16777216 + 200000) ? "ok" : $0 }')"

# ---- pipes

for name in mp4 mov mkv webm gif y4m; do
    fresh
    "$wanrun" "$plan" "$latents" -q --format $name -o - 2>"$work/stderr" | cat >piped
    same "-o - of $name" "416x240 5 frames ok" "$("$probe" piped 2>&1 | cut -d' ' -f2-4) $(quality piped 32)"
done
for name in rgb f32 webp; do
    fresh
    run "$plan" "$latents" -o out.$name
    "$wanrun" "$plan" "$latents" -q --format $name -o - 2>"$work/stderr" | cmp - out.$name >"$work/stderr" 2>&1
    same "-o - of $name: as in a file" 0 $?
done
refused "-o - of npy" 2 "expected a format that can be written to a pipe: one of mp4" "$plan" "$latents" --format npy -o -

fresh
run "$plan" "$latents" --format webm
same "--format alone: the name is the latents', with its suffix" "frames.webm" "$(ls -A)"

# ---- refused

"$wanrun" --help >"$work/help"
same "--format: a word for every suffix" "$(sed -n 's/^  *\.\([a-z0-9]*\)\( .*\)\{0,1\}$/\1/p' "$work/help" | sort -u | tr '\n' ' ')" \
    "$("$wanrun" a b --format '' 2>&1 | sed 's/.*: expected //; s/, found.*//; s/ or /, /; s/,//g' | tr ' ' '\n' | sort | tr '\n' ' ')"
refused "--format: unknown" 2 "--format: expected .*mp4.*, found 'avi'" "$plan" "$latents" --format avi
refused "--codec: unknown" 2 "--codec: expected one of h264, hevc" "$plan" "$latents" --codec vp8
refused "--codec: not in .webm" 2 "out.webm: expected one of the codecs .*vp9.* in this container, found hevc" \
    "$plan" "$latents" -o out.webm --codec hevc
refused "--codec of .gif" 2 "--codec: expected .mp4, .mkv, .webm or .mov beside it, found .gif" "$plan" "$latents" -o out.gif --codec h264
refused "--crf of .npy" 2 "--crf: expected .mp4" "$plan" "$latents" -o out.npy --crf 20
refused "--pix-fmt of .webp" 2 "--pix-fmt: expected .mp4, .mkv, .webm, .mov or .y4m" "$plan" "$latents" -o out.webp --pix-fmt yuv444p
refused "--pix-fmt: unknown" 2 "--pix-fmt: expected one of yuv420p, .* for libx264, found 'foo'" "$plan" "$latents" --pix-fmt foo
refused "--pix-fmt: full range" 2 "--pix-fmt: expected one of" "$plan" "$latents" --pix-fmt yuvj420p
refused "--pix-fmt of .y4m" 2 "--pix-fmt: expected yuv420p, yuv422p or yuv444p" "$plan" "$latents" -o out.y4m --pix-fmt gbrp
refused "--crf: too large" 2 "--crf: expected 0 to 51 for libx264, found 52" "$plan" "$latents" --crf 52
refused "--crf: no number" 2 "--crf: expected a number from 0 on, found 'x'" "$plan" "$latents" --crf x
refused "--crf: an encoder without" 2 "--crf: expected an encoder that has one, found mpeg4" "$plan" "$latents" --codec mpeg4 --crf 3
refused "--preset: unknown" 2 "--preset: expected one of ultrafast .* for libx264, found 'swift'" "$plan" "$latents" --preset swift
refused "--preset: an encoder without" 2 "--preset: expected an encoder that has one, found ffv1" "$plan" "$latents" -o out.mkv --codec ffv1 --preset fast
for rate in 0 1001 1/2000 -1 x 24/0 24/ 1.2.3 ''; do
    refused "--fps '$rate'" 2 "--fps: expected a number such as" "$plan" "$latents" --fps "$rate"
done
refused "--fps of .gif" 2 "--fps: expected at most 50 for .gif" "$plan" "$latents" -o out.gif --fps 60

cd /
finish
