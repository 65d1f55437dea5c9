// Einsum of one or two operands: sums over the letters that only one operand has and the result has not, a matrix product
// over those that both have, and transpositions around it.
//
//     "bij, bkj -> bki"     b is in all three, j is summed over, i and k stay
//     a: [b, i, j]          b: [b, j, k]          product: [b, i, k]  ->  [b, k, i]
//
// A letter stands once in an operand, and there is no ellipsis.
#include "passes/lower.h"
#include "passes/match.h"

#include <ctype.h>
#include <string.h>

struct letters {
    char of[IR_MAX_RANK + 1];
    int count;
};

struct einsum {
    struct ir_node *n;
    struct error *err;
    struct letters operand[2], result;
    int operands;
};

static bool has(const struct letters *l, char c) { return memchr(l->of, c, (size_t)l->count) != NULL; }

static bool add(struct letters *l, char c) {
    if (l->count == IR_MAX_RANK || has(l, c)) return false;
    l->of[l->count++] = c;
    return true;
}

// ---- the equation

static bool parse_term(const char **p, struct letters *l) {
    for (; **p != '\0' && **p != ',' && **p != '-'; ++*p) {
        if (**p == ' ') continue;
        if (!isalpha((unsigned char)**p) || !add(l, **p)) return false;
    }
    return true;
}

// Without an arrow the result has the letters that occur once, in alphabetical order.
static bool imply_result(struct einsum *e) {
    for (int c = 'A'; c <= 'z'; c++) {
        int count = 0;
        for (int i = 0; i < e->operands; i++) count += has(&e->operand[i], (char)c);
        if (count == 1 && !add(&e->result, (char)c)) return false; // more axes than a tensor has
    }
    return true;
}

static bool parse(struct einsum *e, const char *equation) {
    const char *p = equation;
    for (;;) {
        if (e->operands == 2 || !parse_term(&p, &e->operand[e->operands++])) return false;
        if (*p != ',') break;
        p++;
    }
    if (*p == '\0') {
        if (!imply_result(e)) return false;
    } else if (p[1] != '>' || (p += 2, !parse_term(&p, &e->result)) || *p != '\0') return false;
    for (int i = 0; i < e->result.count; i++) {
        if (!has(&e->operand[0], e->result.of[i]) && !has(&e->operand[1], e->result.of[i])) return false;
    }
    return e->operands == e->n->input_count;
}

// ---- building

static struct ir_dim size_of(const struct einsum *e, struct ir_value *const *x, char c) {
    for (int i = 0; i < e->operands; i++) {
        const char *at = memchr(e->operand[i].of, c, (size_t)e->operand[i].count);
        if (at != NULL) return x[i]->type.dims[at - e->operand[i].of];
    }
    return dim_const(1);
}

// x, whose axes are `from`, in the order of `to`, which has the same letters.
static struct ir_value *reorder(struct ir_node *n, struct ir_value *x, const struct letters *from,
                                const struct letters *to) {
    int64_t perm[IR_MAX_RANK];
    for (int i = 0; i < to->count; i++) {
        perm[i] = (const char *)memchr(from->of, to->of[i], (size_t)from->count) - from->of;
    }
    return lower_transposed(n, x, perm);
}

// Sums over the axes whose letters nobody else has, and takes the letters out.
static struct ir_value *sum_alone(struct einsum *e, int index, struct ir_value *x) {
    struct letters *l = &e->operand[index], left = {0};
    struct ir_dim dims[IR_MAX_RANK];
    int64_t axes[IR_MAX_RANK];
    int count = 0;
    for (int i = 0; i < l->count; i++) {
        bool alone = !has(&e->result, l->of[i]) && !has(&e->operand[!index], l->of[i]);
        if (alone) axes[count++] = i;
        else {
            dims[left.count] = x->type.dims[i];
            add(&left, l->of[i]);
        }
    }
    *l = left;
    if (count == 0) return x;
    struct ir_node *sum = ir_insert(e->n, IR_REDUCE_SUM, 1, &x);
    ir_attr_set_ints(sum, IR_KEY_AXES, count, axes);
    return ir_infer_node(sum, e->err) ? lower_reshaped(e->n, ir_out(sum), left.count, dims) : NULL;
}

struct groups { // of letters: in both operands and the result, only in one operand, summed over
    struct letters batch, left, right, summed;
};

static struct groups sort_letters(const struct einsum *e) {
    struct groups g = {0};
    for (int i = 0; i < e->operand[0].count; i++) {
        char c = e->operand[0].of[i];
        bool both = has(&e->operand[1], c), kept = has(&e->result, c);
        add(both ? kept ? &g.batch : &g.summed : &g.left, c);
    }
    for (int i = 0; i < e->operand[1].count; i++) {
        if (!has(&e->operand[0], e->operand[1].of[i])) add(&g.right, e->operand[1].of[i]);
    }
    return g;
}

static void append(struct letters *to, const struct letters *more) {
    for (int i = 0; i < more->count; i++) add(to, more->of[i]);
}

static bool product_of(const struct einsum *e, struct ir_value *const *x, const struct letters *l,
                       struct ir_dim *out) {
    *out = dim_const(1);
    for (int i = 0; i < l->count; i++) {
        if (!dim_mul(*out, size_of(e, x, l->of[i]), out)) return false;
    }
    return true;
}

// An operand as matrices: the batch's axes, rows, columns.
static struct ir_value *as_matrices(struct einsum *e, struct ir_value *const *x, int index,
                                    const struct groups *g, const struct letters *rows,
                                    const struct letters *columns) {
    struct letters order = g->batch;
    struct ir_dim dims[IR_MAX_RANK];
    int rank = g->batch.count;
    append(&order, rows);
    append(&order, columns);
    if (rank + 2 > IR_MAX_RANK) return NULL;
    for (int i = 0; i < rank; i++) dims[i] = size_of(e, x, g->batch.of[i]);
    if (!product_of(e, x, rows, &dims[rank]) || !product_of(e, x, columns, &dims[rank + 1])) return NULL;
    struct ir_value *v = reorder(e->n, x[index], &e->operand[index], &order);
    return v != NULL ? lower_reshaped(e->n, v, rank + 2, dims) : NULL;
}

static bool sizes_agree(const struct einsum *e, struct ir_value *const *x) {
    for (int i = 0; i < e->operands; i++) {
        for (int k = 0; k < e->operand[i].count; k++) {
            struct ir_dim d = size_of(e, x, e->operand[i].of[k]);
            if (!dim_equal(d, x[i]->type.dims[k])) return false;
        }
    }
    return true;
}

static bool multiply(struct einsum *e, struct ir_value **x) {
    struct groups g = sort_letters(e);
    struct letters order = g.batch;
    struct ir_dim dims[IR_MAX_RANK];
    append(&order, &g.left);
    append(&order, &g.right);
    for (int i = 0; i < order.count; i++) dims[i] = size_of(e, x, order.of[i]);
    struct ir_value *sides[] = {as_matrices(e, x, 0, &g, &g.left, &g.summed),
                                as_matrices(e, x, 1, &g, &g.summed, &g.right)};
    if (sides[0] == NULL || sides[1] == NULL) return lower_refuse(e->n, e->err, "its axes cannot be joined");
    struct ir_node *product = ir_insert(e->n, IR_MATMUL, 2, sides);
    if (!ir_infer_node(product, e->err)) return false;
    struct ir_value *v = lower_reshaped(e->n, ir_out(product), order.count, dims);
    v = v != NULL ? reorder(e->n, v, &order, &e->result) : NULL;
    if (v == NULL) return lower_refuse(e->n, e->err, "its axes cannot be separated");
    lower_replace(e->n, v);
    return true;
}

bool lower_einsum(struct ir_node *n, struct error *err) {
    struct einsum e = {.n = n, .err = err};
    struct ir_value *x[2] = {ir_in(n, 0), ir_in(n, 1)};
    const char *equation = ir_attr_string(n, IR_KEY_EQUATION, "");
    if (!parse(&e, equation)) return lower_refuse(n, err, "the equation '%.60s' is not supported", equation);
    for (int i = 0; i < e.operands; i++) {
        if (x[i]->type.rank != e.operand[i].count || !ir_dtype_is_float(x[i]->type.dtype))
            return lower_refuse(n, err, "the equation '%.60s' does not fit operand %d", equation, i);
    }
    if (!sizes_agree(&e, x)) return lower_refuse(n, err, "the operands do not fit '%.60s'", equation);
    for (int i = 0; i < e.operands; i++) {
        x[i] = sum_alone(&e, i, x[i]);
        if (x[i] == NULL) return lower_refuse(n, err, "an axis cannot be summed over");
    }
    if (e.operands == 2) return multiply(&e, x);
    struct ir_value *v = reorder(n, x[0], &e.operand[0], &e.result);
    if (v == NULL) return lower_refuse(n, err, "its axes cannot be reordered");
    lower_replace(n, v);
    return true;
}
