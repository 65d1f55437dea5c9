// Maps from strings, and names that are unique.
#ifndef WANC_FRONTEND_NAMES_H
#define WANC_FRONTEND_NAMES_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct name_slot {
    const char *name; // NULL: free
    uint64_t hash;
    void *value;
};

// Zeroed is empty. Keys are not copied; memory comes from `arena`.
struct name_map {
    struct arena *arena;
    struct name_slot *slots;
    size_t count, capacity;
};

// The value slot of `name`, added (as NULL) when it is new.
void **name_map_add(struct name_map *map, const char *name);
// The value, or NULL.
void *name_map_find(const struct name_map *map, const char *name);

// Hash of bytes, seeded anew in each run: nobody can prepare a file whose names collide.
uint64_t hash_bytes(const void *data, size_t size);

// `name` with the characters outside of [A-Za-z0-9_.$/-] replaced, shortened when it is very long, and with a
// number appended when `used` has it already. The result lives in the map's arena.
const char *unique_name(struct name_map *used, const char *name);

// Names end up in messages, and messages on terminals: control characters other than line ends become '?', and so do
// bytes that are not UTF-8.
void clean_text(char *text);
// A copy on one line: line ends become '?' as well.
const char *clean_copy(struct arena *arena, const char *text);

#endif
