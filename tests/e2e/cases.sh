# Sourced by the end-to-end tests, which print TAP and keep what the last command said in $work/log.
# shellcheck shell=sh
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
count=0

ok() { count=$((count + 1)); echo "ok $count - $1"; }
not_ok() { # NAME [REASON]
    count=$((count + 1))
    echo "not ok $count - $1${2:+: $2}"
    sed 's/^/# /' "$work/log" 2>/dev/null
}

# By how much a decode may be off, as its plan says.
stated_bound() { # WANC PLAN
    "$1" report "$2" | awk '/^error bound of a decode:/ { print $6 }'
}

# Four times PyTorch's own error in fp32, but not below rounding noise of a small decoder, and never above 1e-4.
limit() { # REFERENCE.TXT
    awk '$1 == "torch_fp32_max_abs_diff" { l = 4 * $2; if (l < 1e-5) l = 1e-5; if (l > 1e-4) l = 1e-4; print l }' "$1"
}
