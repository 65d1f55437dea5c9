// recognise_attention: softmax(scale * q k^T) v.
//
//     %1 = mul %q, @s
//     %2 = mul %kt, @s                 # kt: [.., C, N]
//     %3 = matmul %1, %2
//     %4 = softmax %3 {axis=3}
//     %y = matmul %4, %v
// ->  %k = rearrange %kt {pattern="a 1 b c -> a 1 c b"}
//     %y = attention %q, %k, %v {scale=s*s}
//
// Scalar factors may stand on q, on k, or on the product, in front of or behind rearrangements. The
// transposition of k that appears here meets the one that the exporter wrote, and fold_rearranges cancels
// them. A factor that half precision has rounded is taken for the power of the channels that it was made from (match.h).
// The runtime never holds the whole matrix of scores, which is why the pattern must be found: without
// it there is no kernel for the matmuls.
#include "ir/rearrange.h"
#include "passes/match.h"
#include "passes/pass.h"

#include <math.h>

// A factor or divisor of the scores of C channels: half precision may have rounded sqrt(C), or its root on q and on k.
static double factor_of(const struct ir_value *constant, double c, double channels) {
    static const double powers[] = {-0.5, -0.25, 0.25, 0.5};
    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
        double exact = match_unrounded(constant, pow(channels, powers[i]));
        if (exact != c) return exact;
    }
    return c;
}

// The value behind scalar factors, which go into *scale.
static struct ir_value *strip_factors(struct ir_value *v, double channels, double *scale) {
    double c;
    for (;;) {
        struct ir_node *n = v->def;
        bool factor = n && (n->op == IR_MUL || n->op == IR_DIV);
        struct ir_value *x = factor ? match_splat_operand(n, n->op == IR_DIV, &c) : NULL;
        if (x == NULL || !ir_type_equal(&x->type, &v->type)) return v;
        c = factor_of(ir_in(n, x == ir_in(n, 0) ? 1 : 0), c, channels);
        *scale = n->op == IR_MUL ? *scale * c : *scale / c;
        v = x;
    }
}

enum { MOST_REARRANGES = 100 }; // behind each other; fold_rearranges leaves one

// Also those in front of rearrangements, which are then repeated in front of `at`: others may read them.
static struct ir_value *strip_scale(struct ir_node *at, struct ir_value *v, double channels, double *scale,
                                    int depth) {
    v = strip_factors(v, channels, scale);
    struct ir_node *r = depth < MOST_REARRANGES ? match_op(v, IR_REARRANGE) : NULL;
    struct ir_value *x = r ? strip_scale(at, ir_in(r, 0), channels, scale, depth + 1) : NULL;
    return r == NULL || x == ir_in(r, 0) ? v : match_rearrange(at, x, ir_attr_rearrange(r));
}

// Whether q, the transpose of kt, and v agree in all but the channels of v; factors do not change types.
static bool types_fit(const struct ir_type *q, const struct ir_type *kt, const struct ir_type *v) {
    int rank = q->rank;
    if (kt->rank != rank || v->rank != rank || q->time_axis >= rank - 2) return false;
    if (kt->time_axis != q->time_axis || v->time_axis != q->time_axis) return false;
    for (int i = 0; i < rank - 2; i++) {
        if (!dim_equal(kt->dims[i], q->dims[i]) || !dim_equal(v->dims[i], q->dims[i])) return false;
    }
    return dim_equal(kt->dims[rank - 1], q->dims[rank - 2]); // as many keys as queries
}

static struct ir_value *transpose_last(struct ir_node *at, struct ir_value *v) {
    int64_t perm[IR_MAX_RANK];
    struct ir_rearrange r;
    int rank = v->type.rank;
    for (int i = 0; i < rank; i++) perm[i] = i < rank - 2 ? i : i == rank - 2 ? rank - 1 : rank - 2;
    return rearrange_transpose(&v->type, perm, &r) ? match_rearrange(at, v, &r) : NULL;
}

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    struct ir_node *softmax = n->op == IR_MATMUL ? match_op(ir_in(n, 0), IR_SOFTMAX) : NULL;
    if (softmax == NULL) return true;
    struct ir_value *scores = ir_in(softmax, 0);
    int rank = scores->type.rank;
    double scale = 1, unknown = 1;
    if (ir_attr_int(softmax, IR_KEY_AXIS, 0) != rank - 1) return true;
    struct ir_node *product = match_op(strip_factors(scores, 1, &unknown), IR_MATMUL);
    if (product == NULL || !types_fit(&ir_in(product, 0)->type, &ir_in(product, 1)->type, &ir_in(n, 1)->type))
        return true;
    double channels = (double)ir_in(product, 0)->type.dims[rank - 1].first;
    strip_factors(scores, channels, &scale);
    struct ir_value *q = strip_scale(n, ir_in(product, 0), channels, &scale, 0);
    struct ir_value *k = transpose_last(n, strip_scale(n, ir_in(product, 1), channels, &scale, 0));
    struct ir_value *inputs[] = {q, k, ir_in(n, 1)};
    struct ir_node *attention = ir_insert(n, IR_ATTENTION, 3, inputs);
    ir_attr_set_float(attention, IR_KEY_SCALE, scale);
    if (!ir_infer_node(attention, err)) return false;
    ir_out(attention)->name = ir_out(n)->name;
    ir_node_replace(n, ir_out(attention));
    *progress = true;
    return true;
}

bool pass_recognise_attention(struct ir_module *m, bool *progress, struct error *err) {
    if (!match_each(m, visit, progress, err)) return false;
    return !*progress || (pass_fold_rearranges(m, progress, err) && pass_eliminate_dead(m, progress, err));
}
