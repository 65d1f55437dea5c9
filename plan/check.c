// Verification of a plan, once, when it is loaded: afterwards every offset, index, size and string of it may
// be used without a further look. This file checks the file itself and what programs share; check_programs.c
// the tables of the programs, check_ops.c their operators, check_choices.c what these were chosen from, check_passes.c what
// the passes of the compiler left.
#include "plan/check.h"

#include "base/finite.h"
#include "base/size.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

_Static_assert(sizeof(struct plan_header) == 128, "file format");
_Static_assert(sizeof(struct plan_section) == 32, "file format");
_Static_assert(sizeof(struct plan_info) == 40, "file format");
_Static_assert(sizeof(struct plan_program) == 144, "file format");
_Static_assert(sizeof(struct plan_cache) == 48, "file format");
_Static_assert(sizeof(struct plan_constant) == 24, "file format");
_Static_assert(sizeof(struct plan_buffer) == 32, "file format");
_Static_assert(sizeof(struct plan_view) == 64, "file format");
_Static_assert(sizeof(struct plan_op) == 136, "file format");
_Static_assert(sizeof(struct plan_shape) == 32, "file format");
_Static_assert(sizeof(struct plan_choice) == 20, "file format");
_Static_assert(sizeof(struct plan_pass) == 56, "file format");
_Static_assert(sizeof(struct plan_packed) == 88, "file format");
_Static_assert(sizeof(size_t) == 8, "plans are larger than a 32-bit address space");

enum { SECTIONS = PLAN_SECTION_KINDS - 1 };
typedef unsigned long long ull; // for printf

static const struct section_rule {
    const char *name;
    size_t element; // bytes; 0 for WEIGHTS and PACKED_DATA, which are not counted
} section_rules[PLAN_SECTION_KINDS] = {
    [PLAN_SECTION_INFO] = {"INFO", sizeof(struct plan_info)},
    [PLAN_SECTION_STRINGS] = {"STRINGS", 1},
    [PLAN_SECTION_NOTES] = {"NOTES", sizeof(uint32_t)},
    [PLAN_SECTION_PROGRAMS] = {"PROGRAMS", sizeof(struct plan_program)},
    [PLAN_SECTION_CACHES] = {"CACHES", sizeof(struct plan_cache)},
    [PLAN_SECTION_CONSTANTS] = {"CONSTANTS", sizeof(struct plan_constant)},
    [PLAN_SECTION_BUFFERS] = {"BUFFERS", sizeof(struct plan_buffer)},
    [PLAN_SECTION_VIEWS] = {"VIEWS", sizeof(struct plan_view)},
    [PLAN_SECTION_OPS] = {"OPS", sizeof(struct plan_op)},
    [PLAN_SECTION_SHAPES] = {"SHAPES", sizeof(struct plan_shape)},
    [PLAN_SECTION_CHOICES] = {"CHOICES", sizeof(struct plan_choice)},
    [PLAN_SECTION_PASSES] = {"PASSES", sizeof(struct plan_pass)},
    [PLAN_SECTION_TAPS] = {"TAPS", sizeof(struct plan_tap)},
    [PLAN_SECTION_WEIGHTS] = {"WEIGHTS", 0},
    [PLAN_SECTION_PACKED] = {"PACKED", sizeof(struct plan_packed)},
    [PLAN_SECTION_PACKED_DATA] = {"PACKED_DATA", 0},
};

static bool check_host(struct error *err) {
    uint16_t one = 1;
    if (*(unsigned char *)&one == 1) return true;
    return error_set(err, ERROR_UNSUPPORTED, "plans are little-endian and this machine is big-endian");
}

static bool check_version(const struct plan_header *h, struct error *err) {
    if (memcmp(h->magic, PLAN_MAGIC, sizeof h->magic) != 0) {
        return error_set(err, ERROR_INPUT, "not a plan: the file does not start with %s", PLAN_MAGIC);
    }
    if (h->version > PLAN_VERSION) {
        return error_set(err, ERROR_UNSUPPORTED,
                         "written by a newer wanc: plan version %u, this program reads version %u",
                         h->version, PLAN_VERSION);
    }
    if (h->version == PLAN_VERSION) return true;
    return error_set(err, ERROR_UNSUPPORTED,
                     "plan version %u, this program reads version %u: compile the model again", h->version,
                     PLAN_VERSION);
}

static uint64_t header_checksum(const struct plan_header *h) {
    unsigned char bytes[sizeof *h + SECTIONS * sizeof(struct plan_section)];
    memcpy(bytes, h, sizeof bytes);
    memset(bytes + offsetof(struct plan_header, checksum), 0, sizeof h->checksum);
    return XXH3_64bits(bytes, sizeof bytes);
}

static bool check_header(const struct plan_header *h, size_t size, struct error *err) {
    const size_t smallest = sizeof *h + SECTIONS * sizeof(struct plan_section);
    if (size < sizeof *h) {
        return error_set(err, ERROR_INPUT, "not a plan: %zu bytes, the header alone has %zu", size,
                         sizeof *h);
    }
    if (!check_version(h, err)) return false;
    if (h->file_size != size || size < smallest) {
        return error_set(err, ERROR_INPUT,
                         "truncated or changed: the header says %llu bytes, the file has %zu",
                         (ull)h->file_size, size);
    }
    if (h->section_count != SECTIONS) {
        return error_set(err, ERROR_INPUT, "header: %u sections, expected %d", h->section_count, SECTIONS);
    }
    uint64_t sum = header_checksum(h);
    if (sum != h->checksum) {
        return error_set(err, ERROR_INPUT, "header: checksum %016llx, expected %016llx: the file is damaged",
                         (ull)sum, (ull)h->checksum);
    }
    if (memchr(h->build, 0, sizeof h->build) != NULL) return true;
    return error_set(err, ERROR_INPUT, "header: the build text is not NUL-terminated");
}

// `end` is where the previous section ends, and is moved to the end of this one.
static bool check_section(const unsigned char *data, size_t size, const struct plan_section *s, uint32_t kind,
                          uint64_t *end, struct error *err) {
    const struct section_rule *rule = &section_rules[kind];
    if (s->kind != kind) {
        return error_set(err, ERROR_INPUT, "section %u: kind %u, expected %u (%s)", kind - 1, s->kind, kind,
                         rule->name);
    }
    if (s->offset % PLAN_ALIGNMENT != 0 || s->offset < *end || s->offset > size ||
        s->size > size - s->offset) {
        return error_set(
            err, ERROR_INPUT,
            "section %s: %llu bytes at %llu do not lie between %llu and the end of the file at %zu",
            rule->name, (ull)s->size, (ull)s->offset, (ull)*end, size);
    }
    if (rule->element == 0 ? s->count != 0 : s->size != (uint64_t)s->count * rule->element) {
        return error_set(err, ERROR_INPUT, "section %s: %llu bytes for %u elements of %zu bytes", rule->name,
                         (ull)s->size, s->count, rule->element);
    }
    // Packed weights are large, and verified when they are used.
    uint64_t sum = kind == PLAN_SECTION_PACKED_DATA ? 0 : XXH3_64bits(data + s->offset, s->size);
    if (sum != s->checksum) {
        return error_set(err, ERROR_INPUT,
                         "section %s: checksum %016llx, expected %016llx: the file is damaged", rule->name,
                         (ull)sum, (ull)s->checksum);
    }
    *end = s->offset + s->size;
    return true;
}

static bool check_sections(const unsigned char *data, size_t size, struct error *err) {
    const struct plan_section *sections = (const void *)(data + sizeof(struct plan_header));
    uint64_t end = sizeof(struct plan_header) + SECTIONS * sizeof(struct plan_section);
    for (uint32_t kind = 1; kind < PLAN_SECTION_KINDS; kind++) {
        if (!check_section(data, size, &sections[kind - 1], kind, &end, err)) return false;
    }
    return true;
}

static void point(struct plan *p, const unsigned char *data) {
    const struct plan_section *s = (const void *)(data + sizeof(struct plan_header));
    s -= 1; // kinds count from 1
    *p = (struct plan){
        .header = (const void *)data,
        .info = (const void *)(data + s[PLAN_SECTION_INFO].offset),
        .strings = (const char *)data + s[PLAN_SECTION_STRINGS].offset,
        .strings_size = s[PLAN_SECTION_STRINGS].count,
        .notes = (const void *)(data + s[PLAN_SECTION_NOTES].offset),
        .note_count = s[PLAN_SECTION_NOTES].count,
        .programs = (const void *)(data + s[PLAN_SECTION_PROGRAMS].offset),
        .program_count = s[PLAN_SECTION_PROGRAMS].count,
        .caches = (const void *)(data + s[PLAN_SECTION_CACHES].offset),
        .cache_count = s[PLAN_SECTION_CACHES].count,
        .constants = (const void *)(data + s[PLAN_SECTION_CONSTANTS].offset),
        .constant_count = s[PLAN_SECTION_CONSTANTS].count,
        .buffers = (const void *)(data + s[PLAN_SECTION_BUFFERS].offset),
        .buffer_count = s[PLAN_SECTION_BUFFERS].count,
        .views = (const void *)(data + s[PLAN_SECTION_VIEWS].offset),
        .view_count = s[PLAN_SECTION_VIEWS].count,
        .ops = (const void *)(data + s[PLAN_SECTION_OPS].offset),
        .op_count = s[PLAN_SECTION_OPS].count,
        .shapes = (const void *)(data + s[PLAN_SECTION_SHAPES].offset),
        .shape_count = s[PLAN_SECTION_SHAPES].count,
        .choices = (const void *)(data + s[PLAN_SECTION_CHOICES].offset),
        .choice_count = s[PLAN_SECTION_CHOICES].count,
        .passes = (const void *)(data + s[PLAN_SECTION_PASSES].offset),
        .pass_count = s[PLAN_SECTION_PASSES].count,
        .taps = (const void *)(data + s[PLAN_SECTION_TAPS].offset),
        .tap_count = s[PLAN_SECTION_TAPS].count,
        .weights = data + s[PLAN_SECTION_WEIGHTS].offset,
        .weights_size = s[PLAN_SECTION_WEIGHTS].size,
        .packed = (const void *)(data + s[PLAN_SECTION_PACKED].offset),
        .packed_count = s[PLAN_SECTION_PACKED].count,
        .packed_data = data + s[PLAN_SECTION_PACKED_DATA].offset,
        .packed_data_size = s[PLAN_SECTION_PACKED_DATA].size,
    };
}

// A table that starts and ends with a NUL makes every offset inside of it a terminated string.
static bool check_string_table(const struct plan *p, struct error *err) {
    if (p->strings_size > 0 && p->strings[0] == 0 && p->strings[p->strings_size - 1] == 0) return true;
    return error_set(err, ERROR_INPUT, "section STRINGS: does not start and end with a NUL");
}

bool plan_check_string(const struct plan *p, uint32_t offset, const char *table, uint32_t i,
                       struct error *err) {
    if (offset < p->strings_size) return true;
    return error_set(err, ERROR_INPUT, "%s %u: string at %u, the table has %u bytes", table, i, offset,
                     p->strings_size);
}

static bool check_info(const struct plan *p, struct error *err) {
    const struct plan_info *info = p->info;
    uint32_t frames = p->programs[0].variant[PLAN_FIRST].frames;
    if (info->first_kept > frames) {
        return error_set(err, ERROR_INPUT, "info: keeps %u of the %u frames of the first step",
                         info->first_kept, frames);
    }
    if (!(info->error_bound >= 0 && info->error_limit >= 0) || isinf(info->error_bound) ||
        isinf(info->error_limit)) {
        return error_set(err, ERROR_INPUT, "info: error bound %g, limit %g; expected numbers of at least 0",
                         (double)info->error_bound, (double)info->error_limit);
    }
    return plan_check_string(p, info->model_name, "info", 0, err) &&
           plan_check_string(p, info->form, "info", 0, err);
}

static bool check_notes(const struct plan *p, struct error *err) {
    for (uint32_t i = 0; i < p->note_count; i++) {
        if (!plan_check_string(p, p->notes[i], "note", i, err)) return false;
    }
    return true;
}

// By ascending offset: if they could overlap, a small file could have any number of numbers, all of which are looked at.
static bool check_constants(const struct plan *p, struct error *err) {
    uint64_t total = 0, end = 0;
    for (uint32_t i = 0; i < p->constant_count; i++) {
        const struct plan_constant *c = &p->constants[i];
        if (!plan_check_string(p, c->name, "constant", i, err)) return false;
        if (c->count == 0 || c->bytes != (uint64_t)c->count * sizeof(float)) {
            return error_set(err, ERROR_INPUT, "constant %u: %u floats in %llu bytes", i, c->count,
                             (ull)c->bytes);
        }
        uint64_t room = c->bytes + PLAN_EXTRA_BYTES; // kernels may read past the end
        if (c->offset % PLAN_ALIGNMENT != 0 || c->offset > p->weights_size ||
            room > p->weights_size - c->offset) {
            return error_set(err, ERROR_INPUT,
                             "constant %u: %llu bytes and %d spare at %llu, the weights have %llu", i,
                             (ull)c->bytes, PLAN_EXTRA_BYTES, (ull)c->offset, (ull)p->weights_size);
        }
        if (c->offset < end)
            return error_set(err, ERROR_INPUT, "constant %u: at %llu, the one before it ends at %llu", i,
                             (ull)c->offset, (ull)end);
        end = c->offset + c->bytes;
        // One would spread over all frames, and the model that it comes from is broken.
        if (!floats_are_finite((const float *)(p->weights + c->offset), c->count))
            return error_set(err, ERROR_INPUT, "constant %u (%s): NaN or infinity among its %u numbers", i,
                             plan_string(p, c->name), c->count);
        total += c->bytes;
    }
    if (total == p->info->weight_bytes) return true;
    return error_set(err, ERROR_INPUT, "info: weights of %llu bytes, the constants have %llu",
                     (ull)p->info->weight_bytes, (ull)total);
}

// Keys only compare: one that fits no operator is never used. XNNPACK says how many bytes it reads when an operator is
// made.
static bool check_packed(const struct plan *p, struct error *err) {
    for (uint32_t i = 0; i < p->packed_count; i++) {
        const struct plan_packed *w = &p->packed[i];
        uint64_t size = p->packed_data_size;
        if (w->offset % PLAN_ALIGNMENT == 0 && w->offset <= size && w->bytes <= size - w->offset &&
            PLAN_EXTRA_BYTES <= size - w->offset - w->bytes)
            continue;
        return error_set(err, ERROR_INPUT, "packed weights %u: %llu bytes at %llu, the section has %llu", i,
                         (ull)w->bytes, (ull)w->offset, (ull)size);
    }
    return true;
}

bool plan_check(struct plan *plan, const unsigned char *data, size_t size, struct error *err) {
    *plan = (struct plan){0};
    if (!check_host(err) || !check_header((const void *)data, size, err) ||
        !check_sections(data, size, err)) {
        return false;
    }
    struct plan p;
    point(&p, data);
    const struct plan_section *info = (const struct plan_section *)(p.header + 1) + PLAN_SECTION_INFO - 1;
    if (info->count != 1)
        return error_set(err, ERROR_INPUT, "section INFO: %u elements, expected 1", info->count);
    if (!check_string_table(&p, err) || !plan_check_division(&p, err) || !check_info(&p, err) ||
        !check_notes(&p, err) || !check_constants(&p, err) || !check_packed(&p, err)) {
        return false;
    }
    for (uint32_t i = 0; i < p.program_count; i++) {
        if (!plan_check_program(&p, i, err)) return error_prefix(err, "program %u", i);
    }
    if (!plan_check_choices(&p, err) || !plan_check_passes(&p, err) || !plan_check_taps(&p, err))
        return false;
    *plan = p;
    return true;
}
