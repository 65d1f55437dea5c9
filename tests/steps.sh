# Sourced by tests/run.sh and other scripts of this folder: a build folder configured and built, its tests run and counted.
# shellcheck shell=sh
passed=0
failed=0
skipped=0

configure() { # configure FOLDER OPTIONS...
    folder=$1
    shift
    mkdir -p "$folder"
    log=$folder/build.log
    { [ -f "$folder/build.ninja" ] || meson setup "$folder" "$@"; } >"$log" 2>&1 &&
        meson configure "$folder" -Dwerror=true >>"$log" 2>&1 && ninja -C "$folder" >>"$log" 2>&1 && return
    tail -60 "$log"
    echo "$folder does not build"
    failed=$((failed + 1))
    closing_line
}

build_some() { # build_some FOLDER TARGETS OPTIONS...: these targets only; "" for all
    folder=$1 targets=$2
    shift 2
    mkdir -p "$folder"
    # shellcheck disable=SC2086 # the list is words on purpose
    { [ -f "$folder/build.ninja" ] || meson setup "$folder" --buildtype=debugoptimized -Db_lundef=false "$@"; } >"$folder/build.log" 2>&1 &&
        nice ninja -C "$folder" $targets >>"$folder/build.log" 2>&1 && return
    tail -20 "$folder/build.log"
    exit 1
}

closing_line() {
    [ "$skipped" -eq 0 ] || echo "$skipped skipped: what they need is not on this machine"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] || exit 1
    exit 0
}

count() { grep -c "\"result\": \"$2\"" "$1/meson-logs/testlog.json" || true; }

run() { # run FOLDER OPTIONS...
    folder=$1
    shift
    meson test -C "$folder" --no-rebuild --print-errorlogs "$@" || true
    ok=$(count "$folder" OK)
    skips=$(count "$folder" SKIP)
    all=$(grep -c '"result": ' "$folder/meson-logs/testlog.json" || true)
    passed=$((passed + ok))
    skipped=$((skipped + skips))
    failed=$((failed + all - ok - skips))
    [ "$ok" -gt 0 ] || failed=$((failed + 1)) # a run of no test is not a pass
}
