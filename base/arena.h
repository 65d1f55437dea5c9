// Memory by lifetime: an arena hands out zeroed blocks and frees them all at once.
//
// Every structure of a compilation lives in one arena (see struct ir_module); a pass that needs scratch space
// makes its own. Running out of memory, or passing a limit on it, ends the compilation: see arena_scope. Outside of a scope
// it ends the process with a message.
#ifndef WANC_BASE_ARENA_H
#define WANC_BASE_ARENA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
    struct arena_block *head;
    size_t used; // bytes handed out, for reports
};

// `size` zeroed bytes aligned for any type (16 bytes). Never returns NULL: see arena_out_of_memory.
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

// Where a thread goes on when memory is out, in place of the end of the process:
//
//     if (setjmp(*arena_scope_enter(&scope)) == 0) ...work...; else ...there was no memory...;
//     arena_scope_leave(&scope);
//
// Blocks that arenas took since, on this thread, and that are not freed when the scope is left, are freed then: those of
// functions that did not come to an end. `limit` is set before the scope is entered, the rest by entering it.
struct arena_scope {
    uint64_t limit; // bytes that these blocks may take at once; 0: no limit. It may change while work goes on
    uint64_t bytes, most; // that they take now, and took at once
    bool exceeded;        // the work ended because of the limit
    jmp_buf target;
    struct arena_block *blocks;
    struct arena_scope *outer;
};
jmp_buf *arena_scope_enter(struct arena_scope *scope);
void arena_scope_leave(struct arena_scope *scope);

// There are no `size` bytes: goes on at the scope of this thread, else prints a message and exits with status 1.
_Noreturn void arena_out_of_memory(size_t size);

#endif
