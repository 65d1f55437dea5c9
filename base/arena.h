// Memory by lifetime: an arena hands out zeroed blocks and frees them all at once.
//
// Every structure of a compilation lives in one arena (see struct ir_module); a pass that needs scratch space
// makes its own. Running out of memory ends the compiler with a message: its structures are small (the big
// things, weights, are mapped files) and the limits on them are enforced at import.
#ifndef WANC_BASE_ARENA_H
#define WANC_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *head;
    size_t used; // bytes handed out, for reports
};

// `size` zeroed bytes aligned for any type (16 bytes). Never returns NULL: prints a message and exits with
// status 1 when the system has no memory left.
void *arena_alloc(struct arena *a, size_t size);
// An array of `count` elements; the product is checked for overflow.
void *arena_array(struct arena *a, size_t count, size_t element_size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull(2)));
char *arena_vprintf(struct arena *a, const char *format, va_list args)
    __attribute__((format(printf, 2, 0), nonnull));
// Makes room for element `count` in a growing array: returns `array`, or a copy with twice the capacity.
void *arena_grow(struct arena *a, void *array, size_t count, size_t *capacity, size_t element_size);
void arena_free(struct arena *a);

#endif
