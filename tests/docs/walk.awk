# What docs/walk.md shows of `wanc compile --print-after all`, followed by `wanc dump`: the lines about one convolution of the demo
# decoder, those in front of it as far as the norm, and the addition behind it. Each pass that changes them is one section:
#
#     # after PASS
#     graph @first
#       %conv3d_3: ..
#
# Shortened: the names of constants lose what they all begin with and their numbers; numbers of values count from 1.
BEGIN {
    split("linalg_vector_norm_1 clamp_min_1 expand_1 div_1 mul_93 mul_99 Sigmoid_32 silu_1 conv3d_3 add_121", nodes, " ")
    for (i in nodes) mine["node_" nodes[i]] = 1
    mine["conv3d_1"] = mine["conv3d_2"] = 1 # buffers
}

function label(line) { # "node_conv3d_3", at the end of a line of IR
    if (!match(line, /"[A-Za-z0-9_]+"( at [0-9]+)?$/)) return ""
    line = substr(line, RSTART + 1)
    return substr(line, 1, index(line, "\"") - 1)
}

function shorten(line,    done, name) {
    gsub(/decoder\.mid_block\.resnets\.0\./, "", line)
    while (match(line, /[%@][a-z0-9_.]+~[0-9]+/)) {
        name = substr(line, RSTART, RLENGTH)
        done = done substr(line, 1, RSTART - 1) renamed(name)
        line = substr(line, RSTART + RLENGTH)
    }
    return done line
}

function renamed(name,    base) {
    base = substr(name, 1, index(name, "~") - 1)
    if (name ~ /^@/) return base
    if (!(name in numbers)) numbers[name] = ++count[base]
    return base "~" numbers[name]
}

function add(line) {
    if (graph != "") text = text graph "\n"
    graph = ""
    text = text line "\n"
}

function end_section() {
    if (text != before) printf "# after %s\n%s", pass, text
    before = text
    text = graph = ""
}

/^# after / { if (pass != "") end_section(); pass = $3; next }
/^plan version/ { end_section(); pass = "emit"; next }
/^graph / { graph = $0; sub(/\(.*/, "", graph); next }
/^(first|steady): / && pass == "emit" { graph = "graph @" substr($1, 1, length($1) - 1); next }
pass == "emit" && / \/\/ node_/ { inside = / \/\/ node_conv3d_3$/; if (inside) add($0); next }
pass == "emit" { if (inside && /^      /) add($0); else inside = 0; next }
label($0) in mine { add(shorten($0)) }
END { end_section() }
