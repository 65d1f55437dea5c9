#!/bin/sh
# The command line of wanc: every command, every kind of bad input.
#
#     test_wanc.sh WANC WANRUN MAKE_HOSTILE SOURCE
#
# Models that are wrong are made from good ones by changing bytes: no Python here.
set -u
here=$(dirname "$0")
tool=wanc program=$(realpath "$1") wanrun=$(realpath "$2") make_hostile=$(realpath "$3") data=$(realpath "$4")/tests/data
. "$here/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
export LC_ALL=C

full=$data/tiny/full.onnx first=$data/tiny/pair_first.onnx steady=$data/tiny/pair_steady.onnx size="--latent-size 3x5"

# ---- what works

fresh
run --help
same "--help: exit status" 0 "$status"
contains "--help: the commands" "compile MODEL.onnx" "$work/stdout"
run --version
contains "--version" "^wanc [0-9]" "$work/stdout"

fresh
run compile "$full" $size -o one.plan
same "compile: silent" "0 " "$status $(cat "$work/stderr" "$work/stdout")"
same "compile: one file" "one.plan" "$(ls -A)"
cp one.plan "$work/plan"
run compile "$full" $size -o two.plan
same "compile: the same file twice" same "$(cmp one.plan two.plan && echo same)"

fresh
run compile "$first" "$steady" -o plan
same "compile a pair" "0 plan" "$status $(ls -A)"

run compile "$first" "$steady" --latent-size 3x5,4x4 -o plan
contains "a fixed size and another: said" "traced for latents of 3x5, compiled for 4x4" "$work/stderr"
run compile "$steady" -o plan
contains "a step alone: its first step is made" "leaves out 2 temporal upsamplers" "$work/stderr"
run compile "$steady" --first as-is -o plan
contains "a step as its own first one: warned" "warning: the first step feeds 20 of 32 caches" "$work/stderr"
run dump "$work/here/plan"
contains "a step as its own first one: the last of its frames counts" "first_kept 1\|kept 1" "$work/stdout"
run compile "$steady" --stop-after choose_convs --canonical
cp "$work/stdout" "$work/step.ir"
run compile "$first" "$steady" --stop-after choose_convs --canonical
if cmp -s "$work/stdout" "$work/step.ir"; then pass "a step alone is its pair"; else fail "a step alone is its pair" "the canonical texts differ"; fi
run compile "$full" $size --stop-after specialise
contains "--stop-after: prints the IR" "graph @steady" "$work/stdout"
run compile "$full" $size --print-after derive_caches --stop-after derive_caches
contains "--print-after" "# after derive_caches" "$work/stdout"
run compile "$full" $size --timings --verify-each -o plan
contains "--timings" "^resolve .* s" "$work/stdout"

run inspect "$full"
contains "inspect: form" "^form  *full" "$work/stdout"
contains "inspect: symbolic dims" "latent_frames" "$work/stdout"
contains "inspect: operators" "Conv 39" "$work/stdout"
contains "inspect: caches" "^caches  *32" "$work/stdout"
contains "inspect: frames of later steps" "^result .*, 4 in a later one" "$work/stdout"
run inspect "$first" "$steady"
contains "inspect: a pair" "^form  *pair" "$work/stdout"

# ---- several latent sizes in one plan

fresh
run compile "$full" $size --latent-size 2x2,5x1 -o many
same "several sizes: silent" "0 many " "$status $(ls -A) $(cat "$work/stderr" "$work/stdout")"
cp many "$work/many"
run compile "$full" --latent-size 3x5,2x2,5x1 -o again
same "several sizes: repeated or with commas, the same plan" same "$(cmp many again && echo same)"
weights() { "$program" report "$1" | sed -n 's/^Memory of a run .* (weights in the plan: \(.*\))$/\1/p' | sort -u; }
same "several sizes: the weights are in the plan once" "528 KiB 528 KiB" "$(weights "$work/plan") $(weights many)"
run report many
same "report: a table of sizes" "3x5 2x2 5x1" "$(awk '/^  latent  frame/ { t = 1; next } /^$/ { t = 0 } t { print $1 }' "$work/stdout" | tr '\n' ' ' | sed 's/ $//')"
contains "report: every size" "^---- 5x1" "$work/stdout"
same "report: the details of each" 3 "$(grep -c "^Caches: 32" "$work/stdout")"
run dump many
same "dump: every size" "program 0: latent 16x3x5 program 2: latent 16x5x1" \
    "$(sed -n 's/^\(program [02]: latent [0-9x]*\),.*/\1/p' "$work/stdout" | tr '\n' ' ' | sed 's/ $//')"
same "dump: the constants once" 1 "$(grep -c "^constants:" "$work/stdout")"
run compile "$full" --latent-size 3x5,2x2 --stop-after specialise
same "--stop-after: each size, named" "# latent size 3x5 # latent size 2x2" "$(grep '^# latent' "$work/stdout" | tr '\n' ' ' | sed 's/ $//')"
same "--stop-after: as for that size alone" same \
    "$(sed '1,/^# latent size 2x2$/d' "$work/stdout" >"$work/two"; "$program" compile "$full" --latent-size 2x2 --stop-after specialise | cmp - "$work/two" && echo same)"
run compile "$full" --latent-size 3x5,2x2 --print-after specialise -o plan
same "--print-after: each size, named" 2 "$(grep -A 1 '^# latent size' "$work/stdout" | grep -c '^# after specialise')"
# ---- the error of a decode

winograd4() { "$program" dump "$1" | grep -c ' winograd4'; }
bound() { "$program" report "$1" | sed -n 's/^error bound of a decode: \([^ ]*\) .*/\1/p'; }
within() { awk -v a="$1" -v b="$2" 'BEGIN { print (a > 0 && a <= b ? "within" : "above") }'; }

fresh
run compile "$full" $size -o plan
run report plan
contains "report: the error bound of a decode" "^error bound of a decode: [1-9].[0-9]*e-05 (limit 3.50e-04)" "$work/stdout"
run compile "$full" $size --max-error 1.2e-5 -o exact
same "--max-error: compiles" "0 " "$status $(cat "$work/stderr")"
same "--max-error: the bound" within "$(within "$(bound exact)" 1.2e-5)"
same "--max-error: fewer convolutions by winograd4" fewer "$([ "$(winograd4 exact)" -lt "$(winograd4 plan)" ] && echo fewer)"
run compile "$full" $size --max-error 1e-4 -o same
same "--max-error above the bound: the same operators" "$("$program" dump plan | grep -v limit | tail -n +2)" "$("$program" dump same | grep -v limit | tail -n +2)"
run compile "$full" $size --conv direct --max-error 1.3e-5 -o plan
same "--max-error with --conv: within it" "0 0" "$status $(winograd4 plan)"
run compile "$full" --latent-size 5x1,3x5 -o plan
same "report: of two sizes the larger bound" 1.74e-05 "$(bound plan)"
sed '/^# >>>/,$d' "$data/../pass/choose_convs/limit.ir" >limit.ir
run opt limit.ir --passes choose_convs --max-error 1
contains "opt --max-error" winograd4_time4 "$work/stdout"
run opt limit.ir --passes choose_convs --conv direct
same "opt --conv" "0 0" "$status $(grep -c algorithm "$work/stdout")"

too_small="--max-error 1e-07: with the most exact algorithms, the error of a decode is bounded by"
refused "--max-error that cannot be had" 1 "$too_small" compile "$full" $size --max-error 1e-7 -o plan
least=$(sed -n 's/.*bounded by \([^ ]*\) .*/\1/p' "$work/stderr")
fresh
run compile "$full" $size --max-error "$least" -o plan
same "--max-error: the least that the message names" "0 within" "$status $(within "$(bound plan)" "$least")"
refused "--max-error that --conv does not reach" 1 "most exact algorithms of --conv=winograd4" compile "$full" $size --conv winograd4 --max-error "$least" -o plan
refused "--max-error of one size of two" 1 "latent size 4x4: .*--max-error" compile "$full" --latent-size 4x4,3x5 --max-error 1e-7 -o plan
for text in 0 -1 nan inf 1e-4x ''; do
    refused "--max-error '$text'" 2 "expected a number above 0, found '$text'" compile "$full" $size "--max-error=$text" -o plan
done

refused "a size twice" 2 "latent-size: 3x5 is given twice" compile "$full" $size --latent-size 2x2,3x5 -o plan
refused "an empty size" 2 "expected HxW with numbers from 1 to 4096, found ''" compile "$full" --latent-size 3x5, -o plan
refused "no size between commas" 2 "found ''" compile "$full" --latent-size 3x5,,2x2 -o plan
refused "something behind a size" 2 "found '3x5;2x2'" compile "$full" "--latent-size=3x5;2x2" -o plan
refused "65 sizes" 2 "more than 64 sizes" compile "$full" --latent-size "$(seq -s, 1 65 | sed 's/[0-9]*/&x1/g')" -o plan
refused "a rule for the first step that there is not" 2 "expected reference or as-is, found 'never'" compile "$steady" --first never -o plan

# ---- caches of 16 bits

refused "a type of caches that there is not" 2 "expected f32, f16 or bf16, found 'f64'" compile "$full" $size --cache-type f64 -o plan
run compile "$full" $size --cache-type f16 -o "$work/narrow"
caches() { "$program" dump "$1" | sed -n 's/^program 0:.*caches \([0-9]*\) bytes$/\1/p'; }
same "--cache-type: half the bytes" yes "$([ $(($(caches "$work/narrow") * 2)) -lt $(($(caches "$work/plan") + 64 * 64)) ] && echo yes)"

# ---- bands, and memory under a limit

large="--latent-size 40x64"
mib() { "$program" report "$1" | awk '/peak memory to expect/ { print int($5 * ($6 == "GiB" ? 1024 : 1)) }'; }
fresh
# shellcheck disable=SC2086
run compile "$full" $large --conv winograd4 --bands none -o none
# shellcheck disable=SC2086
run compile "$full" $large --conv winograd4 --bands least -o least
same "--bands: less memory" yes "$([ "$(mib least)" -lt "$(mib none)" ] && echo yes)"
run dump none
same "--bands=none: no run" 0 "$(grep -c "^ bands:" "$work/stdout")"
run dump least
same "--bands=least: in both steps" 2 "$(grep -c "^ bands:" "$work/stdout")"
band_rows() { # OPTION..: of the steady step, compiled for large images
    "$program" compile "$full" --latent-size 135x240 --conv winograd4 --quiet "$@" -o high && "$program" dump high | sed -n 's/^ bands: .*, \([0-9]*\) rows$/\1/p' | tail -n 1
}
few=$(band_rows) many=$(band_rows --threads 8)
same "--threads: higher bands for more" yes "$([ "${few:-0}" -gt 0 ] && [ "${many:-0}" -gt "$few" ] && echo yes || echo "'$few' and '$many' rows")"
refused "a rule for bands that there is not" 2 "expected auto, none or least, found 'some'" compile "$full" $size --bands some -o plan
fresh
# shellcheck disable=SC2086
run compile "$full" $large --threads 2 -o plan
limit=$(($(mib plan) - 2))
# shellcheck disable=SC2086
run compile "$full" $large --threads 2 --max-memory "${limit}MiB" -o fits
contains "--max-memory: says what it costs" "^wanc: .* MiB of .* MiB to expect, with 2 threads; convolutions take [0-9.]* times" "$work/stderr"
same "--max-memory: a plan that fits" "0 yes" "$status $([ "$(mib fits)" -le "$limit" ] && echo yes)"
# shellcheck disable=SC2086
refused "--max-memory that nothing fits" 1 "30.0 MiB is less than any plan for this decoder takes; the least is" \
    compile "$full" $large --threads 2 --max-memory 30MiB -o plan
least=$(sed -n 's/.*the least is .* MiB (\([0-9]*\) bytes).*/\1/p' "$work/stderr")
fresh
# shellcheck disable=SC2086
run compile "$full" $large --threads 2 --max-memory "$least" -o plan
same "--max-memory: the least that the message names" "0 plan" "$status $(ls -A)"
# shellcheck disable=SC2086
refused "--max-memory: a byte less" 1 "the least is .* ($least bytes)" compile "$full" $large --threads 2 --max-memory "$((least - 1))" -o plan
# shellcheck disable=SC2086
for conv in im2col direct; do
    run compile "$full" $large --threads 2 --conv $conv --bands least -o by_hand
    same "--max-memory: no more than $conv takes" yes "$([ "$(((least + 1048575) / 1048576))" -le "$(mib by_hand)" ] && echo yes)"
done
# shellcheck disable=SC2086
refused "--max-memory: --conv auto is none" 1 "the least is .* ($least bytes)" compile "$full" $large --threads 2 --conv auto --max-memory 30MiB -o plan
# Algorithms that the search tries by itself may be too rough; the limit of memory is what is wrong.
# shellcheck disable=SC2086
refused "--max-memory beside --max-error" 1 "--max-memory: 30.0 MiB is less than any plan" \
    compile "$full" $large --threads 2 --max-error 7.5e-6 --max-memory 30MiB -o plan
# shellcheck disable=SC2086
run compile "$full" $large --threads 2 --bands none --max-memory "${limit}MiB" -o whole
same "--max-memory: no bands where none are to be" "0 0" "$status $("$program" dump whole | grep -c "^ bands:")"
run compile "$full" --latent-size 2x3,40x64 --threads 2 --max-memory "${limit}MiB" -o both
contains "--max-memory: a small size beside a large one is as fast as alone" "^wanc: latents of 2x3: .* with 2 threads; convolutions take 1.00 times" "$work/stderr"
contains "--max-memory: the large one" "^wanc: latents of 40x64: .* MiB of $limit MiB to expect" "$work/stderr"
refused "--max-memory: a size that does not fit" 1 "latent size 40x64: --max-memory: 60.0 MiB is less" compile "$full" --latent-size 2x3,40x64 --threads 2 --max-memory 60MiB -o plan
refused "--max-memory: no model" 1 "^wanc: nothing.onnx: cannot open" compile nothing.onnx --latent-size 2x3,40x64 --max-memory 100MiB -o plan
for text in 0 -1 GiB 5GB 5GiBx nan ''; do
    refused "--max-memory '$text'" 2 "expected a size such as" compile "$full" $size "--max-memory=$text" -o plan
done
refused "--max-memory with --tune alone" 2 "needs --timing-cache" compile "$full" $size --max-memory 1GiB --tune -o plan

# ---- measured times

fresh
run compile "$full" $size --tune=0.5 --timing-cache times --threads 2 -o plan
contains "--tune: says what it did" "^wanc: times of [1-9][0-9]* shapes of convolutions measured in [0-9.]* s, of 0 from" "$work/stderr"
same "--tune: the plan and the times" "0 plan times" "$status $(ls -A | tr '\n' ' ' | sed 's/ $//')"
"$wanrun" plan "$data/tiny/latents.npy" -o frames.npy --quiet
run compile "$full" $size --timing-cache times --threads 2 -o again
contains "--timing-cache: measures nothing" "^wanc: times of 0 shapes of convolutions measured in 0.0 s, of [1-9]" "$work/stderr"
chosen() { "$program" dump "$1" | grep -o "clamp.*\(direct\|winograd[0-9a-z_]*\|product[0-9a-z_]*\)"; }
same "--timing-cache: the same choices" "$(chosen plan)" "$(chosen again)"
run report plan --ops
contains "report --ops: whose times" "^times: with 2 threads on the machine that compiled" "$work/stdout"
contains "report --ops: why" "times faster than" "$work/stdout"
contains "report --ops: both steps" "^  steady  .* s: convolutions" "$work/stdout"
run report "$work/plan" --ops
contains "report --ops: times of the model" "^times: by the cost model" "$work/stdout"
echo '{"timing_cache": 1}' >"$work/times"
refused "a damaged timing cache" 1 "times: not a timing cache of version 1" compile "$full" $size --timing-cache "$work/times" -o plan
same "it is left alone" '{"timing_cache": 1}' "$(cat "$work/times")"
refused "--tune: no time" 2 "tune: expected seconds above 0" compile "$full" $size --tune=0 -o plan
refused "--threads: none" 2 "threads: expected a whole number" compile "$full" $size --tune --threads 0 -o plan

# ---- packed weights in the plan

fresh
run compile "$full" $size --prepack -o packed
same "--prepack: silent" "0 packed " "$status $(ls -A) $(cat "$work/stderr" "$work/stdout")"
run dump packed
contains "--prepack: the weights are there" "^packed weights: [1-9]" "$work/stdout"
run dump "$work/plan"
same "without: they are not" 0 "$(grep -c "^packed weights" "$work/stdout")"
for plan in packed "$work/plan"; do "$wanrun" "$plan" "$data/tiny/latents.npy" -o "$(basename "$plan").npy" --quiet; done
same "--prepack: the same frames" same "$(cmp packed.npy plan.npy && echo same)"
end=$(wc -c <packed) # the last packed weights end 128 bytes before
printf '\377' | dd of=packed bs=1 seek=$((end - 1000)) conv=notrunc 2>"$work/stderr"
same "--prepack: a damaged plan" "1 wanrun packed" \
    "$("$wanrun" packed "$data/tiny/latents.npy" -o x.npy 2>"$work/stderr"; echo $? "$(grep -o "^wanrun: .*packed weights.*damaged" "$work/stderr" | cut -d ' ' -f 1,2 | tr -d :)")"

run report "$work/plan"
contains "report: shapes of both steps" "4x24x40x4" "$work/stdout"
contains "report: the arena and its lower bound" "lower bound" "$work/stdout"
contains "report: peak memory" "peak memory to expect" "$work/stdout"
contains "report: caches" "^Caches: 32" "$work/stdout"
fresh
run report "$work/plan" -o report.txt
same "report -o" "report.txt" "$(ls -A)"
run dump "$work/plan"
contains "dump: operators" "conv" "$work/stdout"
run passes
contains "passes: in order" "^resolve" "$work/stdout"
run compile "$full" $size --stop-after specialise
cp "$work/stdout" "$work/graph.ir"
run opt "$work/graph.ir" --passes drop_dead_taps
contains "opt: runs passes on text" "taps=1" "$work/stdout"
timeout 60 "$program" opt - --passes eliminate_dead <"$work/graph.ir" >"$work/stdout" 2>"$work/stderr"
sed 's/= data$/= opaque/' "$work/graph.ir" >"$work/opaque.ir" # weights stay with their model
same "opt -: standard input" same "$(cmp "$work/opaque.ir" "$work/stdout" && echo same)"

# ---- usage

refused "no command" 2 "expected a command, found none"
refused "unknown command" 2 "fly: unknown command" fly
refused "no file" 2 "wrong number of files" compile
refused "three files" 2 "wrong number of files" compile a b c -o d
refused "no output" 2 "-o PLAN is missing" compile "$full" $size
refused "unknown option" 2 "\-\-fast: unknown" compile --fast
refused "option without value" 2 "expected a value, found none" compile "$full" -o
refused "size that is none" 2 "expected HxW" compile "$full" --latent-size 3y5 -o plan
refused "size of nothing" 2 "expected HxW" compile "$full" --latent-size 0x5 -o plan
refused "a pass left out that the plan needs" 1 "plan_caches did not run" compile "$full" $size --skip plan_caches -o plan
refused "unknown pass" 2 "no pass is named 'magic'" compile "$full" $size --skip magic -o plan
refused "opt without passes" 2 "--passes LIST is missing" opt "$work/graph.ir"

# ---- limits

fresh
run compile "$full" $size --limit-memory 64MiB --limit-nodes 400 -o plan
same "within its limits: the same plan" "0 same" "$status $(cmp "$work/plan" plan && echo same)"
refused "a model of more nodes than the limit" 1 "full.onnx: more than the limit of 399 nodes (--limit-nodes changes it) \[memory\]$" \
    compile "$full" $size --limit-nodes 399 -o plan
refused "a model that unpacks to more than the limit" 1 "full.onnx: unpacking it takes more than the limit of 1048576 bytes .*\[memory\]$" \
    compile "$full" $size --limit-memory 1MiB -o plan
refused "the second model of a pair takes what the first left" 1 "pair_steady.onnx: unpacking it takes more than the limit of" \
    compile "$first" "$steady" --limit-memory 1500KiB -o plan
of_all="full.onnx: it takes more than the limit of 2.00 MiB (--limit-memory changes it) \[memory\]$"
refused "a compilation above the limit" 1 "$of_all" compile "$full" $size --limit-memory 2MiB -o plan
refused "--stop-after above the limit" 1 "$of_all" compile "$full" $size --limit-memory 2MiB --stop-after specialise
refused "inspect above the limit" 1 "$of_all" inspect "$full" $size --limit-memory 2MiB
refused "report above the limit" 1 "$of_all" report "$full" $size --limit-memory 2MiB
refused "diff above the limit" 1 "$of_all" diff "$work/plan" "$full" --limit-memory 2MiB
fresh
run compile "$full" $size --keep-taps -o taps
mv taps "$work/taps"
refused "diff: steps above the limit" 1 "full.onnx: it takes more than the limit of 6.00 MiB" diff "$work/taps" "$full" --steps 1 --limit-memory 6MiB
for text in 0 1TiB -1 nan; do
    refused "--limit-memory '$text'" 2 "limit-memory: expected a size such as" compile "$full" $size "--limit-memory=$text" -o plan
done
refused "--limit-nodes 0" 2 "limit-nodes: expected a whole number" compile "$full" $size --limit-nodes 0 -o plan

# ---- small models that ask for much (tests/support/make_hostile.c); run() gives each two minutes

hostile() { # NAME PATTERN KIND COUNT
    "$make_hostile" "$3" "$4" "$work/$3.onnx"
    refused "$1" 1 "$2" compile "$work/$3.onnx" -o plan
}
hostile "constants that are not in the file" "constants.onnx: it takes more than the limit of [0-9]* MiB" constants 300
hostile "a list that is repeated 2^61 times" "moves.onnx: .*Expand_r2" moves 4
hostile "branches in branches" "nested.onnx: " nested 18
hostile "branches in branches, 5000 deep" "messages are nested too deeply" nested 5000
hostile "functions that double" "calls.onnx: .*its functions take more than the limit of" calls 25
hostile "functions that call deeply" "functions call each other more than 32 deep" calls 40
"$make_hostile" diamonds 60 "$work/diamonds.onnx"
fresh
run compile "$work/diamonds.onnx" -o plan
same "2^60 ways to the input" "0 plan" "$status $(ls -A)"
"$make_hostile" chain 2000 "$work/chain.onnx"
fresh
run inspect "$work/chain.onnx" # the result is not frames
same "a chain of 2000 operators" 1 "$([ "$status" -le 1 ] && echo 1)"
awk 'BEGIN { n = 100000; print "graph @first(%v0: f32[1,4,6,8]) {"; for (i = 1; i <= n; i++) printf "  %%v%d = silu %%v%d\n", i, i - 1
    printf "  return %%v%d\n}\n", n }' >"$work/deep.ir"
mkfifo "$work/endless"
yes '# x' >"$work/endless" &
fresh
run opt "$work/deep.ir" --passes schedule -o out.ir
same "schedule: a chain of 100000 operators" "0 out.ir" "$status $(ls -A)"
refused "opt --limit-memory" 1 "deep.ir: it takes more than the limit of 1.00 MiB" opt "$work/deep.ir" --passes schedule --limit-memory 1MiB
refused "opt: a text without end" 1 "expected at most 268435456 bytes of text, found more" opt "$work/endless" --passes schedule
refused "opt: no text" 1 "/dev/zero: expected text, found a byte of 0" opt /dev/zero --passes schedule

# ---- models that are wrong

head -c 100000 "$full" >"$work/cut.onnx"
echo "not a model" >"$work/text.onnx"
: >"$work/empty.onnx"
sed 's/Sigmoid/Sigmoix/g; s/ReduceL2/ReduceX9/g' "$full" >"$work/unknown.onnx"
# pads=[2,1,1,0,1,1] -> [1,1,1,1,1,1] in the first convolution: padded on both sides of time
sed 's/\x40\x02\x40\x01\x40\x01\x40\x00\x40\x01\x40\x01/\x40\x01\x40\x01\x40\x01\x40\x01\x40\x01\x40\x01/' "$full" >"$work/centred.onnx"

refused "missing file" 1 "nosuch.onnx: cannot open" compile nosuch.onnx -o plan
refused "a folder" 1 "not a regular file" compile "$data" -o plan
refused "truncated model" 1 "cut.onnx: not an ONNX file" compile "$work/cut.onnx" -o plan
refused "text" 1 "text.onnx: not an ONNX file" compile "$work/text.onnx" -o plan
refused "empty file" 1 "empty.onnx: the file is empty" compile "$work/empty.onnx" -o plan
refused "unknown operators, all of them" 1 "2 unsupported operators: Red.*Sigmoix (29)" compile "$work/unknown.onnx" -o plan
refused "unknown operators: node names" 1 "'node_Sigmoix_20'" compile "$work/unknown.onnx" -o plan
refused "a convolution that is not causal" 1 "node_conv3d_1' cannot be streamed" compile "$work/centred.onnx" $size -o plan
refused "open size, none given" 2 "--latent-size HxW" compile "$full" -o plan
refused "a pair the wrong way round" 1 "is the first step given first" compile "$steady" "$first" -o plan
refused "a pair of different weights" 1 "convolution of the steady graph has the weights" \
    compile "$first" "$data/row/pair_steady.onnx" $size -o plan
refused "inspect: truncated" 1 "cut.onnx: not an ONNX file" inspect "$work/cut.onnx"

# ---- outputs that fail

refused "unwritable output" 1 "/nonexistent/plan: cannot create" compile "$full" $size -o /nonexistent/plan
(trap '' XFSZ; ulimit -f 100; fresh; run compile "$full" $size -o plan; echo "$(complaint 1 'plan: cannot write')" >"$work/why")
same "a disk that is full" "" "$(cat "$work/why")"
"$program" dump "$work/plan" >/dev/full 2>"$work/stderr"
same "standard output that is full" 1 "$?"

cp "$full" "$work/precious.onnx"
(cd "$work" && "$program" compile precious.onnx $size -o precious.onnx) >/dev/null 2>"$work/stderr"
same "output over its model: refused" "2 same" "$? $(cmp "$full" "$work/precious.onnx" && echo same)"
refused "a folder as output" 1 "not a regular file" compile "$full" $size -o ..
refused "a device as output" 1 "not a regular file" compile "$full" $size -o /dev/null
"$program" compile "$full" $size --stop-after resolve >/dev/full 2>"$work/stderr"
same "IR to a standard output that is full" 1 "$?"
fresh
run compile "$full" $size --stop-after resolve -o graph.ir
same "--stop-after -o: the IR in a file" "0 graph.ir 1" "$status $(ls -A) $(grep -c 'graph @full' graph.ir)"

# ---- plans that are wrong

poke() { # FILE OFFSET TEXT
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
cp "$work/plan" "$work/newer.plan"; poke "$work/newer.plan" 8 '\010'
cp "$work/plan" "$work/damaged.plan"; poke "$work/damaged.plan" $(($(wc -c <"$work/plan") / 2)) damaged!
head -c 5000 "$work/plan" >"$work/short.plan"
for command in report dump; do
    refused "$command: newer plan" 1 "newer.plan: .*version 8" $command "$work/newer.plan"
    refused "$command: damaged plan" 1 "damaged.plan: " $command "$work/damaged.plan"
    refused "$command: truncated plan" 1 "short.plan: " $command "$work/short.plan"
done
refused "dump: a model, not a plan" 1 "full.onnx: " dump "$full"

# ---- text that is wrong

echo 'graph @first(%x: f32[1,2]) { %y = fly %x return %y }' >"$work/bad.ir"
refused "opt: unknown operator" 1 "bad.ir:1: expected an operator, found 'fly'" opt "$work/bad.ir" --passes simplify
refused "opt: missing file" 1 "none.ir: cannot open" opt none.ir --passes simplify

cd /
finish
