#include "runtime/state.h"

#include "base/file.h"

#include <stddef.h>
#include <string.h>
#include <xxhash.h>

typedef unsigned long long ull; // for printf

_Static_assert(sizeof(struct rt_state_header) == 64, "file format");

static uint64_t header_checksum(const struct rt_state_header *h) {
    return XXH3_64bits(h, offsetof(struct rt_state_header, header));
}

uint64_t rt_state_plan(const struct plan *plan) {
    static const uint32_t kinds[] = {PLAN_SECTION_PROGRAMS, PLAN_SECTION_CACHES, PLAN_SECTION_CONSTANTS,
                                     PLAN_SECTION_BUFFERS,  PLAN_SECTION_VIEWS,  PLAN_SECTION_OPS,
                                     PLAN_SECTION_WEIGHTS};
    const struct plan_section *sections = (const struct plan_section *)(plan->header + 1);
    uint64_t sums[sizeof kinds / sizeof *kinds];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) sums[i] = sections[kinds[i] - 1].checksum;
    return XXH3_64bits(sums, sizeof sums);
}

// ---- saving

static struct rt_state_header header_of(const struct rt_session *s) {
    struct rt_state_header h = {.magic = STATE_MAGIC,
                                .version = STATE_VERSION,
                                .latent_height = s->program->latent_height,
                                .latent_width = s->program->latent_width,
                                .plan = rt_state_plan(s->plan),
                                .steps = s->steps,
                                .cache_bytes = s->program->cache_bytes};
    h.caches = XXH3_64bits(s->caches.data, h.cache_bytes);
    h.header = header_checksum(&h);
    return h;
}

bool rt_state_save(const struct rt_session *s, const char *path, struct error *err) {
    struct rt_state_header h = header_of(s);
    struct file_out f;
    if (!file_create(&f, path, err)) return false;
    if (file_write(&f, &h, sizeof h, err) && file_write(&f, s->caches.data, h.cache_bytes, err))
        return file_commit(&f, err);
    file_discard(&f);
    return false;
}

bool rt_state_save_to(const struct rt_session *s, wan_write *write, void *context, struct error *err) {
    struct rt_state_header h = header_of(s);
    return (write(context, &h, sizeof h) == 0 && write(context, s->caches.data, h.cache_bytes) == 0) ||
           error_set(err, ERROR_IO, "state: the caller's function did not write it");
}

// ---- headers

static bool check_header(const struct rt_state_header *h, struct error *err) {
    if (memcmp(h->magic, STATE_MAGIC, sizeof h->magic) != 0)
        return error_set(err, ERROR_INPUT, "not a state: it does not start with %s", STATE_MAGIC);
    if (h->version != STATE_VERSION)
        return error_set(err, ERROR_UNSUPPORTED, "state version %u, this program reads version %u",
                         h->version, STATE_VERSION);
    uint64_t found = header_checksum(h);
    if (h->header == found && h->steps != 0 && h->steps <= INT64_MAX && h->reserved == 0) return true;
    return error_set(err, ERROR_INPUT, "header: checksum %016llx, expected %016llx: the file is damaged",
                     (ull)found, (ull)h->header);
}

static bool check_file(const struct file_map *m, struct rt_state_header *h, struct error *err) {
    *h = (struct rt_state_header){0};
    if (m->size > 0) memcpy(h, m->data, m->size < sizeof *h ? m->size : sizeof *h);
    if (m->size < sizeof *h && memcmp(h->magic, STATE_MAGIC, sizeof h->magic) == 0)
        return error_set(err, ERROR_INPUT, "truncated: %llu bytes, a state has at least %zu", (ull)m->size,
                         sizeof *h);
    if (!check_header(h, err)) return false;
    if (m->size - sizeof *h == h->cache_bytes) return true;
    return error_set(err, ERROR_INPUT, "truncated or changed: %llu bytes of caches, the header says %llu",
                     (ull)(m->size - sizeof *h), (ull)h->cache_bytes);
}

static bool open_state(const char *path, struct file_map *m, struct rt_state_header *h, struct error *err) {
    if (!file_map_open(m, path, PLAN_MAX_BYTES, err)) return false;
    if (check_file(m, h, err)) return true;
    file_map_close(m);
    return error_prefix(err, "%s", path);
}

bool rt_state_read_header(const char *path, struct rt_state_header *h, struct error *err) {
    struct file_map m;
    if (!open_state(path, &m, h, err)) return false;
    file_map_close(&m);
    return true;
}

// ---- loading

static bool check_session(const struct rt_session *s, const struct rt_state_header *h, struct error *err) {
    const struct plan_program *g = s->program;
    if (h->plan != rt_state_plan(s->plan))
        return error_set(err, ERROR_INPUT, "of another plan: %016llx, expected %016llx", (ull)h->plan,
                         (ull)rt_state_plan(s->plan));
    if (h->latent_height == g->latent_height && h->latent_width == g->latent_width &&
        h->cache_bytes == g->cache_bytes)
        return true;
    return error_set(err, ERROR_INPUT, "of latents of %ux%u, expected %ux%u", h->latent_height,
                     h->latent_width, g->latent_height, g->latent_width);
}

// When the header fits the session.
static bool take_caches(struct rt_session *s, const struct rt_state_header *h, const unsigned char *caches,
                        struct error *err) {
    uint64_t found = XXH3_64bits(caches, h->cache_bytes);
    if (found != h->caches)
        return error_set(err, ERROR_INPUT, "caches: checksum %016llx, expected %016llx: the file is damaged",
                         (ull)found, (ull)h->caches);
    memcpy(s->caches.data, caches, h->cache_bytes);
    s->steps = h->steps;
    return true;
}

bool rt_state_load(struct rt_session *s, const char *path, struct error *err) {
    struct file_map m;
    struct rt_state_header h;
    if (!open_state(path, &m, &h, err)) return false;
    bool ok = (check_session(s, &h, err) && take_caches(s, &h, m.data + sizeof h, err)) ||
              error_prefix(err, "%s", path);
    file_map_close(&m);
    return ok;
}

static bool refused_read(struct error *err) {
    return error_set(err, ERROR_IO, "state: the caller's function did not read it");
}

static bool read_caches(struct rt_session *s, const struct rt_state_header *h, wan_read *read, void *context,
                        struct error *err) {
    struct rt_block copy = {0};
    if (!rt_block_new(&copy, s->allocator, h->cache_bytes, "copy of the caches", err)) return false;
    bool ok =
        read(context, copy.data, h->cache_bytes) == 0 ? take_caches(s, h, copy.data, err) : refused_read(err);
    rt_block_free(&copy);
    return ok;
}

bool rt_state_load_from(struct rt_session *s, wan_read *read, void *context, struct error *err) {
    struct rt_state_header h;
    if (read(context, &h, sizeof h) != 0) return refused_read(err);
    return check_header(&h, err) && check_session(s, &h, err) && read_caches(s, &h, read, context, err);
}
