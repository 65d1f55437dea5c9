// JSON on the standard output, and what JSON has no word for.
#ifndef WANC_TOOLS_JSON_PRINT_H
#define WANC_TOOLS_JSON_PRINT_H

#include "base/error.h"

#include <jansson.h>

// Frees `root`, which is NULL when Jansson had no memory.
bool json_print(json_t *root, struct error *err);

json_t *json_finite(double x);       // null for an infinity or a NaN
json_t *json_name(const char *name); // of a file, which is bytes: null if they are no UTF-8, or NULL

#endif
