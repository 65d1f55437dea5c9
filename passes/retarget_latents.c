// retarget_latents: a model traced at fixed lengths, for latents of other ones.
//
// Two lengths may be fixed in a file and not in what it computes:
// - height and width of the latents, when --latent-size asks for others than those of the file;
// - the number of latent frames of the whole-sequence form (marked by `fix_frames`), which becomes T.
//
//     graph @full(%z: f32[1,8,5|0,4,6])           graph @full(%z: f32[1,8,1|1,4,6])
//       %h = slice %z {axis=2, end=1}               %h = slice %z {axis=2, end=1}
//       %t = slice %z {axis=2, start=1, end=5}  ->  %t = slice %z {axis=2, start=1, end=1, steady_end=1}
//
// passes/retarget.h says how the numbers in the graph are explained, and when they are not.
#include "passes/pass.h"
#include "passes/retarget.h"

#include "ir/rearrange.h"

static bool is_conv(const struct ir_node *n) { return n->op == IR_CONV || n->op == IR_CAUSAL_CONV; }

int latents_time_axis(const struct ir_graph *g) {
    const struct ir_value *v = g->inputs[0];
    int axis = 1; // of the channels, as it moves
    struct ir_rearrange back, r;
    rearrange_identity(&v->type, &back);
    for (int steps = 0; steps < 64 && v->uses != NULL; steps++) {
        const struct ir_node *n = v->uses->user;
        for (const struct ir_use *u = v->uses; u != NULL; u = u->next) {
            if (is_conv(u->user)) n = u->user;
        }
        if (is_conv(n)) {
            if (v->type.rank != 5 || back.out_count[1] != 1) return -1;
            int channels = rearrange_source_axis(&back, back.out_order[rearrange_first_out(&back, axis)]);
            return channels == 1 ? 2 : channels == 2 ? 1 : -1;
        }
        if (n->op == IR_REARRANGE) {
            if (!rearrange_compose(&back, ir_attr_rearrange(n), &r)) return -1;
            back = r;
        } else if (!(ir_info(n)->flags & IR_ELEMENTWISE)) return -1;
        v = ir_out(n);
    }
    return -1;
}

static bool wants_size(const struct ir_module *m, const struct ir_type *t) {
    return m->latent_height != 0 && (!dim_is(t->dims[t->rank - 2], m->latent_height) ||
                                     !dim_is(t->dims[t->rank - 1], m->latent_width));
}

static bool retarget(struct ir_graph *g, bool *progress, struct error *err) {
    struct ir_module *m = g->module;
    struct ir_type old = g->inputs[0]->type, *now = &g->inputs[0]->type;
    if (wants_size(m, &old)) {
        now->dims[now->rank - 2] = dim_const(m->latent_height);
        now->dims[now->rank - 1] = dim_const(m->latent_width);
        if (g == m->graphs)
            ir_note(m,
                    "traced for latents of %lldx%lld, compiled for %lldx%lld: every length in the graph is "
                    "explained by the sizes",
                    (long long)old.dims[old.rank - 2].first, (long long)old.dims[old.rank - 1].first,
                    (long long)m->latent_height, (long long)m->latent_width);
    }
    int time = old.time_axis;
    if (time >= 0 && dim_is_const(old.dims[time])) {
        now->dims[time] = (struct ir_dim){1, 1};
        m->frames = old.dims[time].first;
        ir_note(m, "traced for %lld latent frames at once, compiled for any number of them",
                (long long)old.dims[time].first);
        if (m->frames == 2)
            ir_note(m,
                    "of two frames the last and all but the first are the same: taken is all but the first");
    }
    if (ir_type_equal(&old, now)) return true;
    *progress = true;
    return retarget_graph(g, &old, RETARGET_EXACT, err);
}

bool pass_retarget_latents(struct ir_module *m, bool *progress, struct error *err) {
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        if (g->input_count == 1 && g->inputs[0]->type.rank >= 4 && !retarget(g, progress, err)) return false;
    }
    return true;
}
