#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set_in(struct error *err, enum error_code code, const char *file, const char *format, ...) {
    if (err == NULL || err->code != ERROR_NONE) return false;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    err->code = code;
    err->file = file;
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

// What a user calls the part of the program that is in a folder; NULL: the folder in front of it says it.
static const char *area_of_folder(const char *name, size_t length) {
    static const struct {
        const char *folder, *area;
    } areas[] = {{"base", "file"},      {"frontend", "onnx"},    {"ir", "ir"},
                 {"passes", "compile"}, {"compiler", "compile"}, {"reference", "compile"},
                 {"plan", "plan"},      {"runtime", "run"},      {"latents", "latents"},
                 {"output", "video"},   {"report", "report"},    {"tools", "tool"}};
    for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) {
        if (strlen(areas[i].folder) == length && strncmp(areas[i].folder, name, length) == 0)
            return areas[i].area;
    }
    return NULL;
}

// By the innermost folder that has an area: what lies in front of ours on a machine may have any name.
static const char *area_of(const char *file) {
    for (const char *end = file != NULL ? strrchr(file, '/') : NULL; end != NULL;) {
        const char *begin = end;
        while (begin > file && begin[-1] != '/') begin--;
        const char *area = area_of_folder(begin, (size_t)(end - begin));
        if (area != NULL) return area;
        end = begin > file ? begin - 1 : NULL;
    }
    return "file";
}

const char *error_name(const struct error *err, char out[ERROR_NAME_SIZE]) {
    static const char *const names[] = {[ERROR_NONE] = "none",
                                        [ERROR_USAGE] = "usage",
                                        [ERROR_INPUT] = "input",
                                        [ERROR_UNSUPPORTED] = "unsupported",
                                        [ERROR_IO] = "io",
                                        [ERROR_MEMORY] = "memory",
                                        [ERROR_INTERNAL] = "internal",
                                        [ERROR_CANCELLED] = "cancelled"};
    bool has_area = err->code == ERROR_INPUT || err->code == ERROR_UNSUPPORTED;
    snprintf(out, ERROR_NAME_SIZE, "%s%s%s", has_area ? area_of(err->file) : "", has_area ? "-" : "",
             names[err->code]);
    return out;
}
