#!/bin/sh
# Makes C strings of text files: `page.css` becomes `static const char page_css[]`.
#
#   embed.sh FILE...
for file in "$@"; do
    printf 'static const char %s[] =\n' "$(basename "$file" | tr .- __)"
    sed 's/\\/\\\\/g; s/"/\\"/g; s/^/    "/; s/$/\\n"/' "$file"
    echo '    "";'
done
