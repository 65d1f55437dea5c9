// recognise_bytes: a model that ends in 8-bit pixels gives the floats that they are made from.
//
//     %a = add %x, @1.0                                       # x in [-1, 1]
//     %b = mul %a, @127.5
//     %c = clamp %b {min=0, max=255}
//     %d = round %c {mode="zero"}                             # a cast to u8
//     %y = rearrange %d ..              ->                    %c = clamp %x {min=-1.0, max=1.0}
//     return %y                                               %y = rearrange %c ..
//
// Between the frames and the result stand scalar factors and offsets, clamps, movements and at least one rounding. The
// bytes are then byte = a * x + b of the value x in front of them all. The plan gives byte / 127.5 - 1: the frames in
// [-1, 1], from which `wanrun` makes bytes itself, by the same rule. The clamps are moved to x; what remains of a and b
// is applied behind them, and usually nothing does.
//
// *Leaves*: results without a rounding, which are frames already, and a rounding anywhere else, for which there is no
// kernel. Numbers that are scaled behind the rounding, or clamped to another range than 0 to 255, are no bytes.
#include "passes/match.h"
#include "passes/pass.h"

#include <math.h>

enum { MAX_CHAIN = 32 };
static const double half_range = 127.5;

struct head {
    struct ir_node *chain[MAX_CHAIN]; // from the result upwards
    int count;
    bool rounds, scales;
    struct ir_value *x; // in front of them
    double a, b, min, max;
};

static struct ir_value *operand_of(const struct ir_node *n) {
    double c;
    switch (n->op) {
    case IR_CLAMP:
    case IR_ROUND:
    case IR_REARRANGE: return ir_in(n, 0);
    case IR_ADD:
    case IR_MUL: return match_splat_operand(n, false, &c);
    case IR_SUB:
    case IR_DIV: return match_splat_operand(n, true, &c);
    default: return NULL;
    }
}

// A rounding in front of a scale makes steps of another size than bytes.
static bool belongs(struct head *h, const struct ir_node *n, const struct ir_value *operand) {
    if (operand == NULL || (n->op == IR_ROUND && h->scales)) return false;
    if (n->op == IR_ROUND) h->rounds = true;
    else if (n->op != IR_CLAMP && n->op != IR_REARRANGE) h->scales = true;
    return n->op == IR_REARRANGE ||
           ir_type_equal(&operand->type, &ir_out(n)->type); // or the constant broadcasts
}

static void walk_up(struct ir_value *result, struct head *h) {
    h->x = result;
    while (h->count < MAX_CHAIN && h->x->def != NULL && ir_only_user(h->x) != NULL) {
        struct ir_value *operand = operand_of(h->x->def);
        if (!belongs(h, h->x->def, operand)) return;
        h->chain[h->count++] = h->x->def;
        h->x = operand;
    }
}

// byte = a * x + b so far; a bound of it, as one of x.
static double back(const struct head *h, double bound) { return (bound - h->b) / h->a; }

static void clamp(struct head *h, const struct ir_node *n) {
    double low = back(h, ir_attr_float(n, IR_KEY_MIN, -INFINITY)),
           high = back(h, ir_attr_float(n, IR_KEY_MAX, INFINITY));
    if (h->a < 0) {
        double t = low;
        low = high;
        high = t;
    }
    h->min = fmax(h->min, low);
    h->max = fmin(h->max, high);
}

static void compose(struct head *h) {
    for (int i = h->count - 1; i >= 0; i--) {
        const struct ir_node *n = h->chain[i];
        double c = 0;
        match_splat_operand(n, false, &c);
        switch (n->op) {
        case IR_ADD: h->b += c; break;
        case IR_SUB: h->b -= c; break;
        case IR_MUL: h->a *= c, h->b *= c; break;
        case IR_DIV: h->a /= c, h->b /= c; break;
        case IR_CLAMP: clamp(h, n); break;
        default: break;
        }
    }
}

// Whether what the clamps leave, if there are any, can be bytes.
static bool gives_bytes(const struct head *h) {
    double low = h->a * h->min + h->b, high = h->a * h->max + h->b;
    if (h->a == 0 || !isfinite(h->a) || !isfinite(h->b) || h->min > h->max) return false;
    if (h->a < 0) {
        double t = low;
        low = high;
        high = t;
    }
    return (low == -INFINITY || low > -1) && (high == INFINITY || (high > 2 && high < 256));
}

static struct ir_value *scalar(struct ir_node *at, enum ir_op op, struct ir_value *x, double c) {
    float value = (float)c;
    struct ir_value *inputs[] = {x, ir_constant_floats(at->block->graph->module, "byte", 0, NULL, &value)};
    struct ir_node *n = ir_insert(at, op, 2, inputs);
    ir_infer_node(n, NULL);
    return ir_out(n);
}

// Clamp, what is left of the scale, and the movements in their order.
static struct ir_value *rebuild(struct head *h, struct ir_node *at) {
    struct ir_value *v = h->x;
    double scale = h->a / half_range, offset = h->b / half_range - 1;
    if (h->min != -INFINITY || h->max != INFINITY) {
        struct ir_node *c = ir_insert(at, IR_CLAMP, 1, &v);
        ir_attr_set_float(c, IR_KEY_MIN, h->min);
        ir_attr_set_float(c, IR_KEY_MAX, h->max);
        ir_infer_node(c, NULL);
        v = ir_out(c);
    }
    if (fabs(scale - 1) > 1e-6) v = scalar(at, IR_MUL, v, scale);
    if (fabs(offset) > 1e-6) v = scalar(at, IR_ADD, v, offset);
    for (int i = h->count - 1; i >= 0; i--) {
        if (h->chain[i]->op == IR_REARRANGE) v = match_rearrange(at, v, ir_attr_rearrange(h->chain[i]));
    }
    return v;
}

// Floats in [0, 1] stay what they are, though writers of video take them to be in [-1, 1].
static void note_range(struct ir_module *m, const struct head *h) {
    for (int i = 0; i < h->count; i++) {
        const struct ir_node *n = h->chain[i];
        if (n->op == IR_REARRANGE) continue;
        if (n->op == IR_CLAMP && ir_attr_float(n, IR_KEY_MIN, -1) == 0 &&
            ir_attr_float(n, IR_KEY_MAX, 0) == 1)
            ir_note(m, "warning: the frames of this model are in [0, 1]: .npy files hold them so, but videos "
                       "are made "
                       "for [-1, 1] and come out too bright");
        return;
    }
}

bool pass_recognise_bytes(struct ir_module *m, bool *progress, struct error *err) {
    bool any = false;
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        struct ir_node *results = ir_return_of(g);
        for (int i = 0; i < results->input_count; i++) {
            struct head h = {.a = 1, .min = -INFINITY, .max = INFINITY};
            walk_up(ir_in(results, i), &h);
            if (!h.rounds) {
                if (g == m->graphs && i == 0) note_range(m, &h);
                continue;
            }
            compose(&h);
            if (!gives_bytes(&h)) continue;
            ir_node_set_input(results, i, rebuild(&h, results));
            any = true;
        }
    }
    if (!any) return true;
    ir_note(m, "the model gives bytes: the plan gives the floats in [-1, 1] that they are made from");
    *progress = true;
    return pass_eliminate_dead(m, progress, err);
}
