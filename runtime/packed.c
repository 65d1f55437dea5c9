#include "runtime/packed.h"

#include "base/size.h"
#include "runtime/kernels/panels.h"
#include "runtime/memory.h"
#include "runtime/session.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    BUCKETS = 1 << 12,
    ALIGNMENT = 128,       // XNNPACK loads whole cache lines
    CHUNK_BYTES = 32 << 20 // of memory, taken at once
};

struct chunk {
    struct rt_block block;
    size_t used;
    struct chunk *next;
};

struct rt_packed {
    const struct plan *plan;
    const struct wan_allocator *allocator;
    bool foreign;
    size_t panel_width;       // columns; 0: not in panels
    pthread_mutex_t creating; // one session
    pthread_mutex_t growing;  // the chunks: operators are created in parallel
    struct chunk *chunks;
    struct rt_packed_weights *buckets[BUCKETS], *first, *last;
};

// ---- memory

static struct chunk *new_chunk(const struct wan_allocator *from, size_t bytes) {
    struct chunk *c = calloc(1, sizeof *c);
    struct error err = {0};
    if (c != NULL && rt_block_new(&c->block, from, bytes, "packed weights", &err)) return c;
    free(c);
    return NULL;
}

// NULL: no memory.
static void *take(struct rt_packed *p, size_t bytes) {
    size_t whole = size_align(bytes + PLAN_EXTRA_BYTES, ALIGNMENT);
    struct chunk *c = p->chunks;
    if (c == NULL || c->block.size - c->used < whole) {
        c = new_chunk(p->allocator, whole > CHUNK_BYTES ? whole : CHUNK_BYTES);
        if (c == NULL) return NULL;
        c->next = p->chunks;
        p->chunks = c;
    }
    void *data = c->block.data + c->used;
    c->used += whole;
    return data;
}

// ---- what XNNPACK calls

static size_t look_up(void *context, const struct xnn_weights_cache_look_up_key *key) {
    struct rt_packed_weights *w = context;
    if (w->data != NULL && w->seed == key->seed) return 0;
    w->seed = key->seed;
    return SIZE_MAX;
}

static void *reserve(void *context, size_t bytes) {
    struct rt_packed_weights *w = context;
    pthread_mutex_lock(&w->owner->growing);
    void *data = take(w->owner, bytes);
    pthread_mutex_unlock(&w->owner->growing);
    return data;
}

// They are packed now; 2D convolutions also call it for what was found, with no data.
static size_t keep(void *context, const struct xnn_weights_cache_look_up_key *key, void *data, size_t bytes) {
    struct rt_packed_weights *w = context;
    (void)key;
    if (data == NULL) return 0;
    w->data = data;
    w->bytes = bytes;
    return 0;
}

static bool is_complete(void *context) {
    (void)context;
    return true;
}

static void *address(void *context, size_t offset) {
    const struct rt_packed_weights *w = context;
    return (unsigned char *)w->data + offset;
}

static enum xnn_status delete_nothing(void *context) {
    (void)context;
    return xnn_status_success;
}

static const struct xnn_weights_cache_provider weights_functions = {NULL,        look_up, reserve,       keep,
                                                                    is_complete, address, delete_nothing};

// ---- probes

static size_t record_seed(void *context, const struct xnn_weights_cache_look_up_key *key) {
    struct rt_packed_probe *probe = context;
    probe->seed = key->seed;
    return SIZE_MAX;
}

static void *record_bytes(void *context, size_t bytes) {
    struct rt_packed_probe *probe = context;
    probe->bytes = bytes;
    return NULL;
}

static size_t keep_nothing(void *context, const struct xnn_weights_cache_look_up_key *key, void *data,
                           size_t bytes) {
    (void)context, (void)key, (void)data, (void)bytes;
    return SIZE_MAX;
}

void rt_packed_probe(struct rt_packed_probe *probe) {
    *probe = (struct rt_packed_probe){
        .provider = {probe, record_seed, record_bytes, keep_nothing, is_complete, address, delete_nothing}};
}

bool rt_packed_has(struct rt_packed_weights *w, const struct rt_packed_probe *probe) {
    const struct plan_packed *b = w->brought;
    if (b != NULL && (b->seed != probe->seed || b->bytes != probe->bytes)) w->brought = NULL;
    else if (b != NULL) {
        w->data = w->owner->plan->packed_data + b->offset;
        w->bytes = b->bytes;
        w->seed = b->seed;
    }
    return w->data != NULL && w->seed == probe->seed && w->bytes == probe->bytes;
}

bool rt_packed_verify(struct rt_packed_weights *w) {
    const struct plan_packed *b = w->brought;
    w->brought = NULL;
    return b == NULL || XXH3_64bits(w->data, w->bytes) == b->checksum;
}

bool rt_packed_damaged(struct error *err) {
    return error_set(err, ERROR_INPUT,
                     "packed weights in the plan: their checksum is wrong, the file is damaged");
}

// ---- the table

static struct rt_packed_weights **bucket(struct rt_packed *p, const struct plan_packed_key *key) {
    return &p->buckets[XXH3_64bits(key, sizeof *key) % BUCKETS];
}

static struct rt_packed_weights *add(struct rt_packed *p, const struct plan_packed_key *key) {
    struct rt_packed_weights *w = calloc(1, sizeof *w), **head = bucket(p, key);
    if (w == NULL) return NULL;
    w->provider = weights_functions;
    w->provider.context = w;
    w->owner = p;
    w->key = *key;
    w->next = *head;
    *head = w;
    if (p->last == NULL) p->first = w;
    else p->last->behind = w;
    p->last = w;
    return w;
}

struct rt_packed_weights *rt_packed_weights(struct rt_packed *p, const struct plan_packed_key *key,
                                            struct error *err) {
    struct rt_packed_weights *w = *bucket(p, key);
    while (w != NULL && memcmp(&w->key, key, sizeof *key) != 0) w = w->next;
    if (w == NULL && (w = add(p, key)) == NULL) error_set(err, ERROR_MEMORY, "out of memory");
    return w;
}

bool rt_packed_each(const struct rt_packed *p, rt_packed_fn *fn, void *context, struct error *err) {
    for (const struct rt_packed_weights *w = p->first; w != NULL; w = w->behind) {
        if (w->data != NULL && !fn(context, w, err)) return false;
    }
    return true;
}

// ---- layouts

enum { CANARY_OUT = 35, CANARY_NARROW = 3, CANARY_IN = 21, CANARY_ROW = 9 * CANARY_IN };

// Numbers that are all different, as XNNPACK packs them for one of its operators.
struct canary {
    struct rt_packed owner;
    struct rt_packed_weights weights;
    float numbers[CANARY_OUT * CANARY_ROW]; // the weights; the first ones are also the biases
};

static bool pack_canary(struct canary *c, size_t out, bool image, struct error *err) {
    *c = (struct canary){.owner = {.growing = PTHREAD_MUTEX_INITIALIZER},
                         .weights = {.provider = weights_functions, .owner = &c->owner}};
    c->weights.provider.context = &c->weights;
    for (size_t i = 0; i < CANARY_OUT * CANARY_ROW; i++) c->numbers[i] = (float)(i + 1);
    xnn_operator_t op = NULL;
    const float *n = c->numbers;
    enum xnn_status status =
        image ? xnn_create_convolution2d_nhwc_f32(
                    1, 1, 1, 1, 3, 3, 1, 1, 1, 1, 1, CANARY_IN, out, CANARY_IN, out, n, n, -INFINITY,
                    INFINITY, XNN_FLAG_TRANSIENT_INDIRECTION_BUFFER, NULL, &c->weights.provider, &op)
              : xnn_create_fully_connected_nc_f32(CANARY_IN, out, CANARY_IN, out, n, n, -INFINITY, INFINITY,
                                                  0, NULL, &c->weights.provider, &op);
    if (op != NULL) xnn_delete_operator(op);
    return rt_xnn(status, "create an operator", err);
}

static void free_canary(struct canary *c) {
    if (c->owner.chunks != NULL) rt_block_free(&c->owner.chunks->block);
    free(c->owner.chunks);
}

static bool hash_packing(XXH3_state_t *hash, size_t out, bool image, struct error *err) {
    struct canary c;
    bool ok = pack_canary(&c, out, image, err);
    if (ok) {
        XXH3_64bits_update(hash, &c.weights.seed, sizeof c.weights.seed);
        XXH3_64bits_update(hash, c.weights.data, c.weights.bytes);
    }
    free_canary(&c);
    return ok;
}

// Whether float `i` of a matrix product's weights is what panels have there. Columns that there are not hold anything.
static bool fits_panels(const struct canary *c, size_t width, size_t i) {
    size_t panel = rt_panel_floats(width, CANARY_IN), row = i % panel / width,
           column = i / panel * width + i % width;
    if (column >= CANARY_OUT) return true;
    return ((const float *)c->weights.data)[i] ==
           c->numbers[row == 0 ? column : column * CANARY_IN + row - 1];
}

static bool in_panels(const struct canary *c, size_t width) {
    size_t floats = (CANARY_OUT + width - 1) / width * rt_panel_floats(width, CANARY_IN);
    if (c->weights.bytes != floats * sizeof(float)) return false;
    for (size_t i = 0; i < floats; i++) {
        if (!fits_panels(c, width, i)) return false;
    }
    return true;
}

// The width of panels that this CPU multiplies and XNNPACK packs; 0: none.
static bool find_panels(size_t *found, struct error *err) {
    struct canary c;
    bool ok = pack_canary(&c, CANARY_OUT, false, err);
    *found = 0;
    for (size_t width = RT_PANEL_LEAST; ok && width <= RT_PANEL_MOST; width *= 2) {
        if (rt_panels_supported(width) && in_panels(&c, width)) *found = width;
    }
    free_canary(&c);
    return ok;
}

bool rt_packed_layout(uint64_t *layout, struct error *err) {
    XXH3_state_t *hash = XXH3_createState();
    if (hash == NULL) return error_set(err, ERROR_MEMORY, "out of memory");
    XXH3_64bits_reset(hash);
    bool ok = rt_xnn_start(err);
    for (int i = 0; i < 4 && ok; i++) ok = hash_packing(hash, i % 2 ? CANARY_OUT : CANARY_NARROW, i / 2, err);
    *layout = XXH3_64bits_digest(hash);
    XXH3_freeState(hash);
    return ok;
}

// ---- lifetime

static bool take_over(struct rt_packed *p, struct error *err) {
    uint64_t layout;
    if (p->plan->packed_count == 0) return true;
    if (!rt_packed_layout(&layout, err)) return false;
    p->foreign = layout != p->plan->info->packed_layout;
    for (uint32_t i = 0; i < p->plan->packed_count && !p->foreign; i++) {
        struct rt_packed_weights *w = rt_packed_weights(p, &p->plan->packed[i].key, err);
        if (w == NULL) return false;
        w->brought = &p->plan->packed[i];
    }
    return true;
}

struct rt_packed *rt_packed_new(const struct plan *plan, const struct wan_allocator *allocator,
                                struct error *err) {
    struct rt_packed *p = calloc(1, sizeof *p);
    if (p == NULL) {
        error_set(err, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    p->plan = plan;
    p->allocator = allocator;
    pthread_mutex_init(&p->creating, NULL);
    pthread_mutex_init(&p->growing, NULL);
    if (rt_xnn_start(err) && take_over(p, err) && find_panels(&p->panel_width, err)) return p;
    rt_packed_free(p);
    return NULL;
}

void rt_packed_free(struct rt_packed *p) {
    if (p == NULL) return;
    for (struct rt_packed_weights *w = p->first, *behind; w != NULL; w = behind) {
        behind = w->behind;
        free(w);
    }
    for (struct chunk *c = p->chunks, *next; c != NULL; c = next) {
        next = c->next;
        rt_block_free(&c->block);
        free(c);
    }
    pthread_mutex_destroy(&p->creating);
    pthread_mutex_destroy(&p->growing);
    free(p);
}

size_t rt_packed_panel_width(const struct rt_packed *p) { return p->panel_width; }

void rt_packed_forbid_panels(struct rt_packed *p) { p->panel_width = 0; }

bool rt_packed_is_foreign(const struct rt_packed *p) { return p->foreign; }

void rt_packed_lock(struct rt_packed *p) { pthread_mutex_lock(&p->creating); }

void rt_packed_unlock(struct rt_packed *p) { pthread_mutex_unlock(&p->creating); }
