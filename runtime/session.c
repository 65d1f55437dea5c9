// A session: memory, thread pool and prepared operators for one program of a plan, and the loop over a
// variant's operators.
#include "runtime/session.h"

#include "base/cores.h"
#include "runtime/check.h"
#include "runtime/thread_probe.h"
#include "runtime/xnn_memory.h"

#include <cpuinfo.h>
#include <stdlib.h>

bool rt_xnn(enum xnn_status status, const char *call, struct error *err) {
    bool starved = xnn_memory_failed();
    switch (starved && status == xnn_status_success ? xnn_status_out_of_memory : status) {
    case xnn_status_success: return true;
    case xnn_status_out_of_memory: return error_set(err, ERROR_MEMORY, "%s: out of memory", call);
    case xnn_status_unsupported_hardware:
    case xnn_status_unsupported_parameter:
        return error_set(err, ERROR_UNSUPPORTED, "%s: not supported by XNNPACK here (status %d)", call,
                         status);
    default: return error_set(err, ERROR_INTERNAL, "%s: refused by XNNPACK (status %d)", call, status);
    }
}

// XNNPACK chooses kernels by what cpuinfo has read of the system, and does not look whether it could.
bool rt_xnn_start(struct error *err) {
    if (!rt_xnn(xnn_initialize(&xnn_memory), "xnn_initialize", err)) return false;
    if (cpuinfo_initialize() && cpuinfo_get_cores_count() > 0 && cpuinfo_get_core(0) != NULL) return true;
    return error_set(err, ERROR_UNSUPPORTED,
                     "what CPU this is cannot be learnt: expected /proc/cpuinfo and /sys/devices/system/cpu "
                     "to be readable");
}

static unsigned char *view_base(const struct rt_session *s, enum plan_variant variant,
                                const struct plan_view *v) {
    const struct plan *p = s->plan;
    const struct plan_cache *cache = plan_view_cache(p, s->program, v);
    if (cache != NULL) return s->caches.data + cache->offset;
    switch (v->space) {
    case PLAN_ARENA: {
        const struct plan_buffer *buffers = p->buffers + s->program->variant[variant].first_buffer;
        return s->arena.data + buffers[v->index].offset;
    }
    case PLAN_INPUT: return s->input.data;
    default: return s->output.data;
    }
}

static struct rt_tensor resolve_view(const struct rt_session *s, enum plan_variant variant, uint32_t index) {
    if (index == PLAN_NONE) return (struct rt_tensor){0};
    const struct plan_view *v = &s->plan->views[index];
    const struct plan_cache *cache = plan_view_cache(s->plan, s->program, v);
    return rt_tensor_of(v, view_base(s, variant, v), cache == NULL ? PLAN_F32 : cache->type);
}

static struct rt_constant resolve_constant(const struct plan *p, uint32_t index) {
    if (index == PLAN_NONE) return (struct rt_constant){0};
    const struct plan_constant *c = &p->constants[index];
    return (struct rt_constant){(const float *)(p->weights + c->offset), c->count};
}

static void resolve(const struct rt_session *s, enum plan_variant variant, const struct plan_op *plan,
                    struct rt_op *op) {
    *op = (struct rt_op){
        .kernel = &rt_kernels[plan->kind], .plan = plan, .name = plan_string(s->plan, plan->name)};
    for (int i = 0; i < 3; i++) op->in[i] = resolve_view(s, variant, plan->in[i]);
    op->out = resolve_view(s, variant, plan->out);
    op->scratch = resolve_view(s, variant, plan->scratch);
    for (int i = 0; i < 3; i++) op->constant[i] = resolve_constant(s->plan, plan->constant[i]);
}

static bool describe(const struct rt_op *op, struct error *err) {
    return error_prefix(err, "operator %s (%s)", op->name, plan_op_name(op->plan->kind));
}

static bool open_ops(struct rt_session *s, enum plan_variant variant, struct error *err) {
    const struct plan_variant_info *info = &s->program->variant[variant];
    for (uint32_t i = 0; i < info->op_count; i++) {
        struct rt_op *op = &rt_variant_ops(s, variant)[i];
        resolve(s, variant, &s->plan->ops[info->first_op + i], op);
        op->rows.end = plan_rows_at_once(s->plan, s->program, variant, i);
        if (op->kernel->prepare != NULL && !op->kernel->prepare(s, op, err)) return describe(op, err);
    }
    return true;
}

static bool open_caches(struct rt_session *s, const struct rt_session_setup *setup, struct error *err) {
    uint64_t bytes = s->program->cache_bytes;
    if (setup->huge_pages && bytes > 0) return rt_block_new_huge(&s->caches, bytes, "caches", err);
    return setup->cache_folder == NULL
               ? rt_block_new(&s->caches, s->allocator, bytes, "caches", err)
               : rt_block_new_in(&s->caches, bytes, setup->cache_folder, "caches", err);
}

static bool open_memory(struct rt_session *s, struct error *err) {
    const struct plan_program *g = s->program;
    uint64_t arena = 0, frames = 0;
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        if (g->variant[v].arena_bytes > arena) arena = g->variant[v].arena_bytes;
        if (g->variant[v].frames > frames) frames = g->variant[v].frames;
    }
    uint64_t latent = sizeof(float) * plan_latent_floats(g), frame = sizeof(float) * plan_frame_floats(g);
    return rt_block_new(&s->arena, s->allocator, arena, "scratch arena", err) &&
           rt_block_new(&s->input, s->allocator, latent, "latent frame", err) &&
           rt_block_new(&s->output, s->allocator, frames * frame, "video frames", err);
}

bool rt_pool_new(pthreadpool_t *pool, unsigned threads, struct error *err) {
    if (threads > WAN_MAX_THREADS) {
        return error_set(err, ERROR_USAGE, "%u threads, expected at most %d", threads, WAN_MAX_THREADS);
    }
    // The caller's own thread is one of the pool.
    const unsigned count = threads ? threads : cores_available(), found = 1 + thread_probe(count - 1);
    if (found < count)
        return error_set(err, ERROR_MEMORY,
                         "%u threads: the system starts %u of them; ask for no more, or raise its limit",
                         count, found);
    *pool = pthreadpool_create(count);
    return *pool != NULL || error_set(err, ERROR_MEMORY, "no memory for a pool of %u threads", count);
}

static bool open_variants(struct rt_session *s, struct error *err) {
    rt_packed_lock(s->packed);
    bool ok = open_ops(s, PLAN_FIRST, err) && open_ops(s, PLAN_STEADY, err);
    rt_packed_unlock(s->packed);
    return ok;
}

static bool open_check(struct rt_session *s, unsigned places, struct error *err) {
    if (places > 0) s->check = rt_check_new(s, places, err);
    return places == 0 || s->check != NULL;
}

bool rt_session_open(struct rt_session *s, const struct plan *plan, const struct plan_program *program,
                     const struct rt_session_setup *setup, struct error *err) {
    *s = (struct rt_session){.plan = plan,
                             .program = program,
                             .pool = setup->pool,
                             .packed = setup->packed,
                             .owns_packed = setup->packed == NULL,
                             .owns_pool = setup->pool == NULL,
                             .allocator = setup->allocator};
    uint32_t count = plan_program_ops(program);
    if (s->owns_packed) s->packed = rt_packed_new(plan, setup->allocator, err);
    s->ops = calloc(count, sizeof *s->ops);
    if (s->ops == NULL) error_set(err, ERROR_MEMORY, "out of memory for %u operators", count);
    if (s->packed != NULL && s->ops != NULL &&
        (!s->owns_pool || rt_pool_new(&s->pool, setup->threads, err)) && open_caches(s, setup, err) &&
        open_memory(s, err) && open_variants(s, err) && open_check(s, setup->check_places, err) &&
        rt_block_new(&s->workspace, s->allocator, s->workspace_bytes, "workspace", err)) {
        return true;
    }
    rt_session_close(s);
    return false;
}

void rt_session_close(struct rt_session *s) {
    for (uint32_t i = 0; s->ops != NULL && i < plan_program_ops(s->program); i++) {
        struct rt_op *op = &s->ops[i];
        if (op->kernel != NULL && op->kernel->destroy != NULL) op->kernel->destroy(op);
    }
    free(s->ops);
    rt_check_free(s->check);
    if (s->owns_packed) rt_packed_free(s->packed);
    rt_block_free(&s->caches);
    rt_block_free(&s->arena);
    rt_block_free(&s->workspace);
    rt_block_free(&s->input);
    rt_block_free(&s->output);
    if (s->owns_pool && s->pool != NULL) pthreadpool_destroy(s->pool);
    *s = (struct rt_session){0};
}

static bool may_go_on(struct rt_session *s, enum plan_variant variant, struct error *err) {
    size_t count = s->program->variant[variant].op_count;
    if (s->progress != NULL && s->progress(s->progress_context, s->done, count) != 0)
        return error_set(err, ERROR_CANCELLED, "stopped after %zu of %zu operators of the step", s->done,
                         count);
    s->touched = true;
    return true;
}

static bool run_observed(struct rt_session *s, enum plan_variant variant, uint32_t index, struct rt_op *op,
                         struct error *err) {
    if (s->observer == NULL) return op->kernel->run(s, op, err);
    atomic_store(&s->product_ns, 0);
    uint64_t begin = rt_clock_ns();
    if (!op->kernel->run(s, op, err)) return false;
    s->observer(s->observer_context, variant, index, begin, rt_clock_ns(), atomic_load(&s->product_ns));
    return true;
}

bool rt_session_run_op(struct rt_session *s, enum plan_variant variant, uint32_t index, struct rt_op *op,
                       struct error *err) {
    if (!may_go_on(s, variant, err)) return false;
    if (s->check != NULL) rt_check_expect(s->check, op, s->steps);
    bool ok = run_observed(s, variant, index, op, err) &&
              (s->check == NULL || rt_check_compare(s->check, s, variant, index, op, err));
    return ok || describe(op, err);
}

// Of a tensor of floats, as taps are.
static float element(const struct rt_tensor *t, size_t place) {
    size_t c = place % t->channels, x = place / t->channels % t->width,
           y = place / t->channels / t->width % t->height, frame = place / t->channels / t->width / t->height;
    return (float)rt_number(t, frame, y, x, c);
}

void rt_session_read_tap(const struct rt_session *s, enum plan_variant variant, const struct plan_tap *tap,
                         float *out) {
    struct rt_tensor t = resolve_view(s, variant, tap->view);
    size_t count = t.frames * t.height * t.width * t.channels, place = 0;
    uint32_t at[PLAN_MAX_RANK] = {0};
    for (size_t i = 0; i < count; i++) {
        out[i] = element(&t, place);
        for (int k = (int)tap->part_count - 1; k >= 0; k--) {
            place += tap->stride[k];
            if (++at[k] < tap->extent[k]) break;
            place -= (size_t)tap->extent[k] * tap->stride[k];
            at[k] = 0;
        }
    }
}

bool rt_session_run(struct rt_session *s, enum plan_variant variant, struct error *err) {
    const struct plan_variant_info *info = &s->program->variant[variant];
    s->touched = false;
    for (uint32_t i = 0; i < info->op_count; i++) {
        s->done = i;
        if (info->band_count > 0 && i == info->band_first) {
            if (!rt_bands_run(s, variant, err)) return false;
            i += info->band_count - 1;
        } else if (!rt_session_run_op(s, variant, i, &rt_variant_ops(s, variant)[i], err)) return false;
    }
    s->steps++;
    return true;
}

void rt_session_reset(struct rt_session *s) {
    rt_block_zero(&s->caches);
    s->steps = 0;
}
