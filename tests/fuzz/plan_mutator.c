#include "plan_mutator.h"

#include "fuzz.h"
#include "plan/plan.h"
#include "tests/support/plan_repair.h"

#include <stdlib.h>
#include <string.h>

enum {
    SECTIONS = PLAN_SECTION_KINDS - 1,
    HEAD = sizeof(struct plan_header) + SECTIONS * sizeof(struct plan_section),
    MOST_CHANGES = 3
};

// Bytes of an element; 0: WEIGHTS and PACKED_DATA have none.
static const size_t element_size[PLAN_SECTION_KINDS] = {
    [PLAN_SECTION_INFO] = sizeof(struct plan_info),
    [PLAN_SECTION_STRINGS] = 1,
    [PLAN_SECTION_NOTES] = sizeof(uint32_t),
    [PLAN_SECTION_PROGRAMS] = sizeof(struct plan_program),
    [PLAN_SECTION_CACHES] = sizeof(struct plan_cache),
    [PLAN_SECTION_CONSTANTS] = sizeof(struct plan_constant),
    [PLAN_SECTION_BUFFERS] = sizeof(struct plan_buffer),
    [PLAN_SECTION_VIEWS] = sizeof(struct plan_view),
    [PLAN_SECTION_OPS] = sizeof(struct plan_op),
    [PLAN_SECTION_SHAPES] = sizeof(struct plan_shape),
    [PLAN_SECTION_CHOICES] = sizeof(struct plan_choice),
    [PLAN_SECTION_PASSES] = sizeof(struct plan_pass),
    [PLAN_SECTION_TAPS] = sizeof(struct plan_tap),
    [PLAN_SECTION_PACKED] = sizeof(struct plan_packed),
};

// What decides about memory is changed most often.
static const unsigned char weights[PLAN_SECTION_KINDS] = {
    [PLAN_SECTION_INFO] = 2,        [PLAN_SECTION_STRINGS] = 1, [PLAN_SECTION_NOTES] = 1,
    [PLAN_SECTION_PROGRAMS] = 6,    [PLAN_SECTION_CACHES] = 6,  [PLAN_SECTION_CONSTANTS] = 4,
    [PLAN_SECTION_BUFFERS] = 10,    [PLAN_SECTION_VIEWS] = 16,  [PLAN_SECTION_OPS] = 24,
    [PLAN_SECTION_SHAPES] = 2,      [PLAN_SECTION_CHOICES] = 2, [PLAN_SECTION_PASSES] = 2,
    [PLAN_SECTION_TAPS] = 6,        [PLAN_SECTION_WEIGHTS] = 1, [PLAN_SECTION_PACKED] = 4,
    [PLAN_SECTION_PACKED_DATA] = 1,
};

struct mutation {
    uint8_t *data;
    size_t size, room;
    uint64_t random;
};

static uint32_t below(struct mutation *m, uint64_t n) {
    return n == 0 ? 0 : (uint32_t)(fuzz_random(&m->random) % n);
}

static struct plan_section *section(struct mutation *m, uint32_t kind) {
    return (struct plan_section *)(m->data + sizeof(struct plan_header)) + kind - 1;
}

// ---- the file

static bool is_inside(const struct plan_section *s, size_t size) {
    return s->offset <= size && s->size <= size - s->offset;
}

void plan_repair(uint8_t *data, size_t size) {
    struct plan_header *h = (struct plan_header *)data;
    if (size < HEAD) return;
    memcpy(h->magic, PLAN_MAGIC, sizeof h->magic);
    h->version = PLAN_VERSION;
    h->section_count = SECTIONS;
    h->file_size = size;
    plan_repair_checksums(data, size);
}

static bool is_plan(struct mutation *m) {
    if (m->size < HEAD) return false;
    uint64_t end = HEAD;
    for (uint32_t kind = 1; kind <= SECTIONS; kind++) {
        const struct plan_section *s = section(m, kind);
        if (s->kind != kind || s->offset < end || s->offset % PLAN_ALIGNMENT != 0 || !is_inside(s, m->size))
            return false;
        if (element_size[kind] > 0 && s->size != (uint64_t)s->count * element_size[kind]) return false;
        end = s->offset + s->size;
    }
    return true;
}

// The section gets this size; what is behind it moves, what is inside stays.
static bool resize(struct mutation *m, uint32_t kind, uint64_t bytes) {
    struct plan_section *s = section(m, kind);
    uint64_t tail = s->offset + s->size, end = s->offset + bytes, moved;
    if (kind < SECTIONS) {
        tail = section(m, kind + 1)->offset;
        end = (end + PLAN_ALIGNMENT - 1) / PLAN_ALIGNMENT * PLAN_ALIGNMENT;
    }
    moved = m->size - tail;
    if (end + moved > m->room) return false;
    memmove(m->data + end, m->data + tail, moved);
    if (bytes > s->size) memset(m->data + s->offset + s->size, 0, end - s->offset - s->size);
    m->size = end + moved;
    s->size = bytes;
    if (element_size[kind] > 0) s->count = (uint32_t)(bytes / element_size[kind]);
    for (uint32_t k = kind + 1; k <= SECTIONS; k++) section(m, k)->offset += end - tail;
    return true;
}

// ---- numbers

static uint64_t odd_number(struct mutation *m, uint64_t old) {
    static const uint64_t numbers[] = {0,
                                       1,
                                       2,
                                       3,
                                       64,
                                       PLAN_NONE,
                                       1u << 10,
                                       1u << 24,
                                       1u << 31,
                                       UINT32_MAX - 1,
                                       (uint64_t)1 << 46,
                                       (uint64_t)1 << 32,
                                       (uint64_t)1 << 62,
                                       UINT64_MAX,
                                       UINT64_MAX / 2};
    switch (below(m, 8)) {
    case 0: return old + 1;
    case 1: return old - 1;
    case 2: return old * 2;
    case 3: return old / 2;
    case 4: return below(m, 16);
    case 5: return old + 64 * (below(m, 9) - (uint64_t)4);
    case 6: return fuzz_random(&m->random);
    default: return numbers[below(m, sizeof numbers / sizeof *numbers)];
    }
}

// One field of an element: a number of 4 bytes, or of 8 where these begin.
static void change_field(struct mutation *m, uint32_t kind) {
    struct plan_section *s = section(m, kind);
    size_t element = element_size[kind], wide = below(m, 3) == 0 ? 8 : 4;
    if (s->count == 0 || element < wide) return;
    size_t field = below(m, element / wide) * wide;
    uint8_t *at = m->data + s->offset + below(m, s->count) * element + field;
    uint64_t number = 0;
    memcpy(&number, at, wide);
    number = odd_number(m, number);
    if (below(m, 4) == 0) memcpy(&number, m->data + s->offset + below(m, s->count) * element + field, wide);
    memcpy(at, &number, wide);
}

static void copy_element(struct mutation *m, uint32_t kind) {
    struct plan_section *s = section(m, kind);
    size_t element = element_size[kind];
    if (s->count < 2) return;
    uint8_t *base = m->data + s->offset;
    memmove(base + below(m, s->count) * element, base + below(m, s->count) * element, element);
}

// ---- more elements, or fewer

// The programs divide operators and buffers: what is behind element `at` moves by `by`.
static void move_parts(struct mutation *m, uint32_t kind, uint32_t at, uint32_t by) {
    struct plan_section *s = section(m, PLAN_SECTION_PROGRAMS);
    struct plan_program *g = (struct plan_program *)(m->data + s->offset);
    for (uint32_t i = 0; i < s->count; i++) {
        for (int v = 0; v < PLAN_VARIANTS; v++) {
            struct plan_variant_info *info = &g[i].variant[v];
            uint32_t *first = kind == PLAN_SECTION_OPS ? &info->first_op : &info->first_buffer;
            uint32_t *count = kind == PLAN_SECTION_OPS ? &info->op_count : &info->buffer_count;
            if (at >= *first && at - *first < *count) *count += by;
            else if (*first > at) *first += by;
        }
    }
}

static void insert_element(struct mutation *m, uint32_t kind) {
    struct plan_section *s = section(m, kind);
    size_t element = element_size[kind];
    if (s->count == 0) return;
    uint32_t at = below(m, s->count), count = s->count;
    if (!resize(m, kind, s->size + element)) return;
    uint8_t *base = m->data + s->offset;
    memmove(base + (at + 1) * element, base + at * element, (count - at) * element);
    if (kind == PLAN_SECTION_OPS || kind == PLAN_SECTION_BUFFERS) move_parts(m, kind, at, 1);
}

static void drop_element(struct mutation *m, uint32_t kind) {
    struct plan_section *s = section(m, kind);
    size_t element = element_size[kind];
    if (s->count == 0) return;
    uint32_t at = below(m, s->count);
    uint8_t *base = m->data + s->offset;
    memmove(base + at * element, base + (at + 1) * element, (s->count - at - 1) * element);
    if (kind == PLAN_SECTION_OPS || kind == PLAN_SECTION_BUFFERS) move_parts(m, kind, at, UINT32_MAX);
    resize(m, kind, s->size - element);
}

// ---- all of it

static void change_bytes(struct mutation *m, uint32_t kind) {
    struct plan_section *s = section(m, kind);
    if (s->size > 0) LLVMFuzzerMutate(m->data + s->offset, s->size, s->size);
}

static uint32_t any_kind(struct mutation *m) {
    uint32_t total = 0, kind = 0;
    for (uint32_t k = 1; k <= SECTIONS; k++) total += weights[k];
    for (uint32_t left = below(m, total) + 1; left > 0; left -= left < weights[kind] ? left : weights[kind])
        kind++;
    return kind;
}

// Seldom the section table itself: it must be refused.
static void change_table(struct mutation *m) {
    uint8_t *at =
        m->data + sizeof(struct plan_header) + below(m, SECTIONS * sizeof(struct plan_section) / 8) * 8;
    uint64_t number;
    memcpy(&number, at, sizeof number);
    number = odd_number(m, number);
    memcpy(at, &number, sizeof number);
}

static void change(struct mutation *m) {
    uint32_t kind = any_kind(m), how = below(m, 32);
    if (element_size[kind] < sizeof(uint32_t) || how == 0) change_bytes(m, kind);
    else if (how == 1) insert_element(m, kind);
    else if (how == 2) drop_element(m, kind);
    else if (how < 5) copy_element(m, kind);
    else change_field(m, kind);
}

size_t plan_mutate(uint8_t *data, size_t size, size_t max_size, uint64_t seed) {
    struct mutation m = {data, size, max_size, (seed + 1) * 0x9e3779b97f4a7c15u | 1};
    if (!is_plan(&m)) return 0;
    for (uint32_t i = 1 + below(&m, MOST_CHANGES); i > 0; i--) change(&m);
    if (below(&m, 64) == 0) change_table(&m);
    plan_repair(m.data, m.size);
    return m.size;
}
