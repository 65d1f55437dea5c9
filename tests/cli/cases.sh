# Sourced by the tests of the command lines. Prints TAP; every case runs in an empty folder, $work/here, and inputs lie in
# $work. The caller sets `tool` (its name, for messages) and `program` (its path), and ends with `finish`.
# shellcheck shell=sh disable=SC2154
work=$(mktemp -d) || exit 1
number=0
failed=0

pass() { number=$((number + 1)); echo "ok $number - $1"; }
skip() { number=$((number + 1)); echo "ok $number - $1 # SKIP $2"; }
fail() { # NAME REASON
    number=$((number + 1)); failed=$((failed + 1))
    echo "not ok $number - $1"
    echo "# $2"
    sed 's/^/#   stderr: /' "$work/stderr" 2>/dev/null
}

fresh() { rm -rf "$work/here"; mkdir "$work/here"; cd "$work/here" || exit 1; }
run() { timeout -k 5 120 "$program" "$@" >"$work/stdout" 2>"$work/stderr"; status=$?; }

# What is wrong with the outcome of a failed run; nothing if it is as it should be.
complaint() { # STATUS PATTERN
    if [ "$status" -ne "$1" ]; then echo "expected exit status $1, found $status"
    elif [ "$(wc -l <"$work/stderr")" -ne 1 ]; then echo "expected one line on stderr"
    elif ! grep -q "^$tool: " "$work/stderr"; then echo "expected a line that begins with '$tool: '"
    elif ! grep -q -- "$2" "$work/stderr"; then echo "expected a message with '$2'"
    elif [ -n "$(ls -A "$work/here")" ]; then echo "left behind: $(ls -A "$work/here")"
    fi
}

refused() { # NAME STATUS PATTERN ARGUMENT...
    name=$1 expected=$2 pattern=$3; shift 3
    fresh
    run "$@"
    why=$(complaint "$expected" "$pattern")
    if [ -z "$why" ]; then pass "$name"; else fail "$name" "$why"; fi
}

same() { # NAME EXPECTED FOUND
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "expected '$2', found '$3'"; fi
}

contains() { # NAME PATTERN FILE
    if grep -q -- "$2" "$3"; then pass "$1"; else fail "$1" "no line with '$2'"; fi
}

finish() { # the plan, and the exit status
    echo "1..$number"
    [ "$failed" -eq 0 ]
}
