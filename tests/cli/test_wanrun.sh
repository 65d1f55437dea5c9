#!/bin/sh
# The command line of wanrun: every output format, every kind of bad input, full disks, signals, pipes.
#
#     test_wanrun.sh WANC WANRUN NPY_TOOL PROBE_VIDEO COMPILE_IR SOURCE
#
# Prints TAP. Decoders and latents are those of tests/data/tiny (frames of 24x40) and column (40x8).
set -u
wanc=$(realpath "$1") wanrun=$(realpath "$2") npy=$(realpath "$3") probe=$(realpath "$4") compile_ir=$(realpath "$5") data=$(realpath "$6")/tests/data
tool=wanrun program=$wanrun
. "$(dirname "$0")/cases.sh"
small_disk=$work/small-disk

cleanup() {
    umount "$small_disk" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# "ok", or how FILE differs from frames.npy: LUMA and MEAN limit the differences that probe_video prints.
colours() { # FILE LUMA MEAN
    "$probe" "$1" "$work/frames.npy" 2>&1 |
        awk -v luma="$2" -v mean="$3" '{ print $3 < luma && $4 < mean && $5 < mean && $6 < mean ? "ok" : $0 }'
}

# ---- inputs

"$wanc" compile "$data/tiny/full.onnx" -o "$work/tiny.plan" --latent-size 3x5 >"$work/stderr" 2>&1 ||
    { fail "compile tests/data/tiny" "wanc failed"; echo "1..$number"; exit 1; }
"$wanc" compile "$data/column/full.onnx" -o "$work/column.plan" --latent-size 5x1 >"$work/stderr" 2>&1 ||
    fail "compile tests/data/column" "wanc failed"
plan=$work/tiny.plan latents=$data/tiny/latents.npy

# ---- output formats

fresh
run "$plan" "$latents" -o out.npy
same ".npy: frames of the reference" ok "$("$npy" diff out.npy "$data/tiny/frames.npy" 1e-4 >/dev/null && echo ok)"
same ".npy: type and shape" "<f4 1,3,13,24,40" "$("$npy" shape out.npy)"
same ".npy: nothing else written" "out.npy" "$(ls -A)"
same "summary" "wanrun: 13 frames of 24x40 in X s -> out.npy" "$(sed 's/in [0-9.]* s/in X s/' "$work/stderr")"
cp out.npy "$work/frames.npy"

fresh
run "$plan" "$latents" -o out.mp4
same ".mp4: description" "h264 40x24 13 frames yuv420p tv bt709 16 fps" "$("$probe" out.mp4 2>&1)"
same ".mp4: colours" ok "$(colours out.mp4 5 1.5)"
same ".mp4: nothing else written" "out.mp4" "$(ls -A)"

fresh
run "$plan" "$latents" -o out.MP4 --fps 24 --quiet
same ".MP4: --fps" "h264 40x24 13 frames yuv420p tv bt709 24 fps" "$("$probe" out.MP4 2>&1)"
same "--quiet" "" "$(cat "$work/stderr")"

fresh
run "$work/column.plan" "$data/column/latents.npy" -o out.mp4
same ".mp4: 8 pixels wide" "h264 8x40 9 frames yuv420p tv bt709 16 fps" "$("$probe" out.mp4 2>&1)"

fresh
run "$plan" "$latents" -o out.y4m
frame=$((6 + 24 * 40 * 3 / 2)) header=$(head -n 1 out.y4m 2>&1)
same ".y4m: header" "YUV4MPEG2 W40 H24 F16:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED XCOLORMATRIX=BT709" "$header"
same ".y4m: size" $((${#header} + 1 + 13 * frame)) "$(wc -c <out.y4m)"
same ".y4m: description" "rawvideo 40x24 13 frames yuv420p tv" "$("$probe" out.y4m 2>&1 | cut -d' ' -f1-6)"
same ".y4m: colours" ok "$(colours out.y4m 0.5 0.3)"
cp out.y4m "$work/out.y4m"

fresh
"$wanrun" "$plan" "$latents" -o - 2>"$work/stderr" | cmp - "$work/out.y4m" >/dev/null 2>&1
same "-: .y4m in a pipe" 0 $?
same "-: no file" "" "$(ls -A)"

fresh
run "$plan" "$latents" -o out.png
same ".png: contact sheet of 12 frames" "png 128x108 1 frames rgb24" "$("$probe" out.png 2>&1 | cut -d' ' -f1-5)"

fresh
run "$plan" "$latents" -o f%03d.png
same "%03d.png: files" "13 f000.png f012.png" "$(ls -A | wc -l | tr -d ' ') $(ls -A | sed -n '1p;$p' | tr '\n' ' ' | sed 's/ $//')"
same "%03d.png: exact colours" ok "$(colours f000.png 0.3 0.1)"

fresh
run "$plan" "$latents"
same "default name" "latents.mp4" "$(ls -A)"

fresh
mkdir 'a:b 100%'
run "$plan" "$latents" -o 'a:b 100%/c:d.mp4'
same "odd characters in a path" "h264 40x24 13 frames" "$("$probe" 'a:b 100%/c:d.mp4' 2>&1 | cut -d' ' -f1-4)"

fresh
echo old >out.npy
run "$plan" "$latents" -o out.npy
same "an old file is replaced" 0 "$(cmp out.npy "$work/frames.npy" >/dev/null 2>&1; echo $?)"

# ---- latents of other layouts and versions

"$npy" make "$work/f2.npy" '<f2' 1,16,4,3,5 7
"$npy" make "$work/f4.npy" '<f4' 16,4,3,5 7
fresh
run "$plan" "$work/f2.npy" -o f2.npy
run "$plan" "$work/f4.npy" -o f4.npy
same "float16 and float32, with and without batch axis" 0 "$(cmp f2.npy f4.npy >/dev/null 2>&1; echo $?)"

"$npy" slice "$work/f2.npy" "$work/two.npy" 2
"$npy" slice "$work/f2.npy" "$work/one.npy" 1
fresh
run "$plan" "$work/f2.npy" -o all.npy
run "$plan" "$work/two.npy" -o two.npy
run "$plan" "$work/one.npy" -o one.npy
same "2 of 4 latent frames: 5 frames, the same bits" "<f4 1,3,5,24,40 0" "$("$npy" shape two.npy) $("$npy" prefix two.npy all.npy; echo $?)"
same "1 latent frame: 1 frame, the same bits" "<f4 1,3,1,24,40 0" "$("$npy" shape one.npy) $("$npy" prefix one.npy all.npy; echo $?)"
run "$plan" "$work/one.npy" -o one.mp4
same "1 latent frame: .mp4" "h264 40x24 1 frames" "$("$probe" one.mp4 2>&1 | cut -d' ' -f1-4)"
run "$plan" "$work/one.npy" -o one.png
same "1 latent frame: .png" "png 40x24 1 frames" "$("$probe" one.png 2>&1 | cut -d' ' -f1-4)"

"$npy" make "$work/first.npy" '<f4' 4,16,3,5 7
"$npy" transpose "$work/first.npy" "$work/second.npy"
fresh
run "$plan" "$work/first.npy" -o first.npy
run "$plan" "$work/second.npy" -o second.npy
same "[T,C,h,w] is read as [C,T,h,w]" "<f4 1,3,13,24,40 0" "$("$npy" shape first.npy) $(cmp first.npy second.npy >/dev/null 2>&1; echo $?)"
"$npy" make "$work/first.npy" '<f2' 1,4,16,3,5 7
"$npy" transpose "$work/first.npy" "$work/second.npy"
run "$plan" "$work/first.npy" -o first.npy
run "$plan" "$work/second.npy" -o second.npy
same "[1,T,C,h,w] is read as [1,C,T,h,w]" "<f4 1,3,13,24,40 0" "$("$npy" shape first.npy) $(cmp first.npy second.npy >/dev/null 2>&1; echo $?)"
"$npy" make "$work/square.npy" '<f4' 16,16,3,5 7
"$npy" slice "$work/square.npy" "$work/sixteen.npy" 3
run "$plan" "$work/square.npy" -o all.npy --layout cthw
run "$plan" "$work/sixteen.npy" -o head.npy
same "as many frames as channels: --layout decides" 0 "$("$npy" prefix head.npy all.npy >/dev/null; echo $?)"
refused "as many frames as channels" 1 "layout" "$plan" "$work/square.npy"

# ---- several latent sizes

"$wanc" compile "$data/tiny/full.onnx" -o "$work/many.plan" --latent-size 5x1,3x5 2>"$work/stderr" ||
    fail "compile several sizes" "wanc failed"
"$wanc" compile "$data/tiny/full.onnx" -o "$work/tall.plan" --latent-size 5x1 2>"$work/stderr"
fresh
run "$work/many.plan" "$latents" -o out.npy
same "several sizes: the latents choose" 0 "$(cmp out.npy "$work/frames.npy" >/dev/null 2>&1; echo $?)"
run "$work/many.plan" "$data/column/latents.npy" -o out.npy
run "$work/tall.plan" "$data/column/latents.npy" -o alone.npy
same "several sizes: the same bits as alone" "<f4 1,3,9,40,8 0" "$("$npy" shape out.npy) $(cmp out.npy alone.npy >/dev/null 2>&1; echo $?)"
refused "several sizes: none fits" 1 "expected latents of shape \[1, 16, T, h, w\] with h x w of 5x1 or 3x5 by the plan, found \[1, 16, 3, 1, 7\]" \
    "$work/many.plan" "$data/row/latents.npy"

# ---- one latent frame, kept frames, warnings: decoders written as IR

cat >"$work/image.ir" <<'END'
module "full" "image.onnx"
const @w: f32[3,2,3,1,1] = [0,0,1,0,0,0,0,0,0,0,0,1,0,0,0.5,0,0,0.5]
graph @first(%x: f32[1,2,1,4,5]) {
  %y = conv %x, @w {pads=[2,0,0,0,0,0], strides=[1,1,1]} "conv"
  return %y
}
END
step='%x: f32[1,2,1,4,5]) {
  %y = conv %x, @w {pads=[0,0,0,0,0,0], strides=[1,1,1]} "conv"
  %f = rearrange %y {pattern="1 (a:2 b:3) 1 c d -> 1 b a c d"}
  %z = conv %f, @v {pads=[0,0,0,0,0,0], strides=[1,1,1]} "out"
  return %z
}'
cat >"$work/flagged.ir" <<END
module "pair" "flagged.onnx"
first_kept 1
const @w: f32[6,2,1,1,1] = [1,0,0,1,1,1,2,0,0,2,2,2]
const @v: f32[3,3,1,1,1] = [0.1,0,0,0,0.1,0,0,0,0.1]
graph @first($step
graph @steady($step
END
sed 's/@first/@full/; s/1,2,1,4,5/1,2,1|1,4,5/' "$work/image.ir" >"$work/video.ir"
"$compile_ir" "$work/image.plan" "$work/image.ir" && "$compile_ir" "$work/video.plan" "$work/video.ir" &&
    "$compile_ir" "$work/flagged.plan" "$work/flagged.ir" &&
    "$compile_ir" "$work/warned.plan" --note "warning: caches of other frames" "$work/image.ir" ||
    fail "compile IR" "compile_ir failed"
"$npy" make "$work/image.npy" '<f4' 1,2,1,4,5 1
"$npy" make "$work/three.npy" '<f4' 1,2,3,4,5 1
"$npy" make "$work/three_first.npy" '<f4' 3,2,4,5 1

fresh
run "$work/image.plan" "$work/image.npy" -o out.npy
same "one latent frame" "0 <f4 1,3,1,4,5" "$status $("$npy" shape out.npy)"
run "$work/video.plan" "$work/image.npy" -o video.npy
same "one latent frame: as the first one of a video" 0 "$(cmp out.npy video.npy >/dev/null 2>&1; echo $?)"
refused "one latent frame: more are given" 1 "three.npy: this plan decodes one latent frame, found 3" \
    "$work/image.plan" "$work/three.npy" -o out.npy
refused "one latent frame: more are given, frames in front" 1 "this plan decodes one latent frame, found 3" \
    "$work/image.plan" "$work/three_first.npy" -o out.npy
same "report: one latent frame" 1 "$("$wanc" report "$work/image.plan" | grep -c 'this plan decodes one latent frame')"

fresh
run "$work/flagged.plan" "$work/three.npy" -o kept.npy
run "$work/flagged.plan" "$work/three.npy" -o all.npy --all-frames
same "first_kept: one frame of the first step" "<f4 1,3,5,4,5" "$("$npy" shape kept.npy)"
same "--all-frames: all of them" "<f4 1,3,6,4,5" "$("$npy" shape all.npy)"
same "first_kept: the last ones are kept" 0 "$("$npy" slice all.npy tail.npy 5 1; "$npy" diff tail.npy kept.npy)"
same "first_kept: report" 1 "$("$wanc" report "$work/flagged.plan" | grep -c "of the first step's 2 frames the last 1 belong")"
run "$plan" "$latents" -o all.npy --all-frames
same "--all-frames: no other frames where all are kept" 0 "$(cmp all.npy "$work/frames.npy" >/dev/null 2>&1; echo $?)"

fresh
run "$work/warned.plan" "$work/image.npy" -o out.npy
same "warnings of the compiler: once" "wanrun: warning: caches of other frames" "$(sed '/frames of 4x5 in/d' "$work/stderr")"
run "$work/warned.plan" "$work/image.npy" -o out.npy --quiet
same "warnings of the compiler: --quiet" "" "$(cat "$work/stderr")"
same "warnings of the compiler: report" 1 "$("$wanc" report "$work/warned.plan" | grep -c '^  warning: caches of other frames$')"

accepted() { # NAME VERSION HEADER
    "$npy" raw "$work/header.npy" "$2" "$3" 960
    fresh
    run "$plan" "$work/header.npy" -o out.npy
    same "$1" 0 "$status"
}
accepted ".npy 2.0" 2 "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 16, 1, 3, 5), }     "
accepted ".npy 3.0, other order and spaces" 3 '{ "shape":(16,1,3,5),"fortran_order" :False, "descr": "<f4"}'

# ---- wrong usage: exit status 2

refused "no operands" 2 "expected PLAN and LATENTS"
refused "one operand" 2 "expected LATENTS" "$plan"
refused "unknown option" 2 "\-\-pictures: unknown" "$plan" "$latents" --pictures 3
refused "unknown short option" 2 "\-x: unknown" -qx "$plan" "$latents"
refused "option without value" 2 "\-\-fps: expected a value" "$plan" "$latents" --fps
refused "--threads 0" 2 "\-\-threads: expected a whole number" "$plan" "$latents" --threads 0
refused "--fps -3" 2 "\-\-fps: expected a number" "$plan" "$latents" --fps -3
refused "--fps 16x" 2 "found '16x'" "$plan" "$latents" --fps 16x
refused "--fps of 30 digits" 2 "\-\-fps: expected a number" "$plan" "$latents" --fps 111111111111111111111111111111
refused "unknown suffix" 2 "out.avi: expected an output that ends in" "$plan" "$latents" -o out.avi
refused "no suffix" 2 "expected an output that ends in" "$plan" "$latents" -o .mp4
refused "empty output" 2 "expected an output that ends in" "$plan" "$latents" -o ""
refused "two numbers in a pattern" 2 "holds a %" "$plan" "$latents" -o %d-%d.png
refused "%x in a pattern" 2 "holds a %" "$plan" "$latents" -o %x.png

fresh
run --help
same "--help" "0 usage: wanrun PLAN LATENTS.. [options]" "$status $(head -n 1 "$work/stdout")"
run --version
same "--version" "0 wanrun" "$status $(cut -d' ' -f1 "$work/stdout")"

# ---- bad plans

: >"$work/empty"
printf 'not a plan\n' >"$work/text"
head -c 1000 "$plan" >"$work/short.plan"
refused "plan: missing" 1 "absent.plan" absent.plan "$latents"
refused "plan: empty" 1 "empty" "$work/empty" "$latents"
refused "plan: text" 1 "text" "$work/text" "$latents"
refused "plan: truncated" 1 "short.plan" "$work/short.plan" "$latents"
refused "plan: a folder" 1 "$work" "$work" "$latents"

# ---- bad latents

refused "latents: missing" 1 "absent.npy: cannot open" "$plan" absent.npy
refused "latents: a folder without any" 1 "expected .npy, .npz, .safetensors or .pt files in this folder" "$plan" /dev/fd
refused "latents: empty" 1 "found an empty file" "$plan" "$work/empty"
refused "latents: text" 1 "found another kind of file" "$plan" "$work/text"
mkfifo "$work/fifo.npy"
refused "latents: a pipe" 1 "not a regular file" "$plan" "$work/fifo.npy"
head -c 9 "$latents" >"$work/bad.npy"
refused "latents: truncated magic" 1 "truncated" "$plan" "$work/bad.npy"
head -c 50 "$latents" >"$work/bad.npy"
refused "latents: truncated header" 1 "truncated" "$plan" "$work/bad.npy"
head -c 1000 "$latents" >"$work/bad.npy"
refused "latents: truncated numbers" 1 "truncated: expected 3840 bytes" "$plan" "$work/bad.npy"
{ cat "$latents"; echo; } >"$work/bad.npy"
refused "latents: trailing byte" 1 "trailing bytes: expected 3840 bytes" "$plan" "$work/bad.npy"

bad_header() { # NAME PATTERN VERSION HEADER
    "$npy" raw "$work/header.npy" "$3" "$4" 960
    refused "header: $1" 1 "$2" "$plan" "$work/header.npy"
}
ok_type="'descr': '<f4'" ok_order="'fortran_order': False" ok_shape="'shape': (1, 16, 1, 3, 5)"
bad_header "version 4" "found 4.0" 4 "{$ok_type, $ok_order, $ok_shape}"
bad_header "version 0" "found 0.0" 0 "{$ok_type, $ok_order, $ok_shape}"
bad_header "integers" "found int64" 1 "{'descr': '<i8', $ok_order, $ok_shape}"
bad_header "words" "found uint16: are they bfloat16? Then say --dtype bf16" 1 "{'descr': '<u2', $ok_order, $ok_shape}"
bad_header "big endian" "found big-endian float32" 1 "{'descr': '>f4', $ok_order, $ok_shape}"
bad_header "structured" "structured dtype" 1 "{'descr': [('x', '<f4')], $ok_order, $ok_shape}"
bad_header "Fortran order" "found Fortran order" 1 "{$ok_type, 'fortran_order': True, $ok_shape}"
bad_header "no shape" "expected a 'shape'" 1 "{$ok_type, $ok_order}"
bad_header "no type" "expected a 'descr'" 1 "{$ok_order, $ok_shape}"
bad_header "no order" "expected a 'fortran_order'" 1 "{$ok_type, $ok_shape}"
bad_header "key twice" "'descr' twice" 1 "{$ok_type, $ok_type, $ok_order, $ok_shape}"
bad_header "unknown key" "found 'colour'" 1 "{$ok_type, $ok_order, $ok_shape, 'colour': 3}"
bad_header "not a dict" "expected '{'" 1 "[1, 2, 3]"
bad_header "empty" "expected '{'" 1 ""
bad_header "unfinished" "malformed" 1 "{$ok_type, $ok_order, 'shape': (1, 16"
bad_header "more after the dict" "expected nothing after" 1 "{$ok_type, $ok_order, $ok_shape} {}"
bad_header "negative size" "expected a dimension" 1 "{$ok_type, $ok_order, 'shape': (1, -16, 1, 3, 5)}"
bad_header "not a tuple" "malformed" 1 "{$ok_type, $ok_order, 'shape': (16)}"
bad_header "size beyond 2^64" "below 2^64" 1 "{$ok_type, $ok_order, 'shape': (1, 99999999999999999999999, 1, 3, 5)}"
bad_header "product beyond 2^64" "a file can hold" 1 "{$ok_type, $ok_order, 'shape': (1, 4294967296, 4294967296, 3, 5)}"
bad_header "bad escape in a string" "malformed" 1 "{'descr': '<f4, $ok_order, $ok_shape}"
bad_header "scalar" "found \[\]" 1 "{$ok_type, $ok_order, 'shape': ()}"
bad_header "rank 3" "found \[16, 3, 5\]" 1 "{$ok_type, $ok_order, 'shape': (16, 3, 5)}"
bad_header "rank 6" "found \[1, 1, 16, 1, 3, 5\]" 1 "{$ok_type, $ok_order, 'shape': (1, 1, 16, 1, 3, 5)}"
bad_header "rank 40" "at most 32 dimensions" 1 "{$ok_type, $ok_order, 'shape': ($(yes '1,' | head -n 40 | tr -d '\n'))}"
bad_header "batch of 2" "found \[2, 8, 1, 3, 5\]" 1 "{$ok_type, $ok_order, 'shape': (2, 8, 1, 3, 5)}"
bad_header "no frames" "found \[1, 16, 0, 3, 5\]" 1 "{$ok_type, $ok_order, 'shape': (1, 16, 0, 3, 5)}"
bad_header "too many channels" "by the plan, found \[1, 48, 1, 1, 5\]" 1 "{$ok_type, $ok_order, 'shape': (1, 48, 1, 1, 5)}"
bad_header "height and width swapped" "expected latents of shape \[1, 16, T, 3, 5\] by the plan, found \[1, 16, 1, 5, 3\]" \
    1 "{$ok_type, $ok_order, 'shape': (1, 16, 1, 5, 3)}"
printf '\223NUMPY\002\000\377\377\377\377{}' >"$work/bad.npy"
refused "header: 4 GiB" 1 "at most 65536 bytes" "$plan" "$work/bad.npy"

"$npy" make "$work/huge.npy" "<f4" 1,16,2,3,5 1
index=0
while [ $index -lt 480 ]; do "$npy" poke "$work/huge.npy" $index 3e38; index=$((index + 1)); done
refused "frames that overflow" 1 "NaN or infinity came out" "$plan" "$work/huge.npy" -o out.npy
for value in nan inf -inf; do
    "$npy" make "$work/bad.npy" '<f4' 1,16,4,3,5 1
    "$npy" poke "$work/bad.npy" 198 $value
    refused "latents: $value" 1 "at \[0, 3, 1, 0, 3\]" "$plan" "$work/bad.npy" -o out.npy
done
"$npy" raw "$work/header.npy" 1 "{'descr': '<f2', 'fortran_order': False, 'shape': (16, 1, 3, 5)}" 478
printf '\000\174' >>"$work/header.npy"
refused "latents: float16 infinity at the end" 1 "found infinity at \[15, 0, 2, 4\]" "$plan" "$work/header.npy"

# ---- outputs that cannot be written

for suffix in mp4 webm gif webp y4m rgb npy safetensors png %d.png; do
    refused "no such folder: .$suffix" 1 "cannot create" "$plan" "$latents" -o "absent/out.$suffix"
    refused "a file as folder: .$suffix" 1 "cannot create" "$plan" "$latents" -o "$work/empty/out.$suffix"
done
mkdir "$work/folder.mp4"
refused "output is a folder" 1 "it is a directory" "$plan" "$latents" -o "$work/folder.mp4"
cp "$latents" "$work/both.npy"
refused "output is the input" 2 "also an input" "$plan" "$work/both.npy" -o "$work/both.npy"
same "the input is untouched" 0 "$(cmp "$latents" "$work/both.npy" >/dev/null 2>&1; echo $?)"

# Runs wanrun where files may have 512 bytes.
for suffix in mp4 webm gif webp y4m rgb npy safetensors png %d.png; do
    fresh
    (ulimit -f 1; exec timeout -k 5 60 "$wanrun" "$plan" "$latents" -o "out.$suffix" 2>"$work/here-stderr" >/dev/null)
    status=$?
    cp "$work/here-stderr" "$work/stderr"
    why=$(complaint 1 "cannot")
    if [ -z "$why" ]; then pass "file too large: .$suffix"; else fail "file too large: .$suffix" "$why"; fi
done

mkdir "$small_disk"
for suffix in mp4 webm gif webp y4m rgb npy safetensors png %d.png; do
    fresh
    name="full disk: .$suffix"
    if ! mount -t tmpfs -o size=4k none "$small_disk" 2>/dev/null; then
        skip "$name" "cannot mount a small disk here"
        continue
    fi
    head -c 3584 /dev/zero >"$small_disk/filler" # one page: nothing is left
    run "$plan" "$latents" -o "$small_disk/out.$suffix"
    why=$(complaint 1 "No space left")
    [ "$(ls -A "$small_disk")" = filler ] || why="left behind: $(ls -A "$small_disk")"
    if [ -z "$why" ]; then pass "$name"; else fail "$name" "$why"; fi
    umount "$small_disk"
done

if [ -e /dev/full ]; then
    fresh
    timeout 60 "$wanrun" "$plan" "$latents" -o - >/dev/full 2>"$work/stderr"
    status=$?
    why=$(complaint 1 "standard output: cannot write: No space left")
    if [ -z "$why" ]; then pass "full standard output"; else fail "full standard output" "$why"; fi
fi

# ---- stopping and going on

fresh
run "$plan" "$latents" -o a.npy --stop-after 1 --save-state state
same "--save-state: behind the first frame" "0 a.npy state" "$status $(ls -A | tr '\n' ' ' | sed 's/ $//')"
cp state "$work/state1"
run "$plan" "$latents" -o b.npy --load-state state --stop-after 3 --save-state state --threads 1
run "$plan" "$latents" -o c.npy --load-state state --timings
same "--load-state: says how it began" 1 "$(grep -c '^timing: resumed' "$work/stderr")"
same "--load-state: frames of the parts" "<f4 1,3,1,24,40 <f4 1,3,8,24,40 <f4 1,3,4,24,40" "$(for f in a b c; do "$npy" shape $f.npy; done | tr '\n' ' ' | sed 's/ $//')"
"$npy" slice "$work/frames.npy" from1.npy 12 1
"$npy" slice "$work/frames.npy" from9.npy 4 9
same "--load-state: the bits of one run" same "$("$npy" prefix a.npy "$work/frames.npy" && "$npy" prefix b.npy from1.npy && "$npy" prefix c.npy from9.npy && echo same)"
cp state "$work/state"
refused "--load-state: nothing is left to do" 1 "3 latent frames are decoded, and 3 of .*latents.npy are to be" "$plan" "$latents" -o x.npy --load-state "$work/state" --stop-after 3
refused "--load-state: no such file" 1 "cannot open" "$plan" "$latents" -o x.npy --load-state "$work/none"
refused "--load-state: not a state" 1 "not a state" "$plan" "$latents" -o x.npy --load-state "$latents"
refused "--load-state: of another plan" 1 "state1: of another plan" "$work/column.plan" "$data/column/latents.npy" -o x.npy --load-state "$work/state1"
head -c 5000 "$work/state" >"$work/short"
head -c 12 "$work/state" >"$work/stub"
refused "--load-state: truncated in its header" 1 "stub: truncated: 12 bytes" "$plan" "$latents" -o x.npy --load-state "$work/stub"
refused "--load-state: truncated" 1 "short: truncated" "$plan" "$latents" -o x.npy --load-state "$work/short"
cp "$work/state" "$work/bad"
printf '\377' | dd of="$work/bad" bs=1 seek=3000 conv=notrunc 2>/dev/null
refused "--load-state: damaged caches" 1 "bad: caches: checksum" "$plan" "$latents" -o x.npy --load-state "$work/bad"
refused "--save-state: over the latents" 2 "it is also an input" "$plan" "$latents" -o x.npy --save-state "$latents"
refused "--save-state: over the video" 2 "two results cannot have one name" "$plan" "$latents" -o ./one --format npy --save-state one
refused "--trace: over the state" 2 "two results cannot have one name" "$plan" "$latents" -o x.npy --save-state one --trace "$PWD/one"
# Not after the whole video.
refused "--save-state: where nothing can be" 1 "no/such: cannot create" "$plan" "$latents" -o x.npy --save-state no/such
refused "--profile: where nothing can be" 1 "no/such: cannot create" "$plan" "$latents" -o x.npy --profile=no/such
mkfifo "$work/pipe"
refused "--load-state: a pipe" 1 "pipe: not a regular file" "$plan" "$latents" -o x.npy --load-state "$work/pipe"
refused "a plan that is a pipe" 1 "pipe: not a regular file" "$work/pipe" "$latents" -o x.npy
fresh
run "$plan" "$latents" -o huge.npy --huge-pages
if [ "$status" = 0 ]; then same "--huge-pages: the same frames" "" "$(cmp huge.npy "$work/frames.npy" 2>&1)"
else contains "--huge-pages: not reserved" "has not reserved [0-9]* free huge pages" "$work/stderr"
fi
refused "--stop-after: not a number" 2 "stop-after: expected a whole number" "$plan" "$latents" -o x.npy --stop-after 0
refused "--benchmark with a state" 2 "takes no state" "$plan" "$latents" --benchmark --load-state "$work/state"

# ---- caches in a file

fresh
mkdir caches
run "$plan" "$latents" -o in_file.npy --cache-folder caches
same "--cache-folder: the same frames, and nothing left there" "0 same 0" \
    "$status $(cmp in_file.npy "$work/frames.npy" && echo same) $(ls -A caches | wc -l)"
refused "--limit-memory: below the forecast" 1 "tiny.plan: a run is expected to take [0-9.]* MiB, the limit is 10.0 MiB (--limit-memory changes it) \[memory\]$" \
    "$plan" "$latents" -o x.mp4 --limit-memory 10MiB
refused "--limit-memory: of a benchmark" 1 "the limit is 10.0 MiB" "$plan" "$latents" --benchmark --limit-memory 10MiB
refused "--limit-memory: no size" 2 "limit-memory: expected a size such as 5GiB, 800MiB or 5000000000, found '5GB'" "$plan" "$latents" --limit-memory 5GB
fresh
run "$plan" "$latents" -o x.npy --limit-memory 100MiB --quiet
same "--limit-memory: above the forecast" "0 x.npy" "$status $(ls -A)"
refused "--cache-folder: no such folder" 1 "caches: no file of [0-9]* bytes in nowhere: No such file" "$plan" "$latents" -o x.npy --cache-folder nowhere
fresh
mkdir caches
(ulimit -f 8 && timeout 60 "$wanrun" "$plan" "$latents" -o x.png --cache-folder caches >"$work/stdout" 2>"$work/stderr")
same "--cache-folder: no room" "1 caches" "$? $(ls -A)"
contains "--cache-folder: says so" "caches: no file of [0-9]* bytes in caches: File too large" "$work/stderr"

# ---- a long run: pipes that close, memory, signals

"$npy" make "$work/long.npy" '<f2' 1,16,50000,3,5 3
fresh
{ timeout -k 5 60 "$wanrun" "$plan" "$work/long.npy" -o - 2>"$work/stderr"; echo $? >"$work/status"; } | head -c 1000 >/dev/null
status=$(cat "$work/status")
why=$(complaint 1 "standard output: cannot write: Broken pipe")
if [ -z "$why" ]; then pass "the reader of the pipe goes away"; else fail "the reader of the pipe goes away" "$why"; fi

peak() { sed -n 's/.*peak RSS \([0-9]*\) bytes.*/\1/p' "$work/stderr"; }
"$npy" slice "$work/long.npy" "$work/longer.npy" 400
fresh
run "$plan" "$work/f2.npy" -o out.npy --timings --threads 1
short=$(peak)
same "--timings: every step" 4 "$(sed -n 's/^timing: first \([0-9.]*\) s, steady \([0-9. ]*\) s; peak RSS [0-9]* bytes$/\1 \2/p' "$work/stderr" | wc -w)"
run "$plan" "$work/longer.npy" -o out.npy --timings --threads 1
same "--timings: many steps" 1 "$(grep -c '^timing: first [0-9.]* s, steady median [0-9.]* s (min [0-9.]*, max [0-9.]*, n 399); peak RSS [0-9]* bytes$' "$work/stderr")"
grows=$(($(peak) - short))
if grep -q __asan_init "$wanrun"; then skip "memory does not grow with the video" "AddressSanitizer keeps freed memory"
else same "memory does not grow with the video" ok "$([ "$grows" -lt 4000000 ] && echo ok || echo "$grows bytes more")"
fi

# Runs wanrun until its output is there and three seconds longer, in which it decodes frames, then sends SIGNAL. (Muxers write when
# they have 64 KiB, which takes long here.)
interrupted() { # SIGNAL OUT OPTION...
    signalled=$1 out=$2
    shift 2
    fresh
    # As a job of this shell it would ignore SIGINT at first, and SIGHUP if somebody runs the tests by nohup, whose wish it respects.
    env --default-signal=HUP "$wanrun" "$plan" "$work/long.npy" -o "$out" "$@" --threads 1 >"$work/stdout" 2>"$work/stderr" &
    job=$!
    polls=0
    while [ $polls -lt 600 ] && [ -z "$(find . -name '*.tmp-*')" ]; do
        polls=$((polls + 1))
        sleep 0.1
    done
    sleep 3
    kill -"$signalled" $job
    wait $job
    status=$?
    held=$(sed -n 's/.*interrupted: it holds the first \([0-9]*\) of 199997 frames \[cancelled\]$/\1/p' "$work/stderr")
}
for signal in INT:mp4:h264 TERM:webm:vp9 HUP:mkv:h264 INT:gif:gif; do
    codec=${signal##*:} signal=${signal%:*}
    suffix=${signal#*:} signal=${signal%:*}
    interrupted "$signal" "out.$suffix"
    same "SIG$signal: .$suffix holds the frames so far" "1 $codec 40x24 $held frames out.$suffix" \
        "$status $("$probe" "out.$suffix" 2>&1 | cut -d' ' -f1-4) $(ls -A)"
done
interrupted INT out.y4m
same "SIGINT: .y4m holds the frames so far" "1 rawvideo 40x24 $held frames out.y4m" "$status $("$probe" out.y4m 2>&1 | cut -d' ' -f1-4) $(ls -A)"
# What an interrupt leaves is enough to go on.
interrupted INT out.y4m --save-state state
run "$plan" "$work/long.npy" -o rest.npy --load-state state --stop-after $((($held + 3) / 4 + 1))
same "SIGINT: a state is left, and goes on" "0 <f4 1,3,4,24,40" "$status $("$npy" shape rest.npy)"
# What is killed without a chance to do anything has left the state of an earlier step, and every frame up to there.
fresh
mkdir killed whole
"$wanrun" "$plan" "$work/long.npy" -o killed/%06d.png --save-state state --save-every 2 --threads 1 --quiet 2>"$work/stderr" &
job=$!
polls=0
while [ $polls -lt 600 ] && [ ! -e state ]; do
    polls=$((polls + 1))
    sleep 0.1
done
kill -KILL $job
wait $job
status=$?
steps=$(od -An -tu8 -j32 -N8 state | tr -d ' ')
last=$((4 * steps - 4)) # the number of the last frame that the state has seen
same "--save-every: killed, with a state" "137 0 yes" "$status $((steps % 2)) $([ "$steps" -gt 0 ] && [ -e "killed/$(printf %06d $last).png" ] && echo yes)"
mkdir rest
run "$plan" "$work/long.npy" -o rest/%06d.png --load-state state --stop-after $((steps + 2)) --quiet
same "--load-state: frames have their numbers in the video" "0 8 $(printf %06d $((last + 1))).png" "$status $(ls rest | wc -l) $(ls rest | head -1)"
"$wanrun" "$plan" "$work/long.npy" -o whole/%06d.png --stop-after $((steps + 2)) --quiet
cp rest/* killed/
same "--load-state: a killed run, continued, has the frames of a whole one" "" "$(for f in whole/*; do cmp "$f" "killed/${f#whole/}" || break; done 2>&1)"
refused "--save-every without --save-state" 2 "expected --save-state beside it" "$plan" "$latents" -o x.npy --save-every 2
# Two signals at once: it ends in the middle of a step, with a video and a tensor half written.
"$wanc" compile "$data/tiny/full.onnx" --latent-size 3x5 --keep-taps --quiet -o "$work/taps.plan" 2>"$work/stderr"
fresh
"$wanrun" "$work/taps.plan" "$work/long.npy" -o out.y4m --dump-taps taps --threads 1 >"$work/stdout" 2>"$work/stderr" &
job=$!
polls=0
while [ $polls -lt 600 ] && [ ! -d taps/step2 ]; do
    polls=$((polls + 1))
    sleep 0.1
done
kill -STOP $job
kill -INT $job
kill -TERM $job
kill -CONT $job
wait $job
status=$?
same "two signals: nothing half written is left" "yes " "$([ $status -gt 128 ] && echo yes) $(find . -name '*.tmp-*')"
interrupted INT out.npy
why=$(complaint 1 "out.npy: interrupted after [0-9]* of 199997 frames: not written")
if [ -z "$why" ]; then pass "SIGINT: .npy is not written"; else fail "SIGINT: .npy is not written" "$why"; fi

if script -qec true /dev/null >/dev/null 2>&1; then
    fresh
    script -qec "\"$wanrun\" \"$plan\" \"$latents\" -o out.npy" /dev/null >"$work/stdout" 2>&1 </dev/null
    same "progress on a terminal" 1 "$(tr '\r' '\n' <"$work/stdout" | grep -c '^\[#\{20\}\] frame 13/13  [0-9.]* s/frame')"
else
    skip "progress on a terminal" "no script(1)"
fi

cd /
finish
