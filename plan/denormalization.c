// Whether a plan denormalises its latents, told by its operators: a scale of each channel before anything else is computed.
#include "plan/check.h"

// Where the latents are, moved and scaled so far.
struct place {
    uint32_t space, index;
};

static bool is_at(const struct plan_view *v, struct place at) {
    return v != NULL && v->space == at.space && v->index == at.index;
}

static bool touches(const struct plan *p, const struct plan_op *op, struct place at) {
    for (int i = 0; i < 3; i++) {
        if (is_at(plan_get_view(p, op->in[i]), at)) return true;
    }
    return is_at(plan_get_view(p, op->out), at) || is_at(plan_get_view(p, op->scratch), at);
}

static const float *values(const struct plan *p, uint32_t constant, uint32_t count) {
    if (constant == PLAN_NONE || p->constants[constant].count != count) return NULL;
    return (const float *)(p->weights + p->constants[constant].offset);
}

// What the operator does to each channel, behind what was done before.
static void apply(const struct plan *p, const struct plan_op *op, uint32_t channels, float *scale,
                  float *shift) {
    const float *a = values(p, op->constant[0], channels), *b = values(p, op->constant[1], channels);
    for (uint32_t c = 0; c < channels; c++) {
        scale[c] *= a != NULL ? a[c] : 1;
        shift[c] = shift[c] * (a != NULL ? a[c] : 1) + (b != NULL ? b[c] : 0);
    }
}

bool plan_denormalizes(const struct plan *p, const struct plan_program *g, float *scale, float *shift) {
    const struct plan_variant_info *v = &g->variant[PLAN_FIRST];
    struct place at = {PLAN_INPUT, 0};
    bool found = false;
    for (uint32_t c = 0; c < g->latent_channels; c++) scale[c] = 1, shift[c] = 0;
    for (uint32_t i = 0; i < v->op_count; i++) {
        const struct plan_op *op = &p->ops[v->first_op + i];
        const struct plan_view *in = plan_get_view(p, op->in[0]);
        if (!touches(p, op, at)) continue;
        if (!is_at(in, at)) break;
        bool is_scale = op->kind == PLAN_OP_SCALE && in->channels == g->latent_channels;
        if (!is_scale && op->kind != PLAN_OP_COPY) break;
        if (is_scale) apply(p, op, g->latent_channels, scale, shift);
        found = found || (is_scale && op->constant[0] != PLAN_NONE);
        const struct plan_view *out = plan_get_view(p, op->out);
        at = (struct place){out->space, out->index};
    }
    return found;
}
