// Constants: integers are decoded into pairs, floats stay where they are.
#include "frontend/importer.h"

#include <string.h>

enum { MAX_INTS = 8 * 1024 * 1024 }; // in all constants together: they are for shapes and indices

static struct ir_value *new_constant(struct importer *im, const char *name, const struct ir_type *type) {
    return ir_constant_new(im->module, unique_name(&im->value_names, name), *type);
}

// A constant of integers with room for `count` of them; NULL after an error.
static struct ir_value *new_ints(struct importer *im, const char *name, const struct ir_type *type,
                                 size_t count) {
    im->int_count += count;
    if (count > MAX_INTS || im->int_count > MAX_INTS) {
        error_set(im->err, ERROR_UNSUPPORTED, "tensor '%.100s': more than %d integers in constants", name,
                  MAX_INTS);
        return NULL;
    }
    struct ir_value *v = new_constant(im, name, type);
    v->constant->ints = arena_array(&im->module->arena, count ? count : 1, sizeof *v->constant->ints);
    return v;
}

struct ir_value *constant_of_tensor(struct importer *im, const Onnx__TensorProto *proto, const char *name) {
    struct onnx_tensor t = onnx_tensor_of(proto);
    struct ir_dim dims[IR_MAX_RANK];
    for (int i = 0; i < t.rank; i++) dims[i] = dim_const(t.dims[i]);
    struct ir_type type = ir_type_make(t.dtype, t.rank, dims);
    if (ir_dtype_is_float(t.dtype)) {
        struct ir_value *v = new_constant(im, name, &type);
        v->constant->data = t.data;
        return v;
    }
    struct ir_value *v = new_ints(im, name, &type, t.count);
    for (size_t i = 0; v != NULL && i < t.count; i++)
        v->constant->ints[i] = dim_const(onnx_tensor_int(&t, i));
    return v;
}

static struct ir_type list_type(enum ir_dtype dtype, bool scalar, size_t count) {
    struct ir_dim length = dim_const((int64_t)count);
    return ir_type_make(dtype, scalar ? 0 : 1, &length);
}

struct ir_value *constant_of_ints(struct importer *im, const char *name, bool scalar, size_t count,
                                  const int64_t *values) {
    struct ir_type type = list_type(IR_I64, scalar, count);
    struct ir_value *v = new_ints(im, name, &type, count);
    for (size_t i = 0; v != NULL && i < count; i++) v->constant->ints[i] = dim_const(values[i]);
    return v;
}

struct ir_value *constant_of_floats(struct importer *im, const char *name, bool scalar, size_t count,
                                    const float *values) {
    struct ir_type type = list_type(IR_F32, scalar, count);
    struct ir_value *v = new_constant(im, name, &type);
    float *data = arena_array(&im->module->arena, count ? count : 1, sizeof *data);
    if (count > 0) memcpy(data, values, count * sizeof *data);
    v->constant->data = data;
    return v;
}
