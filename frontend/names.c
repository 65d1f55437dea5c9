#include "frontend/names.h"

#include "base/size.h"

#include <string.h>

enum { MAX_NAME = 200 };

WRAPS uint64_t hash_bytes(const void *data, size_t size) {
    static const char anchor; // its address is random under ASLR
    uint64_t h = (uint64_t)(uintptr_t)&anchor * 0x9e3779b97f4a7c15u ^ size;
    for (const unsigned char *p = data; size > 0;) {
        uint64_t word = 0;
        size_t n = size < 8 ? size : 8;
        memcpy(&word, p, n);
        p += n;
        size -= n;
        h = (h ^ word) * 0x9fb21c651e98df25u;
        h ^= h >> 35;
    }
    return h ^ h >> 29;
}

static struct name_slot *find_slot(const struct name_map *map, const char *name, uint64_t hash) {
    size_t i = hash & (map->capacity - 1);
    while (map->slots[i].name != NULL) {
        if (map->slots[i].hash == hash && strcmp(map->slots[i].name, name) == 0) break;
        i = (i + 1) & (map->capacity - 1);
    }
    return &map->slots[i];
}

static void grow(struct name_map *map) {
    struct name_map bigger = {.arena = map->arena, .count = map->count};
    bigger.capacity = map->capacity == 0 ? 64 : map->capacity * 2;
    bigger.slots = arena_array(map->arena, bigger.capacity, sizeof *bigger.slots);
    for (size_t i = 0; i < map->capacity; i++) {
        const struct name_slot *s = &map->slots[i];
        if (s->name != NULL) *find_slot(&bigger, s->name, s->hash) = *s;
    }
    *map = bigger;
}

void **name_map_add(struct name_map *map, const char *name) {
    if (map->count * 2 >= map->capacity) grow(map);
    uint64_t hash = hash_bytes(name, strlen(name));
    struct name_slot *s = find_slot(map, name, hash);
    if (s->name == NULL) {
        *s = (struct name_slot){.name = name, .hash = hash};
        map->count++;
    }
    return &s->value;
}

void *name_map_find(const struct name_map *map, const char *name) {
    if (map->capacity == 0) return NULL;
    return find_slot(map, name, hash_bytes(name, strlen(name)))->value;
}

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_.$/-", c) != NULL);
}

const char *unique_name(struct name_map *used, const char *name) {
    char clean[MAX_NAME + 1];
    size_t n = 0;
    for (; n < MAX_NAME && name[n] != '\0'; n++) clean[n] = is_name_char(name[n]) ? name[n] : '_';
    if (n == 0) clean[n++] = '_';
    clean[n] = '\0';
    const char *result = arena_strdup(used->arena, clean);
    uintptr_t taken = (uintptr_t)name_map_find(used, result); // how often: the next number to try
    while (taken > 0) {
        const char *other = arena_printf(used->arena, "%s.%zu", clean, (size_t)++taken);
        *name_map_add(used, result) = (void *)taken;
        if (name_map_find(used, other) != NULL) continue;
        result = other;
        taken = 0;
    }
    *name_map_add(used, result) = (void *)(uintptr_t)1;
    return result;
}

// The length of the UTF-8 character here, 1 to 4; 0 if there is none.
static int utf8_length(const unsigned char *c) {
    int n = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;
    for (int i = 1; i < n; i++) {
        if ((c[i] & 0xc0) != 0x80) return 0; // the end of the text as well
    }
    bool longer = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90); // than it needs to be
    bool beyond =
        (c[0] == 0xed && c[1] >= 0xa0) || (c[0] == 0xf4 && c[1] >= 0x90); // surrogates, over U+10FFFF
    return n > 2 && (longer || beyond) ? 0 : n;
}

static void clean(char *text, bool keep_lines) {
    for (unsigned char *c = (unsigned char *)text; *c != '\0';) {
        int n = utf8_length(c);
        bool control = (*c < ' ' && !(keep_lines && *c == '\n')) || *c == 0x7f;
        if (n == 0 || control) *c = '?';
        c += n ? n : 1;
    }
}

void clean_text(char *text) { clean(text, true); }

const char *clean_copy(struct arena *arena, const char *text) {
    char *copy = arena_strdup(arena, text);
    clean(copy, false);
    return copy;
}
