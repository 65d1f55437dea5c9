# Does an output match what a page shows? `awk [-v vary=1] -f match.awk SHOWN FOUND`; prints the first difference, exit status 1.
#
#     ..           a line of its own: any number of lines
#     text ..      a line that begins with this text
#     vary=1       a number is as good as any other, and a run of blanks as one blank
function plain(line) {
    sub(/[ \t]+$/, "", line)
    if (!vary) return line
    gsub(/[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?/, "N", line)
    gsub(/[ \t]+/, " ", line)
    return line
}

function matches(pattern, line) {
    if (pattern !~ / \.\.$/) return pattern == line
    pattern = substr(pattern, 1, length(pattern) - 2)
    return substr(line, 1, length(pattern)) == pattern
}

FNR == NR { shown[++shown_count] = plain($0); next }
{ found[++found_count] = plain($0) }

END {
    at = 1
    for (i = 1; i <= shown_count; i++) {
        skips = shown[i] == ".."
        if (skips && i == shown_count) exit 0
        if (skips) i++
        while (skips && at <= found_count && !matches(shown[i], found[at])) at++
        if (at > found_count || !matches(shown[i], found[at])) {
            print "shown: " shown[i]
            print "found: " (at > found_count ? "(the end)" : found[at])
            exit 1
        }
        at++
    }
    if (at <= found_count) { print "shown: (the end)\nfound: " found[at]; exit 1 }
}
