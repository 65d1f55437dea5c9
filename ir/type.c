// Types: element types and shapes.
#include "ir/ir.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size;
    bool is_float;
} dtype_info[IR_DTYPES] = {
    [IR_F32] = {"f32", 4, true}, [IR_F16] = {"f16", 2, true},  [IR_BF16] = {"bf16", 2, true},
    [IR_F64] = {"f64", 8, true}, [IR_I64] = {"i64", 8, false}, [IR_I32] = {"i32", 4, false},
    [IR_U8] = {"u8", 1, false},  [IR_I8] = {"i8", 1, false},   [IR_BOOL] = {"bool", 1, false},
};

const char *ir_dtype_name(enum ir_dtype dtype) { return dtype_info[dtype].name; }
size_t ir_dtype_size(enum ir_dtype dtype) { return dtype_info[dtype].size; }
bool ir_dtype_is_float(enum ir_dtype dtype) { return dtype_info[dtype].is_float; }

struct ir_type ir_type_make(enum ir_dtype dtype, int rank, const struct ir_dim *dims) {
    struct ir_type t = {.dtype = dtype, .rank = rank, .time_axis = -1};
    if (rank > 0) memcpy(t.dims, dims, (size_t)rank * sizeof *dims);
    return t;
}

bool ir_type_equal(const struct ir_type *a, const struct ir_type *b) {
    if (a->dtype != b->dtype || a->rank != b->rank || a->time_axis != b->time_axis) return false;
    for (int i = 0; i < a->rank; i++) {
        if (!dim_equal(a->dims[i], b->dims[i])) return false;
    }
    return true;
}

bool ir_type_count(const struct ir_type *t, int64_t *count) {
    *count = 1;
    for (int i = 0; i < t->rank; i++) {
        if (!dim_is_const(t->dims[i])) return false;
        if (__builtin_mul_overflow(*count, t->dims[i].first, count)) return false;
    }
    return t->rank >= 0;
}

void ir_type_print(const struct ir_type *t, struct strbuf *out) {
    char text[48];
    if (t->rank < 0) {
        strbuf_printf(out, "%s?", ir_dtype_name(t->dtype));
        return;
    }
    strbuf_printf(out, "%s[", ir_dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++) {
        strbuf_printf(out, "%s%s", i ? "," : "", dim_format(text, t->dims[i], i == t->time_axis));
    }
    strbuf_add(out, "]");
}
