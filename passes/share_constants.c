// share_constants: one constant for equal contents.
//
// The two files of a pair each carry all weights. Convolutions of the first and the steady graph can be
// matched (pair_caches), and weights stored once, only when equal contents are one constant.
//
//     const @first.w: f32[8,8,3,3,3] = data
//     const @steady.w: f32[8,8,3,3,3] = data     ->  every use of @steady.w now names @first.w
//
// Buckets by type and a hash of the contents; equal hashes are compared in full. Opaque constants are left
// alone.
#include "base/arena.h"
#include "base/size.h"
#include "passes/pass.h"

#include <string.h>

static size_t payload_bytes(const struct ir_value *v) {
    const struct ir_constant *c = v->constant;
    return c->count * (c->ints ? sizeof *c->ints : ir_dtype_size(c->stored));
}

static const void *payload(const struct ir_value *v) {
    return v->constant->ints ? (const void *)v->constant->ints : v->constant->data;
}

WRAPS static uint64_t content_hash(const struct ir_value *v) {
    const unsigned char *p = payload(v);
    size_t n = payload_bytes(v),
           step = n > 1 << 16 ? n / (1 << 16) * 8 : 1; // sampled: equality is checked afterwards
    uint64_t h = 0xcbf29ce484222325u ^ n;
    for (size_t i = 0; i < n; i += step) h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static bool same_content(const struct ir_value *a, const struct ir_value *b) {
    return ir_type_equal(&a->type, &b->type) && a->constant->stored == b->constant->stored &&
           (a->constant->ints == NULL) == (b->constant->ints == NULL) &&
           memcmp(payload(a), payload(b), payload_bytes(a)) == 0;
}

bool pass_share_constants(struct ir_module *m, bool *progress, struct error *err) {
    enum { BUCKETS = 4096 };
    struct entry {
        struct ir_value *v;
        uint64_t hash;
        struct entry *next;
    };
    struct arena scratch = {0};
    struct entry **buckets = arena_array(&scratch, BUCKETS, sizeof *buckets);
    (void)err;
    for (struct ir_value *v = m->constants; v != NULL; v = v->next) {
        if (v->uses == NULL || payload(v) == NULL || v->constant->count == 0) continue;
        uint64_t hash = content_hash(v);
        struct entry *e = buckets[hash % BUCKETS];
        while (e != NULL && !(e->hash == hash && same_content(e->v, v))) e = e->next;
        if (e != NULL) {
            ir_replace_uses(v, e->v);
            *progress = true;
            continue;
        }
        e = arena_alloc(&scratch, sizeof *e);
        *e = (struct entry){v, hash, buckets[hash % BUCKETS]};
        buckets[hash % BUCKETS] = e;
    }
    arena_free(&scratch);
    return true;
}
