#include "tools/json/print.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

bool json_print(json_t *root, struct error *err) {
    if (root == NULL) return error_set(err, ERROR_MEMORY, "standard output: out of memory for the JSON");
    bool ok = json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) == 0 &&
              putchar('\n') != EOF && fflush(stdout) == 0;
    json_decref(root);
    return ok || error_set(err, ERROR_IO, "standard output: cannot write: %s", strerror(errno));
}

json_t *json_finite(double x) { return isfinite(x) ? json_real(x) : json_null(); }

json_t *json_name(const char *name) {
    json_t *string = json_string(name);
    return string != NULL ? string : json_null();
}
