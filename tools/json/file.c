#include "tools/json/file.h"

#include "base/file.h"
#include "base/strbuf.h"

#include <stdlib.h>

bool json_file_write(json_t *root, const char *path, struct error *err) {
    char *text =
        root == NULL ? NULL : json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9) | JSON_ENSURE_ASCII);
    struct strbuf lines = {0};
    json_decref(root);
    if (text == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", path);
    strbuf_add(&lines, text);
    strbuf_add(&lines, "\n");
    bool ok = file_save(path, strbuf_text(&lines), lines.size, err);
    strbuf_free(&lines);
    free(text);
    return ok;
}
