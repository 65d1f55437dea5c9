// Building a plan: tables grow in the arena, and are laid out, streamed and verified by plan_writer_save.
#include "plan/write.h"

#include "base/finite.h"
#include "base/size.h"
#include "plan/check.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

enum { SECTIONS = PLAN_SECTION_KINDS - 1, CHUNK_FLOATS = 64 * 1024 };

// A growing array of elements of one size.
struct table {
    unsigned char *data;
    size_t count, capacity, element;
};

// Finds equal entries of a table: slots hold index + 1.
struct interner {
    uint32_t *slots;
    size_t capacity, count;
};

struct fill {
    plan_fill_fn *fn;
    const void *context;
};

// A program being built: pointers to it stay valid.
struct program {
    struct plan_program info;
    struct table caches, shapes, passes, buffers[PLAN_VARIANTS], ops[PLAN_VARIANTS], choices[PLAN_VARIANTS],
        taps[PLAN_VARIANTS];
    uint32_t op_base[PLAN_VARIANTS]; // what has been added to the operators of choices and taps
};

struct plan_writer {
    struct arena *arena;
    struct plan_info info;
    struct program *programs[PLAN_MAX_PROGRAMS], *current;
    int program_count;
    struct table strings, string_offsets, notes, constants, fills, views, packed, packed_data;
    struct interner known_strings, known_views;
    uint64_t weights_size, packed_size;
};

static uint32_t table_add(struct arena *a, struct table *t, const void *element) {
    t->data = arena_grow(a, t->data, t->count, &t->capacity, t->element);
    memcpy(t->data + t->count * t->element, element, t->element);
    return (uint32_t)t->count++;
}

static void *table_at(const struct table *t, size_t i) { return t->data + i * t->element; }

struct plan_writer *plan_writer_new(struct arena *arena) {
    struct plan_writer *w = arena_alloc(arena, sizeof *w);
    w->arena = arena;
    w->strings.element = 1;
    w->string_offsets.element = w->notes.element = sizeof(uint32_t);
    w->constants.element = sizeof(struct plan_constant);
    w->fills.element = sizeof(struct fill);
    w->views.element = sizeof(struct plan_view);
    w->packed.element = sizeof(struct plan_packed);
    w->packed_data.element = sizeof(const void *);
    plan_writer_string(w, ""); // offset 0
    return w;
}

struct plan_program *plan_writer_add_program(struct plan_writer *w) {
    if (w->program_count == PLAN_MAX_PROGRAMS) return NULL;
    struct program *g = w->programs[w->program_count++] = arena_alloc(w->arena, sizeof *g);
    g->caches.element = sizeof(struct plan_cache);
    g->shapes.element = sizeof(struct plan_shape);
    g->passes.element = sizeof(struct plan_pass);
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        g->buffers[v].element = sizeof(struct plan_buffer);
        g->ops[v].element = sizeof(struct plan_op);
        g->choices[v].element = sizeof(struct plan_choice);
        g->taps[v].element = sizeof(struct plan_tap);
    }
    w->current = g;
    return &g->info;
}

struct plan_program *plan_writer_program(struct plan_writer *w) {
    return &w->current->info;
}

struct plan_info *plan_writer_info(struct plan_writer *w) {
    return &w->info;
}

// ---- interning: equal strings and equal views share one entry

typedef bool equal_fn(const struct plan_writer *w, uint32_t entry, const void *key);
typedef uint64_t hash_fn(const struct plan_writer *w, uint32_t entry);

static void interner_put(struct interner *n, uint64_t hash, uint32_t entry) {
    size_t i = hash % n->capacity;
    while (n->slots[i] != 0) i = (i + 1) % n->capacity;
    n->slots[i] = entry + 1;
}

static void interner_add(struct plan_writer *w, struct interner *n, uint64_t hash, uint32_t entry,
                         hash_fn *rehash) {
    if (2 * (n->count + 1) > n->capacity) {
        struct interner bigger = {.capacity = n->capacity == 0 ? 64 : 4 * n->capacity, .count = n->count};
        bigger.slots = arena_array(w->arena, bigger.capacity, sizeof *bigger.slots);
        for (uint32_t e = 0; e < n->count; e++) interner_put(&bigger, rehash(w, e), e);
        *n = bigger;
    }
    interner_put(n, hash, entry);
    n->count++;
}

// The entry equal to `key`, or PLAN_NONE.
static uint32_t interner_find(const struct plan_writer *w, const struct interner *n, uint64_t hash,
                              equal_fn *equal, const void *key) {
    if (n->capacity == 0) return PLAN_NONE;
    for (size_t i = hash % n->capacity; n->slots[i] != 0; i = (i + 1) % n->capacity) {
        if (equal(w, n->slots[i] - 1, key)) return n->slots[i] - 1;
    }
    return PLAN_NONE;
}

static uint32_t string_offset(const struct plan_writer *w, uint32_t entry) {
    return *(const uint32_t *)table_at(&w->string_offsets, entry);
}

static const char *string_text(const struct plan_writer *w, uint32_t entry) {
    return (const char *)w->strings.data + string_offset(w, entry);
}

static bool string_equal(const struct plan_writer *w, uint32_t entry, const void *key) {
    return strcmp(string_text(w, entry), key) == 0;
}

static uint64_t string_hash(const struct plan_writer *w, uint32_t entry) {
    return XXH3_64bits(string_text(w, entry), strlen(string_text(w, entry)));
}

uint32_t plan_writer_string(struct plan_writer *w, const char *text) {
    uint64_t hash = XXH3_64bits(text, strlen(text));
    uint32_t found = interner_find(w, &w->known_strings, hash, string_equal, text);
    if (found != PLAN_NONE) return string_offset(w, found);
    uint32_t offset = (uint32_t)w->strings.count;
    uint32_t entry = table_add(w->arena, &w->string_offsets, &offset);
    for (const char *c = text;; c++) {
        table_add(w->arena, &w->strings, c);
        if (*c == 0) break;
    }
    interner_add(w, &w->known_strings, hash, entry, string_hash);
    return offset;
}

static bool view_equal(const struct plan_writer *w, uint32_t entry, const void *key) {
    return memcmp(table_at(&w->views, entry), key, sizeof(struct plan_view)) == 0;
}

static uint64_t view_hash(const struct plan_writer *w, uint32_t entry) {
    return XXH3_64bits(table_at(&w->views, entry), sizeof(struct plan_view));
}

uint32_t plan_writer_view(struct plan_writer *w, struct plan_view view) {
    uint64_t hash = XXH3_64bits(&view, sizeof view);
    uint32_t found = interner_find(w, &w->known_views, hash, view_equal, &view);
    if (found != PLAN_NONE) return found;
    uint32_t entry = table_add(w->arena, &w->views, &view);
    interner_add(w, &w->known_views, hash, entry, view_hash);
    return entry;
}

// ---- the other tables

// Equal notes are said once.
void plan_writer_note(struct plan_writer *w, const char *text) {
    uint32_t note = plan_writer_string(w, text);
    for (size_t i = 0; i < w->notes.count; i++) {
        if (*(uint32_t *)table_at(&w->notes, i) == note) return;
    }
    table_add(w->arena, &w->notes, &note);
}

uint32_t plan_writer_cache(struct plan_writer *w, struct plan_cache cache) {
    return table_add(w->arena, &w->current->caches, &cache);
}

uint32_t plan_writer_constant(struct plan_writer *w, const char *name, uint32_t count, plan_fill_fn *fill,
                              const void *context) {
    struct plan_constant c = {.name = plan_writer_string(w, name),
                              .count = count,
                              .offset = w->weights_size,
                              .bytes = (uint64_t)count * sizeof(float)};
    w->weights_size = size_align(c.offset + c.bytes, PLAN_ALIGNMENT);
    table_add(w->arena, &w->fills, &(struct fill){fill, context});
    return table_add(w->arena, &w->constants, &c);
}

void plan_writer_packed(struct plan_writer *w, struct plan_packed packed, const void *data) {
    packed.offset = w->packed_size;
    packed.checksum = XXH3_64bits(data, packed.bytes);
    w->packed_size = size_align(packed.offset + packed.bytes, PLAN_ALIGNMENT);
    table_add(w->arena, &w->packed, &packed);
    table_add(w->arena, &w->packed_data, &data);
}

uint32_t plan_writer_buffer(struct plan_writer *w, enum plan_variant v, struct plan_buffer buffer) {
    return table_add(w->arena, &w->current->buffers[v], &buffer);
}

// A union keeps what was there behind the member that is set.
static void clear_unused_words(struct plan_op *op) {
    if (op->kind >= PLAN_OP_KINDS) return; // a test of what readers refuse
    for (uint32_t i = plan_op_rule(op->kind)->param_words; i < PLAN_PARAM_WORDS; i++) op->params.words[i] = 0;
}

uint32_t plan_writer_op(struct plan_writer *w, enum plan_variant v, struct plan_op op) {
    clear_unused_words(&op);
    return table_add(w->arena, &w->current->ops[v], &op);
}

void plan_writer_choice(struct plan_writer *w, enum plan_variant v, struct plan_choice choice) {
    table_add(w->arena, &w->current->choices[v], &choice);
}

void plan_writer_tap(struct plan_writer *w, enum plan_variant v, struct plan_tap tap) {
    table_add(w->arena, &w->current->taps[v], &tap);
}

void plan_writer_shape(struct plan_writer *w, struct plan_shape shape) {
    table_add(w->arena, &w->current->shapes, &shape);
}

void plan_writer_pass(struct plan_writer *w, struct plan_pass pass) {
    pass.program = (uint32_t)w->program_count - 1;
    table_add(w->arena, &w->current->passes, &pass);
}

_Static_assert(offsetof(struct plan_choice, op) == 0 && offsetof(struct plan_tap, op) == 0, "see move_ops");

// Of rows that begin with the number of an operator.
static void move_ops(struct table *rows, uint32_t ops) {
    for (size_t i = 0; i < rows->count; i++) *(uint32_t *)table_at(rows, i) += ops;
}

// The program's parts lie behind those of the programs before it; `next` counts them.
static void complete_program(struct program *g, struct plan_program *next) {
    g->info.first_cache = next->first_cache;
    g->info.first_shape = next->first_shape;
    next->first_cache += g->info.cache_count = (uint32_t)g->caches.count;
    next->first_shape += g->info.shape_count = (uint32_t)g->shapes.count;
    struct plan_variant_info *n = &next->variant[0];
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        struct plan_variant_info *i = &g->info.variant[v];
        i->first_op = n->first_op;
        move_ops(&g->choices[v], n->first_op - g->op_base[v]);
        move_ops(&g->taps[v], n->first_op - g->op_base[v]);
        g->op_base[v] = n->first_op;
        i->first_buffer = n->first_buffer;
        n->first_op += i->op_count = (uint32_t)g->ops[v].count;
        n->first_buffer += i->buffer_count = (uint32_t)g->buffers[v].count;
    }
}

static void complete_info(struct plan_writer *w) {
    struct plan_program next = {0};
    for (int i = 0; i < w->program_count; i++) complete_program(w->programs[i], &next);
    w->info.weight_bytes = 0;
    for (size_t i = 0; i < w->constants.count; i++) {
        w->info.weight_bytes += ((struct plan_constant *)table_at(&w->constants, i))->bytes;
    }
}

// ---- the file

// What is being written, section by section.
struct output {
    struct file_out file;
    struct plan_section sections[SECTIONS];
    XXH3_state_t *hash; // of the section being written
    struct error *err;
};

static bool put(struct output *o, const void *data, size_t size) {
    if (size == 0) return true;
    XXH3_64bits_update(o->hash, data, size);
    return file_write(&o->file, data, size, o->err);
}

static bool put_zeros(struct output *o, uint64_t size) {
    static const char zeros[PLAN_ALIGNMENT + PLAN_EXTRA_BYTES];
    return put(o, zeros, size);
}

static bool begin_section(struct output *o, uint32_t kind, uint64_t count) {
    uint64_t offset = size_align(o->file.size, PLAN_ALIGNMENT);
    if (count > UINT32_MAX)
        return error_set(o->err, ERROR_MEMORY, "section %u: %zu elements", kind, (size_t)count);
    if (!put_zeros(o, offset - o->file.size)) return false;
    o->sections[kind - 1] = (struct plan_section){.kind = kind, .count = (uint32_t)count, .offset = offset};
    XXH3_64bits_reset(o->hash);
    return true;
}

static bool end_section(struct output *o, uint32_t kind) {
    struct plan_section *s = &o->sections[kind - 1];
    s->size = o->file.size - s->offset;
    s->checksum = XXH3_64bits_digest(o->hash);
    return true;
}

static bool put_tables(struct output *o, uint32_t kind, const struct table *tables, int n) {
    size_t count = 0;
    for (int i = 0; i < n; i++) count += tables[i].count;
    bool ok = begin_section(o, kind, count);
    for (int i = 0; i < n && ok; i++) ok = put(o, tables[i].data, tables[i].count * tables[i].element);
    return ok && end_section(o, kind);
}

// The section that each program has `n` tables of.
static bool put_parts(struct output *o, const struct plan_writer *w, uint32_t kind,
                      const struct table *(*part)(const struct program *g), int n) {
    struct table tables[PLAN_MAX_PROGRAMS * PLAN_VARIANTS];
    for (int i = 0; i < w->program_count; i++) {
        for (int k = 0; k < n; k++) tables[n * i + k] = part(w->programs[i])[k];
    }
    return put_tables(o, kind, tables, n * w->program_count);
}

static const struct table *caches_of(const struct program *g) { return &g->caches; }
static const struct table *shapes_of(const struct program *g) { return &g->shapes; }
static const struct table *buffers_of(const struct program *g) { return g->buffers; }
static const struct table *ops_of(const struct program *g) { return g->ops; }
static const struct table *passes_of(const struct program *g) { return &g->passes; }
static const struct table *choices_of(const struct program *g) { return g->choices; }
static const struct table *taps_of(const struct program *g) { return g->taps; }

static bool put_programs(struct output *o, const struct plan_writer *w) {
    struct table tables[PLAN_MAX_PROGRAMS];
    for (int i = 0; i < w->program_count; i++) {
        struct plan_program *g = &w->programs[i]->info;
        tables[i] = (struct table){(unsigned char *)g, 1, 1, sizeof *g};
    }
    return put_tables(o, PLAN_SECTION_PROGRAMS, tables, w->program_count);
}

// `name` is the model's.
static bool put_constant(struct output *o, const struct plan_constant *c, const char *name,
                         const struct fill *fill, float *chunk) {
    for (uint64_t first = 0; first < c->count; first += CHUNK_FLOATS) {
        uint64_t count = c->count - first < CHUNK_FLOATS ? c->count - first : CHUNK_FLOATS;
        fill->fn(fill->context, first, count, chunk);
        if (!floats_are_finite(chunk, count))
            return error_set(o->err, ERROR_INPUT, "weights %s: NaN or infinity among their %u numbers", name,
                             c->count);
        if (!put(o, chunk, count * sizeof *chunk)) return false;
    }
    return put_zeros(o, size_align(c->bytes, PLAN_ALIGNMENT) - c->bytes);
}

static bool put_weights(struct output *o, const struct plan_writer *w) {
    float *chunk = arena_array(w->arena, CHUNK_FLOATS, sizeof *chunk);
    bool ok = begin_section(o, PLAN_SECTION_WEIGHTS, 0);
    for (size_t i = 0; i < w->constants.count && ok; i++) {
        const struct plan_constant *c = table_at(&w->constants, i);
        const char *name = (const char *)w->strings.data + c->name;
        ok = put_constant(o, c, name, table_at(&w->fills, i), chunk);
    }
    return ok && put_zeros(o, PLAN_EXTRA_BYTES) && end_section(o, PLAN_SECTION_WEIGHTS);
}

static bool put_packed_data(struct output *o, const struct plan_writer *w) {
    bool ok = begin_section(o, PLAN_SECTION_PACKED_DATA, 0);
    for (size_t i = 0; i < w->packed.count && ok; i++) {
        const struct plan_packed *packed = table_at(&w->packed, i);
        ok = put(o, *(const void **)table_at(&w->packed_data, i), packed->bytes) &&
             put_zeros(o, size_align(packed->bytes, PLAN_ALIGNMENT) - packed->bytes);
    }
    ok = ok && put_zeros(o, PLAN_EXTRA_BYTES) && end_section(o, PLAN_SECTION_PACKED_DATA);
    o->sections[PLAN_SECTION_PACKED_DATA - 1].checksum = 0; // each has its own
    return ok;
}

static bool put_sections(struct output *o, const struct plan_writer *w) {
    struct table info = {(unsigned char *)&w->info, 1, 1, sizeof w->info};
    return put_tables(o, PLAN_SECTION_INFO, &info, 1) &&
           put_tables(o, PLAN_SECTION_STRINGS, &w->strings, 1) &&
           put_tables(o, PLAN_SECTION_NOTES, &w->notes, 1) && put_programs(o, w) &&
           put_parts(o, w, PLAN_SECTION_CACHES, caches_of, 1) &&
           put_tables(o, PLAN_SECTION_CONSTANTS, &w->constants, 1) &&
           put_parts(o, w, PLAN_SECTION_BUFFERS, buffers_of, PLAN_VARIANTS) &&
           put_tables(o, PLAN_SECTION_VIEWS, &w->views, 1) &&
           put_parts(o, w, PLAN_SECTION_OPS, ops_of, PLAN_VARIANTS) &&
           put_parts(o, w, PLAN_SECTION_SHAPES, shapes_of, 1) &&
           put_parts(o, w, PLAN_SECTION_CHOICES, choices_of, PLAN_VARIANTS) &&
           put_parts(o, w, PLAN_SECTION_PASSES, passes_of, 1) &&
           put_parts(o, w, PLAN_SECTION_TAPS, taps_of, PLAN_VARIANTS) && put_weights(o, w) &&
           put_tables(o, PLAN_SECTION_PACKED, &w->packed, 1) && put_packed_data(o, w);
}

#if defined(__x86_64__)
#define BUILD_ISA "x86-64"
#elif defined(__aarch64__)
#define BUILD_ISA "aarch64"
#else
#define BUILD_ISA "another ISA"
#endif

#if defined(__clang__)
#define BUILD_COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define BUILD_COMPILER "gcc " __VERSION__
#else
#define BUILD_COMPILER "another compiler"
#endif

// The header is known last, because it has the checksums; it is written over zeros at the start.
static bool put_header(struct output *o) {
    struct {
        struct plan_header header;
        struct plan_section sections[SECTIONS];
    } start = {.header = {.magic = PLAN_MAGIC, .version = PLAN_VERSION, .section_count = SECTIONS}};
    start.header.file_size = o->file.size;
    // The plan itself runs on any ISA: kernels and packing are chosen when it is opened.
    snprintf(start.header.build, sizeof start.header.build, "wanc %s for any ISA, compiled by %s on %s",
             WAN_VERSION, BUILD_COMPILER, BUILD_ISA);
    memcpy(start.sections, o->sections, sizeof start.sections);
    start.header.checksum = XXH3_64bits(&start, sizeof start);
    return file_write_at(&o->file, 0, &start, sizeof start, o->err);
}

static bool put_all(struct output *o, const struct plan_writer *w) {
    XXH3_64bits_reset(o->hash);
    return put_zeros(o, sizeof(struct plan_header)) && put(o, o->sections, sizeof o->sections) &&
           put_sections(o, w) && put_header(o);
}

// Writes into a file that has just been created, and opens what was written, which verifies it.
static bool write_and_open(struct plan_writer *w, struct output *o, struct plan *plan) {
    o->hash = XXH3_createState();
    if (o->hash == NULL) return error_set(o->err, ERROR_MEMORY, "%s: out of memory", o->file.path);
    complete_info(w);
    bool ok = put_all(o, w);
    XXH3_freeState(o->hash);
    if (!ok || plan_open(plan, o->file.temporary, o->err)) return ok;
    if (o->err != NULL && o->err->code == ERROR_INPUT) o->err->code = ERROR_INTERNAL;
    return error_prefix(o->err, "the plan just written is refused");
}

bool plan_writer_save(struct plan_writer *w, const char *path, struct error *err) {
    struct output o = {.err = err};
    struct plan plan;
    if (!file_create(&o.file, path, err)) return false;
    if (!write_and_open(w, &o, &plan)) {
        file_discard(&o.file);
        return false;
    }
    plan_close(&plan);
    return file_commit(&o.file, err);
}

bool plan_writer_open(struct plan_writer *w, struct plan *plan, struct error *err) {
    struct output o = {.err = err};
    bool ok = file_create_in_memory(&o.file, err) && write_and_open(w, &o, plan);
    file_discard(&o.file); // what is mapped stays
    return ok;
}
