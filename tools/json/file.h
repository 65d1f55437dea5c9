// JSON values written to files.
#ifndef WANC_TOOLS_JSON_FILE_H
#define WANC_TOOLS_JSON_FILE_H

#include "base/error.h"

#include <jansson.h>

// Frees `root`, which is NULL when Jansson had no memory.
bool json_file_write(json_t *root, const char *path, struct error *err);

#endif
