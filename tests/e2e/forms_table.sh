#!/bin/sh
# The table of docs/forms.md, from the manifest: one line for each kind of model, with the opsets of each exporter.
#   forms_table.sh MANIFEST
awk '
!/^#/ && NF {
    split($1, path, "/")
    kind = path[2]
    sub(/_(ts|dy)[0-9]+/, "", kind)
    key = path[1] "/" kind
    if (!(key in form)) {
        order[++n] = key
        form[key] = $2
        expect[key] = $3
        frames[key] = $11
    }
    exporter = $14 == "torchscript" ? "ts" : "dy"
    opsets[key, exporter] = opsets[key, exporter] (opsets[key, exporter] ? " " : "") $15
}
function cell(key, exporter) { return ((key, exporter) in opsets) ? opsets[key, exporter] : "" }
END {
    print "| model | form | frames of the first, a later step | TorchScript, opsets | dynamo, opsets | |"
    print "|---|---|---|---|---|---|"
    for (i = 1; i <= n; i++) {
        key = order[i]
        print "| " key " | " form[key] " | " frames[key] " | " cell(key, "ts") " | " cell(key, "dy") " | " \
            (expect[key] == "decodes" ? "" : expect[key]) " |"
    }
}' "$1"
