#!/bin/sh
# Runs the commands of a page of the documentation, in order, in one folder, and compares what they print with what it shows.
#
#     test_page.sh PAGE TOOLS NPY_TOOL SOURCE            TOOLS: where wanc and wanrun were built
#
# Words behind the ``` of a block say what becomes of it (Markdown shows none of them):
#
#     sh run                 commands; they must succeed
#     console run            commands behind "$ ", and what they print, both streams; `..` stands for more (match.awk)
#     sh no-run              commands that are not executed: they need a network, a large file or a long time
#     LANGUAGE file=NAME     the text is written to NAME; a later block compiles or runs it
#     numbers-vary           numbers in the output may be others: times, memory, what depends on the machine
#     fails=N                the exit status is N
#     needs=A,python:B       skipped where there is no command A, or no Python with a module B
#
# A block of sh or console must have one of the first four. The folder has the demo's decoder.onnx and the first two frames of
# its latents.npy, so that a decode is quick, and the source as the README sees it: build/tools, examples, tools.
set -u
here=$(realpath "$(dirname "$0")")
page=$(realpath "$1") tools=$(realpath "$2") npy_tool=$(realpath "$3") source=$(realpath "$4")
# shellcheck disable=SC2034 # for the messages of cases.sh
tool=$(basename "$page") program=sh
. "$here/../cli/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
PATH=$tools:$PATH
export LC_ALL=C HOME="$work" PATH

furnish() {
    fresh
    mkdir build
    ln -s "$tools" build/tools
    ln -s "$source/examples" examples
    cp "$source/examples/demo/decoder.onnx" .
    "$npy_tool" slice "$source/examples/demo/latents.npy" latents.npy 2
}

has_word() { case " $words " in *" $1 "*) return 0 ;; esac; return 1; }
value_of() { for word in $words; do case $word in "$1"=*) echo "${word#*=}" ;; esac; done; }

lacking() { # the first of a block's needs that there is not
    for need in $(value_of needs | tr , ' '); do
        case $need in
            python:*) python3 -c "import ${need#python:}" 2>/dev/null ;;
            *) command -v "$need" >/dev/null ;;
        esac || { echo "$need"; return; }
    done
}

# A script that prints each command as the page shows it, in front of its output.
transcript() {
    awk '/^\$ / || goes_on {
             command = command (goes_on ? "\n" : "") $0
             goes_on = /\\$/
             if (!goes_on) { printf "cat <<\"END\"\n%s\nEND\n%s\n", command, substr(command, 3); command = "" }
         }' "$1"
}

run_block() { # FILE
    expected=$(value_of fails)
    if [ "$language" = console ]; then transcript "$1" >"$work/script"; else cp "$1" "$work/script"; fi
    timeout -k 5 120 sh -e "$work/script" >"$work/found" 2>&1 </dev/null
    status=$?
    if [ "$status" -ne "${expected:-0}" ]; then
        echo "expected exit status ${expected:-0}, found $status"
        return
    fi
    [ "$language" = console ] || return
    awk -v vary="$(has_word numbers-vary && echo 1)" -f "$here/match.awk" "$1" "$work/found"
}

check_block() { # NUMBER LINE
    name="$tool:$2: $(sed -n '/^#/d; s/^\$ //; /./{p;q;}' "$work/blocks/$1")"
    lack=$(lacking)
    if [ -n "$lack" ]; then skip "$name" "no $lack"; return; fi
    why=$(run_block "$work/blocks/$1")
    if [ -z "$why" ]; then pass "$name"; return; fi
    cp "$work/found" "$work/stderr"
    fail "$name" "$(echo "$why" | tr '\n' ';')"
}

mkdir "$work/blocks"
awk -v folder="$work/blocks" -f "$here/blocks.awk" "$page" >"$work/list"
furnish
while read -r block line language words; do
    : >"$work/stderr"
    if [ "$block" -eq 0 ]; then fail "$tool:$line" "$words"; continue; fi
    file=$(value_of file)
    [ -z "$file" ] || cp "$work/blocks/$block" "$file"
    if has_word run; then check_block "$block" "$line"; fi
done <"$work/list"
finish
