#include "base/versioned.h"

#include <string.h>

static size_t size_of(const void *structure) {
    size_t size;
    memcpy(&size, structure, sizeof size);
    return size;
}

static bool is_zero(const unsigned char *bytes, size_t count) {
    while (count > 0 && bytes[count - 1] == 0) count--;
    return count == 0;
}

bool versioned_take(void *to, size_t known, size_t least, const void *from, const char *name,
                    struct error *err) {
    size_t given = size_of(from);
    if (given < least)
        return error_set(err, ERROR_USAGE, "%s.size: expected its sizeof, at least %zu, found %zu", name,
                         least, given);
    if (given > known && !is_zero((const unsigned char *)from + known, given - known))
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s: a field behind byte %zu is set, which this library is too old for", name,
                         known);
    memset(to, 0, known);
    memcpy(to, from, given < known ? given : known);
    return true;
}

bool versioned_give(void *to, size_t least, const void *from, size_t known) {
    size_t given = size_of(to);
    if (given < least) return false;
    memcpy(to, from, given < known ? given : known);
    memcpy(to, &given, sizeof given);
    return true;
}
