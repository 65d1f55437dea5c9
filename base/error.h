// Errors as values: a code, and one line that names the file or node, what was expected and what was found.
//
// A function that can fail takes a `struct error *` and returns false (or NULL) after filling it. The first
// failure wins: error_set on an error that is already set keeps the older message, because the first one is
// the cause and the later ones are its consequences.
#ifndef WANC_BASE_ERROR_H
#define WANC_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

enum error_code {
    ERROR_NONE = 0,
    ERROR_USAGE,       // the command line is wrong
    ERROR_INPUT,       // a file given by the user is malformed or does not fit
    ERROR_UNSUPPORTED, // well-formed, but outside of what we compile or run
    ERROR_IO,          // the operating system refused a read, write, map or rename
    ERROR_MEMORY,      // an allocation failed, or a limit on size was passed
    ERROR_INTERNAL,    // our bug: an invariant does not hold
    ERROR_CANCELLED,   // the caller asked to stop
};

struct error {
    enum error_code code;
    const char *file; // of ours, where it was set: its folder tells what part of the program complains
    char message[1024];
};

// Sets code and message, unless `err` is already set. Always returns false, so that callers can
// `return error_set(...)`. A NULL `err` is allowed.
#define error_set(err, code, ...) error_set_in(err, code, __FILE__, __VA_ARGS__)
bool error_set_in(struct error *err, enum error_code code, const char *file, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// Puts "what: " in front of the message: the caller's knowledge of which file or pass it was.
bool error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The name under which docs/errors.md explains such errors: "onnx-unsupported", "usage". Users see it behind the message.
enum { ERROR_NAME_SIZE = 40 };
const char *error_name(const struct error *err, char out[ERROR_NAME_SIZE]);

#endif
