#include "ir/dim.h"

#include <inttypes.h>
#include <stdio.h>

bool dim_add(struct ir_dim a, struct ir_dim b, struct ir_dim *out) {
    return !__builtin_add_overflow(a.first, b.first, &out->first) &&
           !__builtin_add_overflow(a.steady, b.steady, &out->steady);
}

bool dim_sub(struct ir_dim a, struct ir_dim b, struct ir_dim *out) {
    return !__builtin_sub_overflow(a.first, b.first, &out->first) &&
           !__builtin_sub_overflow(a.steady, b.steady, &out->steady);
}

bool dim_mul(struct ir_dim a, struct ir_dim b, struct ir_dim *out) {
    if (!dim_is_const(a) && !dim_is_const(b)) return false;
    if (dim_is_const(a)) {
        struct ir_dim t = a;
        a = b;
        b = t;
    }
    return !__builtin_mul_overflow(a.first, b.first, &out->first) &&
           !__builtin_mul_overflow(a.steady, b.first, &out->steady);
}

bool dim_div(struct ir_dim a, struct ir_dim b, struct ir_dim *out) {
    if (b.first == 0 && b.steady == 0) return false;
    if (dim_is_const(a) && dim_is_const(b)) {
        if (a.first == INT64_MIN && b.first == -1) return false;
        *out = dim_const(a.first / b.first);
        return true;
    }
    if (b.steady == -1 || (dim_is_const(b) && b.first == -1)) { // INT64_MIN % -1 traps
        return dim_sub(dim_const(0), a, &a) && dim_sub(dim_const(0), b, &b) && dim_div(a, b, out);
    }
    if (dim_is_const(b)) {
        if (a.first % b.first != 0 || a.steady % b.first != 0) return false;
        *out = (struct ir_dim){a.first / b.first, a.steady / b.first};
        return true;
    }
    if (b.steady == 0 || a.steady % b.steady != 0) return false; // a = k * b with a constant k
    int64_t k = a.steady / b.steady, product;
    if (__builtin_mul_overflow(k, b.first, &product) || product != a.first) return false;
    *out = dim_const(k);
    return true;
}

int dim_less(struct ir_dim a, struct ir_dim b) {
    struct ir_dim d;
    if (!dim_sub(a, b, &d)) return -1;
    int64_t at_two; // the difference at T = 2, from where on it only grows (or shrinks) by d.steady
    if (__builtin_add_overflow(d.first, d.steady, &at_two)) return -1;
    if (d.steady <= 0 && at_two < 0) return 1;
    if (d.steady >= 0 && at_two >= 0) return 0;
    return -1;
}

char *dim_format(char out[48], struct ir_dim d, bool stream) {
    if (d.steady == 0 && !stream) snprintf(out, 48, "%" PRId64, d.first);
    else snprintf(out, 48, "%" PRId64 "|%" PRId64, d.first, d.steady);
    return out;
}

char *dim_format_affine(char out[48], struct ir_dim d) {
    int64_t constant = d.first - d.steady;
    char factor[24] = "";
    if (d.steady != 1) snprintf(factor, sizeof factor, "%" PRId64, d.steady);
    if (d.steady == 0) snprintf(out, 48, "%" PRId64, d.first);
    else if (constant == 0) snprintf(out, 48, "%sT", factor);
    else snprintf(out, 48, "%sT%+" PRId64, factor, constant);
    return out;
}
