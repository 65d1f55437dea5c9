#!/bin/sh
# The HTML report in a browser: no complaints on its console, its numbers are those of the JSON, its script works.
# Skipped where there is no Chromium.
#
#     test_page.sh WANC REPORT_TOOL MAKE_HOSTILE SOURCE
set -u
here=$(realpath "$(dirname "$0")")
tool=wanc program=$(realpath "$1") look=$(realpath "$2") make_hostile=$(realpath "$3") data=$(realpath "$4")/tests/data
. "$here/../cli/cases.sh"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
export LC_ALL=C HOME="$work"

browser=
for name in chromium chromium-browser google-chrome; do
    [ -z "$browser" ] && browser=$(command -v $name)
done

# The document behind the page's script, in $work/dom.html; what the console says, in $work/console.
open_page() { # FILE
    timeout -k 5 100 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$work/profile" \
        --virtual-time-budget=5000 --enable-logging=stderr --dump-dom "file://$1" >"$work/dom.html" 2>"$work/browser.log"
    status=$?
    grep CONSOLE "$work/browser.log" >"$work/console"
}

check_page() { # NAME PLAN
    "$program" report "$2" --format html -o "$work/page.html"
    "$program" report "$2" --format json -o "$work/page.json"
    open_page "$work/page.html"
    same "$1: opens" 0 "$status"
    same "$1: the console is silent" "" "$(cat "$work/console")"
    same "$1: its script ran" 1 "$("$look" attribute "$work/dom.html" data-ready)"
    why=$("$look" page "$work/dom.html" "$work/page.json")
    if [ $? -eq 0 ] && [ "$why" -ge "$3" ]; then pass "$1: $why values are those of the JSON"
    else fail "$1: values are those of the JSON" "$why"
    fi
}

# What a user does, done by a script at the end of the page; the outcome is in attributes of the body.
add_user() { # FILE
    sed 's|</body>||; s|</html>||' "$1"
    cat "$here/user.html"
    echo "</body></html>"
}

fresh
"$program" compile "$data/tiny/full.onnx" --latent-size 3x5 -q -o plan
"$program" compile "$data/tiny/full.onnx" --latent-size 3x5,2x2 -q -o two
"$make_hostile" hostile
if [ -z "$browser" ]; then
    for name in "a decoder" "two sizes" "hostile names" "a user"; do skip "$name" "no chromium, chromium-browser or google-chrome"; done
else
    check_page "two sizes" "$work/here/two" 2000
    check_page "hostile names" "$work/here/hostile" 40
    title=$(grep -o '<title>[^<]*' "$work/dom.html" | head -1 | sed 's/<title>//')
    same "hostile names: the title" "&lt;/script&gt;&lt;script&gt;document.title='broken'" "$(printf %s "$title" | sed 's|&lt;/script&gt;bad.*||')"
    check_page "a decoder" "$work/here/plan" 1000
    add_user "$work/page.html" >"$work/user.html"
    open_page "$work/user.html"
    same "a user: the console is silent" "" "$(cat "$work/console")"
    chosen=$("$look" attribute "$work/dom.html" data-chosen)
    buffer="$("$look" json "$work/page.json" programs.0.variants.0.buffers.1.name)"
    same "a user: an arrow key goes to the second buffer" "first step, buffer 1 $buffer: 960 B (960)" "$(echo "$chosen" | sed 's/ at .*//')"
    same "a user: a click on a cache" "cache 0 c0 of node_conv3d_1: 2x3x5x16 f32, 1.88 KiB (1920) at 0" "$("$look" attribute "$work/dom.html" data-clicked)"
    same "a user: a filter leaves one cache" 1 "$("$look" attribute "$work/dom.html" data-left)"
    same "a user: sorted by bytes, and again" "1920 30720" "$("$look" attribute "$work/dom.html" data-smallest) $("$look" attribute "$work/dom.html" data-largest)"
    same "a user: all of the graph opened, and closed" "0 0" "$("$look" attribute "$work/dom.html" data-closed) $("$look" attribute "$work/dom.html" data-opened)"
fi

cd /
finish
