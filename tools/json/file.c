#include "tools/json/file.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

bool json_file_write(json_t *root, const char *path, struct error *err) {
    char *text =
        root == NULL ? NULL : json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9) | JSON_ENSURE_ASCII);
    struct file_out f;
    json_decref(root);
    if (text == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", path);
    bool ok = file_create(&f, path, err);
    if (ok && !(file_write(&f, text, strlen(text), err) && file_write(&f, "\n", 1, err))) {
        file_discard(&f);
        ok = false;
    }
    ok = ok && file_commit(&f, err);
    free(text);
    return ok;
}
