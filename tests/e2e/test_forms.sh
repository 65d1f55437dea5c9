#!/bin/sh
# Every form that people export, each as its exporter wrote it: the models of tests/data/forms/manifest.txt. TAP output.
#   test_forms.sh WANC WANRUN NPY_TOOL GOLDEN MAKE_WEIGHTS SOURCE_ROOT
#
# For each model: the form that `wanc inspect` names, every step of a decode against PyTorch in double precision (of more
# frames than an unrolled model holds), and all frames of a first step that gives several. For each decoder: all forms of
# it are compiled to the same graphs, word for word. At the end, the table of docs/forms.md is that of the manifest.
wanc=$1 wanrun=$2 npy_tool=$3 golden=$4 make_weights=$5 root=$(realpath "$6")
data=$root/tests/data
. "$(dirname "$0")/cases.sh"

check() { # check NAME COMMAND...
    what=$1
    shift
    if "$@" >"$work/log" 2>&1; then ok "$what"; else not_ok "$what"; fi
}

# A folder's models, with the weights that they share beside them.
prepare() { # prepare RECIPES
    for recipe in $(echo "$1" | tr ',' ' '); do
        [ "$recipe" = - ] && return
        file=$work/${recipe#*:}
        [ -f "$file" ] || "$make_weights" "$data/${recipe%%:*}" "$file" >"$work/log" 2>&1 || not_ok "make $file"
    done
}

paths() { # paths MODELS
    for file in $(echo "$1" | tr ',' ' '); do echo "$work/$file"; done
}

form_is() { # form_is FORM MODEL...
    wanted=$1
    shift
    "$wanc" inspect "$@" --latent-size "$size" --json >"$work/json"
    found=$(sed -n '/^  "form": {/,/}/s/^ *"name": "\(.*\)",/\1/p' "$work/json")
    [ "$found" = "$wanted" ] || { echo "found $found"; return 1; }
}

compile() { # compile PLAN MODEL...
    plan=$1
    shift
    "$wanc" compile "$@" --latent-size "$size" -o "$plan" --verify-each 2>"$work/said"
    status=$?
    cat "$work/said"
    return $status
}

warned() { grep '^warning:' "$work/said"; }

decode() { # decode PLAN OUT [OPTION]
    "$wanrun" "$1" "$work/latents.npy" -o "$2" --quiet --threads 1 $3
}

refused() { # refused MODEL...: with one line, which names the node
    "$wanc" compile "$@" --latent-size "$size" -o "$work/never" && return 1
    [ ! -e "$work/never" ] && grep -q "^wanc: .*node '" "$work/log"
}

# What the caller of a flagged step keeps is the last frame of its first call; all of them come with --all-frames. A step
# alone gives them when it is its own first one.
every_frame() { # every_frame FORM GOLDEN BOUND MODEL...
    as_is=
    [ "$1" = step ] && as_is="--first as-is"
    all=$2
    shift 3
    # shellcheck disable=SC2086
    "$wanc" compile "$@" --latent-size "$size" -o "$work/all.plan" $as_is &&
        decode "$work/all.plan" "$work/all.npy" --all-frames &&
        "$golden" steps "$work/all.npy" "$all" "$later" "$later" "$bound"
}

# Forms of one decoder that may differ in nothing. Wrappers compute something else at the ends.
is_plain() { case ${1##*/} in full_[td]* | full_exact* | full5* | unrolled[0-9]*_[td]* | unrolled*_exact* | unrolled*_loop* | pair* | step*) return 0 ;; *) return 1 ;; esac; }

same_graphs() { # same_graphs KEY MODEL...
    key=$work/$(echo "$1" | tr '/ ' '__').ir
    shift
    "$wanc" compile "$@" --latent-size "$size" --stop-after choose_convs --canonical -q -o "$work/this.ir" || return 1
    [ -f "$key" ] || mv "$work/this.ir" "$key"
    [ ! -f "$work/this.ir" ] || { cmp "$work/this.ir" "$key" && rm "$work/this.ir"; }
}

model() { # one row of the manifest
    name=$1 form=$2 expect=$3 models=$4 size=$6 latents=$8
    shift 8
    frames=$1 all=$2 per_step=$3 bound_file=$4 recipes=$5
    first=${per_step%,*} later=${per_step#*,}
    prepare "$recipes"
    # shellcheck disable=SC2046
    set -- $(paths "$models")
    if [ "$expect" = refused ]; then
        check "$name: refused, with the node" refused "$@"
        return
    fi
    bound=$(limit "$data/$bound_file")
    cp "$data/$latents" "$work/latents.npy" && cp "$data/$frames" "$work/frames.npy"
    if [ "$form" = image ]; then # which takes the first latent frame only
        "$npy_tool" slice "$data/$latents" "$work/latents.npy" 1 && "$npy_tool" slice "$data/$frames" "$work/frames.npy" 1
    fi >"$work/log" 2>&1
    check "$name: is $form" form_is "$form" "$@"
    check "$name: compile" compile "$work/plan" "$@"
    [ "$expect" != warned ] || check "$name: with a warning" warned
    check "$name: decode" decode "$work/plan" "$work/out.npy"
    check "$name: every step within $bound of PyTorch" "$golden" steps "$work/out.npy" "$work/frames.npy" "$first" "$later" "$bound"
    sed 's/^/# /' "$work/log" # what was measured
    stated=$(stated_bound "$wanc" "$work/plan")
    check "$name: within the $stated that the plan states" "$golden" steps "$work/out.npy" "$work/frames.npy" "$first" "$later" "$stated"
    [ "$all" = - ] || check "$name: all frames of the first step" every_frame "$form" "$data/$all" "$bound" "$@"
    ! is_plain "$name" || check "$name: the same graphs as the other forms" same_graphs "$frames $size" "$@"
}

table_is_true() {
    sh "$root/tests/e2e/forms_table.sh" "$data/forms/manifest.txt" >"$work/table" &&
        sed -n '/<!-- table/,/<!-- end/p' "$root/docs/forms.md" | grep '^|' | diff - "$work/table"
}

for folder in $(awk '!/^#/ { split($1, p, "/"); print p[1] }' "$data/forms/manifest.txt" | sort -u); do
    mkdir -p "$work/$folder"
    ln -s "$data/$folder"/*.onnx "$work/$folder/"
done
grep -v '^#' "$data/forms/manifest.txt" >"$work/rows"
while read -r row; do
    # shellcheck disable=SC2086
    [ -z "$row" ] || model $row </dev/null
done <"$work/rows"
check "docs/forms.md: its table is that of the manifest" table_is_true
echo "1..$count"
