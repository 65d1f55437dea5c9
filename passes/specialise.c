// specialise: the streaming graph, whose lengths are pairs first|steady, becomes two static graphs.
//
//     graph @full(%x: f32[1,8,1|1,4,4]) {       # first: x has 1 frame     # steady: x has 1 frame
//       %a = slice %x {axis=2, end=1}           return %x                  %c = causal_conv %x ..
//       %b = slice %x {axis=2, start=1, ..}                                return %c
//       %c = causal_conv %b ..
//       %y = concat %a, %c {axis=2}
//       return %y
//
// In `first` every time axis has its first part, in `steady` its steady part. A slice that drops the first
// frames drops them in step 0 and nothing later. Values of no frames are dead: what would compute them is
// removed, and concat loses those operands. The order of a concat over time must be the order of the stream:
// an operand that gives frames in steady steps may not stand in front of another that gives any.
#include "ir/rearrange.h"
#include "passes/pass.h"

#include <string.h>

enum variant { FIRST, STEADY };

static int64_t part(struct ir_dim d, enum variant v) { return v == FIRST ? d.first : d.steady; }

static bool is_empty(const struct ir_value *v) { return v->mark == 1; }

static bool refuse(const struct ir_node *n, struct error *err, const char *why) {
    return error_set(err, ERROR_UNSUPPORTED, "node '%s' (%s) cannot be streamed: %s", n->name,
                     ir_info(n)->name, why);
}

// ---- conditions on the streaming graph, checked before anything is changed

static bool check_concat(const struct ir_node *n, struct error *err) {
    int axis = (int)ir_attr_int(n, IR_KEY_AXIS, 0);
    if (axis != ir_out(n)->type.time_axis) return true;
    for (int i = 0; i + 1 < n->input_count; i++) {
        if (ir_in(n, i)->type.dims[axis].steady != 0)
            return refuse(n, err, "frames of later steps stand in front of others");
    }
    return true;
}

static bool check_slice(const struct ir_node *n, struct error *err) {
    int axis = (int)ir_attr_int(n, IR_KEY_AXIS, 0);
    const struct ir_type *t = &ir_in(n, 0)->type;
    if (axis != t->time_axis) return true;
    struct ir_dim end = {ir_attr_int(n, IR_KEY_END, 0), ir_attr_int(n, IR_KEY_STEADY_END, 0)};
    if (ir_attr_int(n, IR_KEY_START, 0) > t->dims[axis].first)
        return refuse(n, err, "it drops frames of later steps");
    if (!dim_equal(end, t->dims[axis]) && !(dim_is_const(end) && end.first <= t->dims[axis].first)) {
        return refuse(n, err, "it keeps frames of some later steps only");
    }
    return true;
}

static bool check_pad(const struct ir_node *n, struct error *err) {
    const struct ir_type *t = &ir_in(n, 0)->type;
    int count;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &count);
    bool in_time = t->time_axis >= 0 && (pads[t->time_axis] != 0 || pads[t->time_axis + t->rank] != 0);
    return !in_time || refuse(n, err, "time is padded, but not in front of a convolution");
}

static bool check_stream(const struct ir_graph *g, struct error *err) {
    for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        bool ok = n->op == IR_CONCAT  ? check_concat(n, err)
                  : n->op == IR_SLICE ? check_slice(n, err)
                  : n->op == IR_PAD   ? check_pad(n, err)
                                      : true;
        if (!ok) return false;
    }
    return true;
}

// ---- one variant

static void specialise_type(struct ir_type *t, enum variant v) {
    if (t->time_axis >= 0) t->dims[t->time_axis] = dim_const(part(t->dims[t->time_axis], v));
    t->time_axis = -1;
}

// The bounds of a time slice within one step: in steady steps everything or nothing.
static void specialise_slice(struct ir_node *n, const struct ir_type *in, enum variant v) {
    if (ir_attr_int(n, IR_KEY_AXIS, 0) != in->time_axis) return;
    bool to_the_end = ir_attr_int(n, IR_KEY_STEADY_END, 0) != 0 || in->dims[in->time_axis].steady == 0;
    int64_t end = ir_attr_int(n, IR_KEY_END, 0);
    if (v == STEADY) {
        ir_attr_set_int(n, IR_KEY_START, 0);
        ir_attr_set_int(n, IR_KEY_END, to_the_end ? in->dims[in->time_axis].steady : 0);
    } else ir_attr_set_int(n, IR_KEY_END, end);
    ir_attr_remove(n, IR_KEY_STEADY_END);
}

// An operator on nothing gives nothing, unless it broadcasts: x + x[:1].
static bool gives_frames(const struct ir_node *original, enum variant v) {
    const struct ir_type *t = original->output_count > 0 ? &ir_out(original)->type : NULL;
    return t != NULL && t->time_axis >= 0 && part(t->dims[t->time_axis], v) != 0;
}

static bool specialise_node(struct ir_node *n, const struct ir_node *original, enum variant v,
                            struct error *err) {
    bool empty = false;
    if (n->op == IR_CONCAT) {
        for (int i = n->input_count - 1; i >= 0; i--) {
            if (is_empty(ir_in(n, i)) && n->input_count > 1) ir_node_drop_input(n, i);
        }
    }
    for (int i = 0; i < n->input_count; i++) empty = empty || (ir_in(n, i) && is_empty(ir_in(n, i)));
    if (n->op == IR_RETURN)
        return !empty ||
               refuse(n, err, v == FIRST ? "the first step gives no frames" : "later steps give no frames");
    if (empty && gives_frames(original, v)) return refuse(n, err, "it needs frames that not every step has");
    const struct ir_type *in = &ir_in(original, 0)->type;
    if (n->op == IR_SLICE) specialise_slice(n, in, v);
    if (n->op == IR_REARRANGE) {
        struct ir_rearrange r;
        rearrange_specialise(ir_attr_rearrange(original), v == STEADY, &r);
        ir_attr_set_rearrange(n, &r);
    }
    for (int i = 0; i < n->output_count; i++) {
        struct ir_type *t = &n->outputs[i]->type;
        empty = empty || (t->time_axis >= 0 && part(t->dims[t->time_axis], v) == 0);
        specialise_type(t, v);
        n->outputs[i]->mark = empty;
    }
    return empty || ir_infer_node(n, err);
}

static bool make_variant(struct ir_graph *full, enum variant v, struct error *err) {
    struct ir_graph *g = ir_graph_clone(full, v == FIRST ? "first" : "steady");
    for (int i = 0; i < g->input_count; i++) {
        specialise_type(&g->inputs[i]->type, v);
        g->inputs[i]->mark = 0;
    }
    struct ir_node *original = full->body.head;
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next, original = original->next) {
        if (!specialise_node(n, original, v, err)) return false;
    }
    for (struct ir_node *n = g->body.tail, *before; n != NULL; n = before) {
        before = n->prev;
        if (n->output_count > 0 && is_empty(ir_out(n)))
            ir_node_remove(n); // its users are empty too, and gone
    }
    return true;
}

// "1x384x2T-1x60x104", for the report.
static void record_symbols(struct ir_graph *g, const char *only) {
    char text[48];
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        if (n->output_count != 1) continue;
        struct strbuf shape = {0};
        const struct ir_type *t = &ir_out(n)->type;
        for (int i = 0; i < t->rank; i++) {
            strbuf_printf(&shape, "%s%s", i ? "x" : "",
                          i == t->time_axis ? dim_format_affine(text, t->dims[i])
                                            : dim_format(text, t->dims[i], false));
        }
        ir_symbol_add(g->module, ir_out(n)->name, strbuf_text(&shape), only);
        strbuf_free(&shape);
    }
}

// A model that is already in steps has lengths instead of symbols, and names of its own in each.
static void record_steps(struct ir_module *m) {
    static const char *const steps[] = {"first", "steady"};
    if (m->symbols != NULL) return;
    for (int i = 0; i < 2; i++) {
        struct ir_graph *g = ir_graph_find(m, steps[i]);
        if (g != NULL) record_symbols(g, steps[i]);
    }
}

// A decoder that is run without its cache never reaches its temporal upsamplers: a silent trap.
static void note_frames(const struct ir_graph *full) {
    const struct ir_node *results = ir_return_of(full);
    const struct ir_type *t = results->input_count == 1 ? &ir_in(results, 0)->type : NULL;
    if (t == NULL || t->time_axis < 0 || !dim_equal(t->dims[t->time_axis], (struct ir_dim){1, 1})) return;
    ir_note(full->module,
            "warning: one video frame for each latent frame: no temporal upsampling happens in this graph, "
            "as in a decoder that was traced without its cache");
}

bool pass_specialise(struct ir_module *m, bool *progress, struct error *err) {
    struct ir_graph *full = ir_graph_find(m, "full");
    if (full == NULL) {
        record_steps(m);
        return true;
    }
    if (full->input_count != 1) {
        return error_set(err, ERROR_UNSUPPORTED,
                         "the graph has %d inputs, as one step with its caches has: give the first and "
                         "the steady step, FIRST.onnx STEADY.onnx",
                         full->input_count);
    }
    if (full->inputs[0]->type.time_axis < 0) {
        return error_set(err, ERROR_UNSUPPORTED,
                         "the number of latent frames is fixed in the model: expected a dynamic one, or "
                         "two files, FIRST.onnx STEADY.onnx");
    }
    if (!check_stream(full, err)) return false;
    note_frames(full);
    record_symbols(full, NULL);
    if (!make_variant(full, FIRST, err) || !make_variant(full, STEADY, err)) return false;
    ir_graph_remove(full);
    *progress = true;
    return pass_simplify(m, progress, err);
}
