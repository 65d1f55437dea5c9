#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *err, enum error_code code, const char *format, ...) {
    if (err == NULL || err->code != ERROR_NONE) return false;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    err->code = code;
    return false;
}

bool error_prefix(struct error *err, const char *format, ...) {
    if (err == NULL) return false;
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->message) {
        size_t room = sizeof err->message - (size_t)n; // a message too long loses its end
        snprintf(err->message + n, room, ": %.*s", (int)(room > 3 ? room - 3 : 0), old);
    }
    return false;
}
