#!/bin/sh
# The reference of the C interface, as Markdown, from the comments of public headers: `tools/api_reference.sh HEADER.. >docs/api.md`.
# tests/docs/test_tables.sh compares docs/api.md with what this prints.
#
# The comment at the top of a header is its introduction, `// ---- TITLE` a section. A comment, and the declarations behind it
# as far as the next comment or empty line, are an entry under the names that they declare; a comment alone is a paragraph.
set -eu
echo "# The C interface"
echo
echo "Written by \`tools/api_reference.sh\` from the comments of the headers: do not edit it."
for header in "$@"; do
    awk -v title="$(basename "$header")" '
        function name_of(line) { # what a line declares, or nothing
            sub(/^WAN_API /, "", line)
            if (line ~ /^(struct|enum|union) [a-z_]+( \{|;)/) return words(line, 2)
            if (line ~ /^typedef (struct|enum|union) [a-z_]+ \{/) { sub(/^typedef /, "", line); return words(line, 2) }
            if (line ~ /^#define /) { sub(/^#define /, "", line); return words(line, 1) }
            if (line ~ /^enum \{ /) { sub(/^enum \{ /, "", line); return words(line, 1) }
            if (line ~ /^[a-z].*[a-z_]+\(/ && match(line, /[a-z_0-9]+\(/)) return substr(line, RSTART, RLENGTH - 1)
            return ""
        }
        function words(line, count,    part) {
            split(line, part, /[ ;]/)
            return count == 1 ? part[1] : part[1] " " part[2]
        }
        function flush(    i) {
            if (code != "") {
                print "\n#### " names "\n"
                if (text != "") print text
                printf "```c\n%s```\n", code
            } else if (text != "") printf "\n%s", text
            text = code = names = ""
        }
        BEGIN { print "\n## " title "\n" }

        !begun && /^\/\// { sub(/^\/\/ ?/, ""); print; next }
        { begun = 1 }
        /^#if/ { depth++; wrapped = depth > 1; next }             # the first is the guard against a second inclusion
        /^#endif/ { depth--; wrapped = depth > 1; next }
        wrapped || /^#include/ || /^#define [A-Z_]+_H$/ { next }

        /^\/\/ ---- / { flush(); sub(/^\/\/ ---- /, ""); print "\n### " toupper(substr($0, 1, 1)) substr($0, 2); next }
        /^\/\// { if (code != "") flush(); sub(/^\/\/ ?/, ""); text = text $0 "\n"; next }
        /^$/ { flush(); next }
        {
            name = /^ / ? "" : name_of($0)
            if (name != "") names = names (names == "" ? "" : ", ") "`" name "`"
            if (!/^ /) indented = sub(/^WAN_API /, "")
            else if (indented) sub(/^        /, "") # as far as WAN_API was long
            code = code $0 "\n"
        }
        END { flush() }
    ' "$header"
done
