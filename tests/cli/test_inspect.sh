#!/bin/sh
# wanc inspect: the form and its proof, as text and as JSON, which must say the same.
#
#     test_inspect.sh WANC INSPECT_TOOL SOURCE
set -u
here=$(dirname "$0")
tool=wanc program=$(realpath "$1") json=$(realpath "$2") data=$(realpath "$3")/tests/data
. "$here/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
export LC_ALL=C

tiny=$data/tiny
full=$tiny/full.onnx first=$tiny/pair_first.onnx steady=$tiny/pair_steady.onnx

inspect() { # NAME STATUS ARGUMENT...: both reports, which must agree
    name=$1 expected=$2; shift 2
    fresh
    run inspect "$@" --json
    cp "$work/stdout" "$work/json"
    json_status=$status
    run inspect "$@"
    cp "$work/stdout" "$work/text"
    why=$("$json" compare "$work/text" "$work/json" 2>&1)
    same "$name: exit status, and text and JSON agree" "$expected $expected " "$status $json_status $why"
}

value() { # PATH EXPECTED
    same "$name: $1" "$2" "$("$json" get "$work/json" "$1")"
}

line() { # PATTERN
    if grep -q -- "$1" "$work/text"; then pass "$name: '$1'"; else fail "$name" "no line with '$1'"; fi
}

# ---- what streams

inspect "full" 0 "$full"
value version 1
value form.name full
value form.proven true
value form.fixed_frames null
value files.0.producer pytorch
value files.0.inputs.0.role latents
value files.0.inputs.0.shape.2 latent_frames
value files.0.unsupported 0
value axes.0.axis frames
value axes.0.name latent_frames
value latent_size.from example
value stream.caches 32
value stream.caches.0.convolution node_conv3d_1
value stream.caches.0.input null
value stream.caches.0.first node_conv3d_1
value stream.caches.11.first null
value stream.stages 4
value stream.stages.0.caches 12
value stream.stages.3.first 1
value stream.stages.3.steady 4
value stream.result.frames 4T-3
value stream.result.first_kept null
value refused null
value warnings 0
line "^form  *full"
line "zero after the first step"

inspect "a size asked for" 0 "$full" --latent-size 2x7
value latent_size.from option
value stream.stages.0.width 7

inspect "the other exporter" 0 "$tiny/full_ts.onnx"
value stream.caches 32

inspect "a pair" 0 "$first" "$steady"
value form.name pair
value files 2
value files.1.inputs.1.role cache
value latent_size.from file
value latent_size.height 3
value stream.caches.0.input cache_0
value stream.caches.0.output new_cache_0
value stream.caches.18.first null
value stream.result.steady 4
value notes 1

inspect "a pair of the other exporter" 0 "$tiny/pair_ts_first.onnx" "$tiny/pair_ts_steady.onnx"
value form.name pair

inspect "a step alone" 0 "$steady"
value form.name step
value stream.result.first 1
value stream.caches.18.output new_cache_18
value stream.caches.18.first null
line "reference decoder's rule"

inspect "a step as its own first" 0 "$steady" --first as-is
value stream.result.first 4
value stream.stages.3.first 4

inspect "a fixed size" 0 "$data/row/full.onnx"
value latent_size.from file
value latent_size.width 7
value notes 0

inspect "half precision" 0 "$data/half/full.onnx"
value files.0.weights.types.1.type INT64
value stream.result.steady 4

# ---- what does not

sed 's/Sigmoid/Sigmoix/g; s/ReduceL2/ReduceX9/g' "$full" >"$work/unknown.onnx"
inspect "unknown operators" 1 "$work/unknown.onnx"
value files.0.unsupported 2
value files.0.unsupported.1.operator Sigmoix
value files.0.unsupported.1.count 29
value files.0.unsupported.1.nodes 3
value files.0.unsupported.1.nodes.0 node_Sigmoix_20
value files.0.unsupported.1.feeds Mul
value form.name full
value form.proven false
value stream null
value refused.pass import
line "^unsupported 2 operators"
line "  Sigmoix, 29 times: nodes 'node_Sigmoix_20', .*; it feeds Mul; the first between "

# pads=[2,1,1,0,1,1] -> [1,1,1,1,1,1] in the first convolution: padded on both sides of time
sed 's/\x40\x02\x40\x01\x40\x01\x40\x00\x40\x01\x40\x01/\x40\x01\x40\x01\x40\x01\x40\x01\x40\x01\x40\x01/' "$full" >"$work/centred.onnx"
inspect "a convolution that is not causal" 1 "$work/centred.onnx"
value refused.pass derive_caches
value refused.node node_conv3d_1
value files.0.nodes "$("$program" inspect "$full" --json >"$work/good"; "$json" get "$work/good" files.0.nodes)"
line "cannot be streamed"

inspect "a pair the wrong way round" 1 "$steady" "$first"
value form.name pair
value form.proven false

inspect "a pair of different weights" 1 "$first" "$data/row/pair_steady.onnx" --latent-size 3x5
value refused.pass pair_caches

# One shape that the file declares: 40 -> 41
sed '0,/^\x02\x08\x28/s//\x02\x08\x29/' "$first" >"$work/declared.onnx"
inspect "a declared shape that is wrong" 0 "$work/declared.onnx" "$steady"
value warnings 1
line "^warnings  *the file declares 'frames' as f32\[1,3,1,24,41\] but it is f32\[1,3,1,24,40\]"

# A name that is not UTF-8, and one that talks to terminals.
sed 's/latents/lat\xffnts/g; s/node_conv3d_1/nod\x1b_conv3d_1/' "$full" >"$work/names.onnx"
inspect "odd names" 0 "$work/names.onnx"
value files.0.inputs.0.name "lat?nts"

echo "not a model" >"$work/text.onnx"
refused "unreadable: a line on standard error, no report" 1 "not an ONNX file" inspect "$work/text.onnx" --json
same "unreadable: nothing on standard output" "" "$(cat "$work/stdout")"
refused "not streamed: one line on standard error" 1 "pass derive_caches: node 'node_conv3d_1'" inspect "$work/centred.onnx"

# ---- where it goes

fresh
run inspect "$full" --json -o report.json
same "-o: one file, nothing printed" "0 report.json " "$status $(ls -A) $(cat "$work/stdout")"
run inspect "$full" --json
same "-o: what is printed without" same "$(cmp report.json "$work/stdout" && echo same)"
fresh
run inspect "$work/centred.onnx" -o report.txt
same "-o: a refusal as well" "1 report.txt 1" "$status $(ls -A) $(grep -c '^refused' report.txt)"
refused "output over its model" 2 "it is also an input" inspect "$work/centred.onnx" -o "$work/centred.onnx"
refused "unwritable output" 1 "/nonexistent/x: cannot create" inspect "$full" -o /nonexistent/x
"$program" inspect "$full" --json >/dev/full 2>"$work/stderr"
same "standard output that is full" 1 "$?"

cd /
finish
