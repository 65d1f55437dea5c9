// choose_flag: which value of a model's flag is the first step, and what that step knows of its caches.
//
// A flagged step has been imported twice, with its flag 0 and 1. By now `If`, `Where` and arithmetic on the flag are
// folded, and the two graphs differ as the first and later steps do. The first is the one with fewer convolutions over
// time (it leaves out the temporal upsamplers), or else the one that reads fewer caches.
//
//     graph @flag0(%z, %cache ..)     ->    graph @first(%z)
//     graph @flag1(%z, %cache ..)           graph @steady(%z, %cache ..)
//
// The same holds for the first graph of a pair, or of a step that is its own first one, if it has cache inputs: before
// step 0 there is nothing, so they are zeros.
//
//     %w = concat %cache, %x {axis=2}          %w = pad %x {pads=[0,0,2,0,0,0,0,0,0,0]}
#include "passes/causal_conv.h"
#include "passes/match.h"
#include "passes/pass.h"

// ---- which is which

struct traits {
    int time_convs, caches;
};

static struct traits traits_of(const struct ir_graph *g) {
    struct traits t = {0};
    for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) { t.time_convs += is_time_conv(n); }
    for (int i = 1; i < g->input_count; i++) t.caches += g->inputs[i]->uses != NULL;
    return t;
}

static bool name_graphs(struct ir_module *m, struct ir_graph *zero, struct ir_graph *one, struct error *err) {
    struct traits a = traits_of(zero), b = traits_of(one);
    int order = a.time_convs != b.time_convs ? a.time_convs - b.time_convs : a.caches - b.caches;
    if (order == 0) {
        return error_set(
            err, ERROR_UNSUPPORTED,
            "the flag changes neither which convolutions over time run nor which caches are read: "
            "which of its values is the first step cannot be told");
    }
    struct ir_graph *first = order < 0 ? zero : one, *steady = order < 0 ? one : zero;
    first->name = "first";
    steady->name = "steady";
    ir_set_steps(m, first, steady);
    m->first_flag = first == one;
    ir_note(m, "the first step is where the flag is %d", m->first_flag);
    return true;
}

// ---- caches of the first step

static bool empty_caches(struct ir_graph *g, struct error *err) {
    for (int i = 1; i < g->input_count; i++) {
        struct ir_value *cache = g->inputs[i];
        if (cache->uses == NULL) continue;
        struct ir_value *zeros = match_zeros(g->body.head, &cache->type);
        if (zeros == NULL) {
            return error_set(err, ERROR_UNSUPPORTED,
                             "first graph: the shape of cache input '%s' is not known: give --latent-size",
                             cache->name);
        }
        ir_replace_uses(cache, zeros);
    }
    g->input_count = 1;
    return true;
}

bool pass_choose_flag(struct ir_module *m, bool *progress, struct error *err) {
    struct ir_graph *zero = ir_graph_find(m, "flag0"), *one = ir_graph_find(m, "flag1");
    if (zero != NULL && one != NULL) {
        if (!pass_eliminate_dead(m, progress, err) || !name_graphs(m, zero, one, err)) return false;
        *progress = true;
    }
    struct ir_graph *first = ir_graph_find(m, "first"), *steady = ir_graph_find(m, "steady");
    if (first == NULL || first->input_count < 2) return true;
    if (steady == NULL || steady->input_count < 2)
        return error_set(err, ERROR_UNSUPPORTED,
                         "the first graph has %d inputs and the steady one has not: is the "
                         "first step given first?",
                         first->input_count);
    *progress = true;
    return empty_caches(first, err) && pass_fold_pads(m, progress, err) && pass_simplify(m, progress, err) &&
           pass_fold_pads(m, progress, err) && pass_eliminate_dead(m, progress, err);
}
