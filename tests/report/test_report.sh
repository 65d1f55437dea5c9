#!/bin/sh
# wanc report in its formats but HTML: numbers against those computed by hand, files against those who read them.
#
#     test_report.sh WANC REPORT_TOOL MAKE_HOSTILE COMPILE_IR MAKE_WEIGHTS SOURCE
set -u
here=$(realpath "$(dirname "$0")")
tool=wanc program=$(realpath "$1") look=$(realpath "$2") make_hostile=$(realpath "$3")
compile_ir=$(realpath "$4") make_weights=$(realpath "$5") data=$(realpath "$6")/tests/data docs=$(realpath "$6")/docs
. "$here/../cli/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
export LC_ALL=C

joined() { tr '\n' "$1" | sed "s/$1\$//"; }
values() { "$look" json "$@" | joined ' '; echo; }
report() { "$program" report "$@"; }

# ---- a decoder of one convolution, by hand

fresh
"$compile_ir" tiny.plan --conv direct "$here/tiny.ir" || echo "# compile_ir failed"
report tiny.plan --format json --threads 3 -o tiny.json
steps() { # SLOT: padding cache frames of each step
    for step in 0 1 2; do
        values "$1" "programs.0.causal_convolutions.$2.steps.$step.padding" "programs.0.causal_convolutions.$2.steps.$step.cache" \
            "programs.0.causal_convolutions.$2.steps.$step.frames"
    done | joined ,
}
same "version, model, threads" "1 tiny.onnx full 3" "$(values tiny.json wanc_report model form threads)"
same "latent and frame" "2 4 5 2 4 5" \
    "$(values tiny.json programs.0.latent.channels programs.0.latent.height programs.0.latent.width programs.0.frame.channels programs.0.frame.height programs.0.frame.width)"
# Two cached frames of 160 bytes. First: x and y, 160 bytes each, which take 192. Steady: also the window, 480 in 512.
same "cache: bytes" "320 320 0 320" \
    "$(values tiny.json programs.0.caches.bytes programs.0.caches.slots.0.bytes programs.0.caches.slots.0.offset programs.0.caches.slots.0.number_bytes)"
same "cache: what it is" "2x4x5x2 f32 net/conv [height][width][frames][channels]" \
    "$(values tiny.json programs.0.caches.slots.0.shape programs.0.caches.slots.0.type programs.0.caches.slots.0.node programs.0.caches.slots.0.layout)"
same "arenas" "384 384 704 704" \
    "$(values tiny.json programs.0.variants.0.arena_bytes programs.0.variants.0.lower_bound_bytes programs.0.variants.1.arena_bytes programs.0.variants.1.lower_bound_bytes)"
same "frames, operators, fragmentation" "first 1 4 0 steady 1 6 0" \
    "$(for v in 0 1; do values tiny.json programs.0.variants.$v.name programs.0.variants.$v.frames programs.0.variants.$v.operators programs.0.variants.$v.fragmentation_bytes; done | joined ' ')"
# 40 sums, of 2 channels and one tap of three, or all three; a multiplication and an addition each.
same "operations" "160 480" "$(values tiny.json programs.0.variants.0.flops programs.0.variants.1.flops)"
same "first: alive from the copy of x to its second reader" "0 2 160 1 3 160" \
    "$(for b in 0 1; do values tiny.json programs.0.variants.0.buffers.$b.first_operator programs.0.variants.0.buffers.$b.last_operator programs.0.variants.0.buffers.$b.bytes; done | joined ' ')"
same "first: bytes alive" "192 384 384 192" \
    "$(values tiny.json programs.0.variants.0.live_bytes.0 programs.0.variants.0.live_bytes.1 programs.0.variants.0.live_bytes.2 programs.0.variants.0.live_bytes.3)"
same "first: the peak" "384 1 2 absent 0 1 absent" \
    "$(values tiny.json programs.0.variants.0.peak_live_bytes programs.0.variants.0.peak_operators.0 programs.0.variants.0.peak_operators.1 programs.0.variants.0.peak_operators.2 programs.0.variants.0.peak_buffers.0 programs.0.variants.0.peak_buffers.1 programs.0.variants.0.peak_buffers.2)"
same "paddings 2 1 0, caches 0 1 2, one frame each" "2 0 1,1 1 1,0 2 1" "$(steps tiny.json 0)"
# Latents are as large as frames: 2 frames * 240 * 416 * 2 channels * 4 bytes, and so on.
same "caches at other sizes" "1597440 6389760 14745600 33177600" \
    "$(values tiny.json programs.0.caches.resolutions.0.bytes programs.0.caches.resolutions.1.bytes programs.0.caches.resolutions.2.bytes programs.0.caches.resolutions.3.bytes)"
same "steady: the convolution reads what two copies wrote" "conv operator 2 operator 1 absent" \
    "$(values tiny.json programs.0.variants.1.graph.operators.3.kind programs.0.variants.1.graph.operators.3.reads.0.from programs.0.variants.1.graph.operators.3.reads.0.index programs.0.variants.1.graph.operators.3.reads.1.from programs.0.variants.1.graph.operators.3.reads.1.index programs.0.variants.1.graph.operators.3.reads.2)"
same "steady: of the latent one frame, of the cache two" "1x4x5x2 2x4x5x2" \
    "$(values tiny.json programs.0.variants.1.graph.operators.3.reads.0.shape programs.0.variants.1.graph.operators.3.reads.1.shape)"
same "steady: the latent, the cache, the frames" "input cache 0 cache 0 output" \
    "$(values tiny.json programs.0.variants.1.graph.operators.0.reads.0.from programs.0.variants.1.graph.operators.1.reads.0.from programs.0.variants.1.graph.operators.1.reads.0.index programs.0.variants.1.graph.operators.4.to programs.0.variants.1.graph.operators.4.to_index programs.0.variants.1.graph.operators.5.to)"
same "one stage" "1 1" "$("$look" count tiny.json programs.0.variants.0.graph.stages) $("$look" count tiny.json programs.0.variants.1.graph.stages)"
pass_row() { # NAME: its row
    i=0
    while name=$(values tiny.json "programs.0.passes.$i.name") && [ "$name" != absent ]; do
        [ "$name" = "$1" ] && values tiny.json "programs.0.passes.$i.changed" "programs.0.passes.$i.first.nodes" "programs.0.passes.$i.first.value_bytes" "programs.0.passes.$i.first.flops" "programs.0.passes.$i.steady.nodes" "programs.0.passes.$i.steady.value_bytes" "programs.0.passes.$i.steady.flops"
        i=$((i + 1))
    done
}
# Imported: a pad of 3 frames (2 and the first one) or 1, and the convolution.
same "import" "true 2 640 480 2 320 480" "$(pass_row import)"
same "the pad joins the convolution" "true 1 160 480 1 160 480" "$(pass_row fold_pads)"
same "two taps of the first step meet zeros" "true 1 160 160 1 160 480" "$(pass_row drop_dead_taps)"
same "a pass that changes nothing" "false 1 160 160 1 160 480" "$(pass_row eliminate_dead)"

# ---- a whole decoder

fresh
full=$data/tiny/full.onnx
"$program" compile "$full" --latent-size 3x5 --conv direct -q -o plan
report plan --format json -o plan.json
same "paddings of the first slot" "2 0 1,1 1 1,0 2 1" "$(steps plan.json 0)"
same "a temporal upsampler does not run in step 0" "false 0 0,2 0 1,1 1 1" \
    "$(values plan.json programs.0.causal_convolutions.11.steps.0.runs) $(steps plan.json 11 | cut -d ' ' -f 2-)"
same "four frames at a time in the last slot" "2 0 1,1 1 4,0 2 4" "$(steps plan.json 31)"
row_of() { # CACHE: the row of the convolution that reads it
    i=0
    while cache=$(values plan.json "programs.0.shapes.$i.cache") && [ "$cache" != absent ] && [ "$cache" != "$1" ]; do i=$((i + 1)); done
    values plan.json "programs.0.shapes.$i.first_in" "programs.0.shapes.$i.first" "programs.0.shapes.$i.steady"
}
same "and has no shapes there" "null null 2x3x5x16" "$(row_of 11)"
shapes_of() { # PLAN: each row but the names that a file chose
    report "$1" --shapes --format csv | cut -d , -f 1-2,5- | sort | cksum
}
"$program" compile "$data/tiny/pair_first.onnx" "$data/tiny/pair_steady.onnx" --latent-size 3x5 --conv direct -q -o pair
# Rows in the order of both steps, each convolution given what the row before gives.
same "the rows of a chain" "1x16x2T-1x6x10 2x6x10x16 2x6x10x16 2x6x10x16" \
    "$(values plan.json programs.0.shapes.38.symbolic programs.0.shapes.37.steady programs.0.shapes.38.steady_in programs.0.shapes.38.steady)"
report pair --shapes --format json -o pair.json
same "shapes of a model in steps" "1x16x1x3x5 1x4x4x24x40" \
    "$(values pair.json programs.0.shapes.0.symbolic programs.0.shapes.$(($("$look" count pair.json programs.0.shapes) - 2)).symbolic)"
same "two files of one step each: the same shapes" "$(shapes_of plan)" "$(shapes_of pair)"
last=$(($("$look" count plan.json programs.0.passes) - 1))
same "the operations of the last pass are those of the operators" "$(values plan.json programs.0.variants.0.flops programs.0.variants.1.flops)" \
    "$(values plan.json programs.0.passes.$last.first.flops programs.0.passes.$last.steady.flops)"
"$program" compile "$full" --latent-size 30x52 --conv direct -q -o larger
same "caches at 240x416: those of a plan for it" "$("$program" dump larger | sed -n 's/^program 0:.*caches \([0-9]*\) bytes$/\1/p')" \
    "$(values plan.json programs.0.caches.resolutions.0.bytes)"
# The first step has no old frames: its convolutions write their histories and read none.
"$program" compile "$full" --latent-size 3x5 --conv winograd4 -q -o streamed
report streamed --format json --graph -o streamed.json
for v in 0 1; do
    same "variant $v: the second convolution, its history, what it reads" "1 operator $([ $v = 0 ] && echo absent || echo cache)" \
        "$(values streamed.json programs.0.variants.$v.graph.operators.3.history programs.0.variants.$v.graph.operators.3.reads.0.from programs.0.variants.$v.graph.operators.3.reads.1.from)"
done
weighted() { # FOLDER MODEL: a copy of the model with its weights beside it
    mkdir "$1" && cp "$data/$1/$2" "$1" && "$make_weights" "$data/$1/recipe.txt" "$1/weights.data" >log.txt 2>&1
}
weighted wan22 full_dy20.onnx
report wan22/full_dy20.onnx --latent-size 3x5 --format json --caches --graph -o wan22.json
same "frames that are 16 times as large as latents: 1080 does not divide" "null no whole latents" \
    "$(values wan22.json programs.0.caches.resolutions.3.bytes programs.0.caches.resolutions.3.why_not | cut -d ' ' -f 1-4 | tr -d :)"

stages() { # VARIANT: what flows from stage to stage
    for s in 0 1 2 3; do values wan22.json "programs.0.variants.$1.graph.stages.$s.in" "programs.0.variants.$1.graph.stages.$s.out"; done | joined ' '
}
# A latent of 8 channels; decoder of base 4, four patches of 12 channels in a frame. Copies between have no such shapes.
same "stages of the first step" "1x3x5x8 1x3x5x16 1x3x5x16 1x6x10x16 1x6x10x16 1x12x20x8 1x12x20x8 1x48x80x3" "$(stages 0)"
same "stages of a steady step" "1x3x5x8 2x3x5x16 2x3x5x16 4x6x10x16 4x6x10x16 4x12x20x8 4x12x20x8 4x48x80x3" "$(stages 1)"
undocumented() { # JSON..: fields that docs/report.md does not name
    for f; do "$look" names "$f"; done | sort -u | while read -r name; do grep -q "\`$name\`" "$docs/report.md" || echo "$name"; done
}
same "every field is documented" "" "$(undocumented plan.json streamed.json wan22.json)"

# ---- a model, several sizes, sections

run report "$full" --latent-size 3x5,2x2 --format json -o model.json
same "a model: two sizes" "0 2 5" "$status $("$look" count model.json programs) $(values model.json programs.0.latent.width)"
report "$full" --latent-size 3x5 --conv direct --format json -o model.json
same "a model: as its plan" "$(grep -v '"threads"' plan.json | cksum)" "$(grep -v '"threads"' model.json | cksum)"
report plan --format json --caches --shapes -o part.json
same "two sections, without the others" "absent absent absent 32" \
    "$(values part.json programs.0.forecast programs.0.passes programs.0.variants.0.buffers) $("$look" count part.json programs.0.caches.slots)"
run report plan --memory
same "text: one section" "0 1 0" "$status $(grep -c '^Scratch arena' "$work/stdout") $(grep -c '^Shapes' "$work/stdout")"
report plan --threads 1 --memory >one.txt
same "text: threads" 1 "$(grep -c '^Memory of a run with 1 thread (' one.txt)"
weighted qwen image_dy20.onnx
report qwen/image_dy20.onnx --latent-size 3x5 --format json -q -o image.json
same "a plan for images: one variant, one step" "1 first 1" \
    "$("$look" count image.json programs.0.variants) $(values image.json programs.0.variants.0.name) $("$look" count image.json programs.0.causal_convolutions.0.steps)"
same "a plan for images: paddings" "2 0" \
    "$(values image.json programs.0.causal_convolutions.0.steps.0.padding programs.0.causal_convolutions.0.steps.0.cache)"

# Not direct: such caches have more bytes than their numbers. test_page.sh compares what a browser makes of the page.
report "$full" --latent-size 3x5 --format json -o fused.json
report "$full" --latent-size 3x5 --format html -o fused.html
same "html: every number is that of the JSON" yes "$([ "$("$look" page fused.html fused.json | tee count.txt)" -gt 1000 ] 2>/dev/null && echo yes || cat count.txt)"

# ---- CSV

for section in shapes caches memory ops graph; do
    report plan --format csv --$section -o $section.csv
    case $section in
    shapes) rows=$("$look" count plan.json programs.0.shapes) columns=18 ;;
    caches) rows=32 columns=13 ;;
    memory) rows=$(($("$look" count plan.json programs.0.variants.0.buffers) + $("$look" count plan.json programs.0.variants.1.buffers))) columns=11 ;;
    ops) rows=$("$look" count plan.json programs.0.convolutions) columns=17 ;;
    graph) rows=$(($(values plan.json programs.0.variants.0.operators) + $(values plan.json programs.0.variants.1.operators))) columns=13 ;;
    esac
    same "csv: $section" "$rows $columns" "$("$look" shape $section.csv)"
done
same "csv: numbers of the JSON" "$(values plan.json programs.0.caches.slots.31.bytes)" "$("$look" csv caches.csv 31 bytes)"
same "csv: paddings beside shapes" "2 1 0" "$(for s in 0 1 2; do "$look" csv shapes.csv 1 step${s}_padding; done | joined ' ')"

# ---- pictures, graphs, traces

xml() { # NAME FILE
    if ! command -v xmllint >/dev/null; then skip "$1: well-formed" "no xmllint"
    elif why=$(xmllint --noout "$2" 2>&1); then pass "$1: well-formed"
    else fail "$1: well-formed" "$(echo "$why" | head -1)"
    fi
}
graph() { # NAME FILE
    if ! command -v dot >/dev/null; then skip "$1: Graphviz reads it" "no dot"
    elif why=$(dot -Tplain "$2" 2>&1 >plain.txt) && [ -z "$why" ]; then pass "$1: Graphviz reads it"
    else fail "$1: Graphviz reads it" "$why"
    fi
}
report plan --format svg -o memory.svg
report plan --format svg --graph -o graph.svg
xml "svg" memory.svg
xml "svg --graph" graph.svg
same "svg: a rectangle for each buffer" yes "$(for v in 0 1; do
    name=$(values plan.json programs.0.variants.$v.name) last=$(($("$look" count plan.json programs.0.variants.$v.buffers) - 1))
    grep -q "data-variant=\"$name\" data-buffer=\"$last\"" memory.svg && ! grep -q "data-variant=\"$name\" data-buffer=\"$((last + 1))\"" memory.svg || echo no; done; echo yes)"
same "svg: a rectangle for each cache" 32 "$(grep -c 'class="slot"' memory.svg)"
report plan --format dot -o plan.dot
graph "dot" plan.dot
report plan --format trace -o trace.json
same "trace: bytes alive, as in the JSON" "$(values plan.json programs.0.variants.0.live_bytes.5)" \
    "$(values trace.json "$(i=0; while [ "$(values trace.json traceEvents.$i.ph traceEvents.$i.ts)" != "C 5" ]; do i=$((i + 1)); done; echo traceEvents.$i.args.bytes)")"

# ---- names of strangers

"$make_hostile" hostile.plan || echo "# make_hostile failed"
report hostile.plan --format json -o hostile.json
same "hostile: JSON" "</script><script>document.title='broken'</script>" "$(values hostile.json programs.0.shapes.0.node)"
same "hostile: no UTF-8" 'bad \xff\xfe \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82' "$(values hostile.json programs.0.shapes.1.operator)"
same "hostile: controls" 'line\nbreak\ttab\x1b[31m\x7f\u202e\u0085' "$(values hostile.json notes.0)"
same "hostile: a backslash" "\"quote' & <b> ]]> -->\\\\\\\\" "$(values hostile.json programs.0.shapes.0.operator | sed 's/\\/\\\\/g')"
report hostile.plan >hostile.txt
same "hostile: no control characters in text" 0 "$(tr -d '\n' <hostile.txt | tr -dc '\000-\037\177-\377' | wc -c)"
report hostile.plan --format csv --shapes -o hostile.csv
same "hostile: CSV" "2 18" "$("$look" shape hostile.csv)"
same "hostile: a formula in CSV" "'=cmd|'/c calc'!A1" "$("$look" csv hostile.csv 1 node)"
for section in memory graph; do report hostile.plan --format svg --$section -o $section.svg; xml "hostile: svg --$section" $section.svg; done
report hostile.plan --format dot -o hostile.dot
graph "hostile: dot" hostile.dot
report hostile.plan --format trace -o hostile.trace
same "hostile: trace" "first step, latents of 2x3" "$(values hostile.trace traceEvents.0.args.name)"
report hostile.plan --format html -o hostile.html
xml "hostile: html" hostile.html
same "hostile: no script but ours" 2 "$(grep -o '<script' hostile.html | wc -l)"
same "hostile: the page is the JSON" 0 "$("$look" page hostile.html hostile.json >count.txt; echo $?)"

# ---- usage

cp plan "$work"
for wrong in "csv" "csv --shapes --caches"; do
    refused "format $wrong" 2 "the format csv shows one section" report "$work/plan" --format $wrong
done
refused "svg of shapes" 2 "the format svg does not show that section; it shows --memory or --graph" report "$work/plan" --format svg --shapes
refused "dot of memory" 2 "the format dot does not show that section; it shows --graph" report "$work/plan" --format dot --memory
refused "trace of the graph" 2 "the format trace does not show that section; it shows --memory" report "$work/plan" --format trace --graph
refused "svg of both" 2 "the format svg shows one section: give one of --memory, --graph" report "$work/plan" --format svg --graph --memory
refused "an unknown format" 2 "expected text, json, csv, html, svg, dot or trace, found 'pdf'" report "$work/plan" --format pdf
refused "--latent-size of a plan" 2 "latent-size is for a model" report "$work/plan" --latent-size 3x5
refused "--bands of a plan" 2 "bands is for a model" report "$work/plan" --bands least
refused "a plan and more" 2 "a plan stands alone" report "$work/plan" "$full"
refused "a limit that nothing fits" 1 "the least is" report "$full" --latent-size 3x5 --max-memory 10MiB
refused "a model without its size" 2 "latent-size HxW" report "$full"
refused "a model that is none" 1 "not an ONNX file" report "$here/tiny.ir"
refused "a report on nothing" 1 "cannot open" report nothing
refused "unwritable" 1 "cannot create" report "$work/plan" --format html -o /nonexistent/report.html
run report "$work/plan" --format html -o "$work/plan"
same "over its own plan: refused" "2 WANCPLAN" "$status $(head -c 8 "$work/plan")"

cd /
finish
