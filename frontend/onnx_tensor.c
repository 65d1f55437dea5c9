// Tensors: one presentation for the three ways in which ONNX stores them.
#include "base/size.h"
#include "frontend/onnx_model.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "ONNX data is little-endian, and so must we be");

enum field { FIELD_FLOAT, FIELD_INT32, FIELD_INT64, FIELD_DOUBLE, FIELD_UINT64 };

// Which typed field holds the elements when raw_data does not.
static const struct type_row {
    int type;
    enum ir_dtype dtype;
    size_t width;
    enum field field;
} type_rows[] = {
    {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, IR_F32, 4, FIELD_FLOAT},
    {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16, IR_F16, 2, FIELD_INT32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16, IR_BF16, 2, FIELD_INT32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE, IR_F64, 8, FIELD_DOUBLE},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT64, IR_I64, 8, FIELD_INT64},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT32, IR_I32, 4, FIELD_INT32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT16, IR_I32, 2, FIELD_INT32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT8, IR_I8, 1, FIELD_INT32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, IR_U8, 1, FIELD_INT32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT16, IR_I32, 2, FIELD_INT32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT32, IR_I64, 4, FIELD_UINT64},
    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT64, IR_I64, 8, FIELD_UINT64},
    {ONNX__TENSOR_PROTO__DATA_TYPE__BOOL, IR_BOOL, 1, FIELD_INT32},
};

static const struct type_row *find_type(int type) {
    for (size_t i = 0; i < sizeof type_rows / sizeof *type_rows; i++) {
        if (type_rows[i].type == type) return &type_rows[i];
    }
    return NULL;
}

bool onnx_dtype(int type, enum ir_dtype *dtype) {
    const struct type_row *row = find_type(type);
    if (row != NULL) *dtype = row->dtype;
    return row != NULL;
}

const char *onnx_type_name(int type) {
    static const char *const name[] = {
        // those that the installed onnx.proto may not know yet, too
        "undefined type", "FLOAT",      "UINT8",          "INT8",       "UINT16",   "INT16",
        "INT32",          "INT64",      "STRING",         "BOOL",       "FLOAT16",  "DOUBLE",
        "UINT32",         "UINT64",     "COMPLEX64",      "COMPLEX128", "BFLOAT16", "FLOAT8E4M3FN",
        "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "UINT4",      "INT4",     "FLOAT4E2M1"};
    return type >= 0 && type < (int)(sizeof name / sizeof *name) ? name[type] : "unknown type";
}

void onnx_shape_print(const Onnx__TensorShapeProto *shape, struct strbuf *out) {
    enum { SHOWN = 12 };
    strbuf_add(out, "[");
    for (size_t i = 0; i < shape->n_dim && i < SHOWN; i++) {
        const Onnx__TensorShapeProto__Dimension *d = shape->dim[i];
        bool number =
            d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && d->dim_value > 0;
        bool named =
            d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && d->dim_param[0] != '\0';
        if (i > 0) strbuf_add(out, ",");
        if (number) strbuf_printf(out, "%lld", (long long)d->dim_value);
        else strbuf_printf(out, "%.60s", named ? d->dim_param : "?");
    }
    strbuf_add(out, shape->n_dim > SHOWN ? ",...]" : "]");
}

struct onnx_tensor onnx_tensor_of(const Onnx__TensorProto *t) {
    const struct type_row *row = find_type(t->data_type);
    struct onnx_tensor view = {.name = t->name ? t->name : "", .type = t->data_type, .rank = (int)t->n_dims};
    for (int i = 0; i < view.rank; i++) view.dims[i] = t->dims[i];
    view.dtype = row->dtype;
    view.data = t->raw_data.data;
    view.bytes = t->raw_data.len;
    view.count = view.bytes / row->width;
    view.external = t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    return view;
}

int64_t onnx_tensor_int(const struct onnx_tensor *t, size_t i) {
    const unsigned char *p = t->data;
    union {
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        int64_t i64;
    } v;
    switch (t->type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__BOOL: return p[i] != 0;
    case ONNX__TENSOR_PROTO__DATA_TYPE__UINT8: return p[i];
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT8: return (int8_t)p[i];
    case ONNX__TENSOR_PROTO__DATA_TYPE__UINT16: return memcpy(&v, p + 2 * i, 2), v.u16;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT16: return memcpy(&v, p + 2 * i, 2), v.i16;
    case ONNX__TENSOR_PROTO__DATA_TYPE__UINT32: return memcpy(&v, p + 4 * i, 4), v.u32;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32: return memcpy(&v, p + 4 * i, 4), v.i32;
    default: return memcpy(&v, p + 8 * i, 8), v.i64;
    }
}

// ---- external data

// The location is a path below the model's folder: a model must not make us read other files.
static bool location_is_safe(const char *location) {
    if (location[0] == '\0' || location[0] == '/' || strlen(location) > 4000) return false;
    for (const char *p = location; p != NULL; p = strchr(p, '/')) {
        if (*p == '/') p++;
        if (strncmp(p, "..", 2) == 0 && (p[2] == '\0' || p[2] == '/')) return false;
    }
    return true;
}

static const struct file_map *open_external(struct onnx_model *model, const char *location,
                                            struct error *err) {
    struct onnx_external *e = model->external;
    while (e != NULL && strcmp(e->location, location) != 0) e = e->next;
    if (e != NULL) return &e->map;
    if (model->folder == NULL) {
        error_set(err, ERROR_INPUT,
                  "its data is in the file '%.200s', and a model in memory without a path has no folder",
                  location);
        return NULL;
    }
    const char *path = arena_printf(&model->arena, "%s%s", model->folder, location);
    struct file_map map;
    if (!file_map_open(&map, path, model->limits.external_bytes, err)) return NULL;
    e = arena_alloc(&model->arena, sizeof *e);
    *e = (struct onnx_external){.location = location, .map = map, .next = model->external};
    model->external = e;
    model->file_bytes += map.size; // each is below limits.external_bytes, and there are as many as open files
    return &e->map;
}

static bool parse_u64(const char *s, uint64_t *out) {
    *out = 0;
    for (const char *p = s; *p != '\0'; p++) {
        if (*p < '0' || *p > '9') return false;
        if (!size_mul(*out, 10, out) || !size_add(*out, (uint64_t)(*p - '0'), out)) return false;
    }
    return *s != '\0';
}

struct external_entry {
    const char *location;
    uint64_t offset, length;
    bool has_length;
};

static bool read_entry(const Onnx__TensorProto *t, struct external_entry *entry, const char *what,
                       struct error *err) {
    *entry = (struct external_entry){.location = ""};
    for (size_t i = 0; i < t->n_external_data; i++) {
        const char *key = t->external_data[i]->key, *value = t->external_data[i]->value;
        if (key == NULL || value == NULL) continue;
        bool ok = true;
        if (strcmp(key, "location") == 0) entry->location = value;
        else if (strcmp(key, "offset") == 0) ok = parse_u64(value, &entry->offset);
        else if (strcmp(key, "length") == 0) ok = entry->has_length = parse_u64(value, &entry->length);
        if (!ok) {
            return error_set(err, ERROR_INPUT, "%s: the %s of its external data is '%.40s', not a number",
                             what, key, value);
        }
    }
    if (location_is_safe(entry->location)) return true;
    return error_set(err, ERROR_INPUT,
                     "%s: its external data is in '%.200s', which is not a path below the model's folder",
                     what, entry->location);
}

// Any number of tensors may name the same bytes of a file: their copies may not take much more than the files.
static bool copy_allowed(struct onnx_model *model, uint64_t bytes, const char *what, struct error *err) {
    const uint64_t limit = model->limits.memory_bytes;
    if (size_add(model->copied_bytes, bytes, &model->copied_bytes) &&
        (model->copied_bytes <= limit || model->copied_bytes - limit <= 2 * model->file_bytes))
        return true;
    return error_set(err, ERROR_MEMORY,
                     "%s: copies of tensors that do not lie as they are needed take more than the limit of "
                     "%llu bytes (--limit-memory changes it) and twice the files",
                     what, (unsigned long long)limit);
}

static bool take_external(struct onnx_model *model, Onnx__TensorProto *t, uint64_t bytes, size_t width,
                          const char *what, struct error *err) {
    struct external_entry entry;
    if (!read_entry(t, &entry, what, err)) return false;
    if (entry.has_length && entry.length != bytes) {
        return error_set(err, ERROR_INPUT, "%s: its shape asks for %llu bytes, its external data has %llu",
                         what, (unsigned long long)bytes, (unsigned long long)entry.length);
    }
    const struct file_map *map = open_external(model, entry.location, err);
    if (map == NULL) return error_prefix(err, "%s", what);
    if (entry.offset > map->size || map->size - entry.offset < bytes) {
        return error_set(err, ERROR_INPUT, "%s: it wants %llu bytes from %llu on of '%s', which has %zu",
                         what, (unsigned long long)bytes, (unsigned long long)entry.offset, entry.location,
                         map->size);
    }
    unsigned char *data = bytes ? (unsigned char *)map->data + entry.offset : NULL;
    if (bytes > 0 && (uintptr_t)data % width != 0) {
        if (!copy_allowed(model, bytes, what, err)) return false;
        data = memcpy(arena_alloc(&model->arena, bytes), data, bytes);
    }
    t->raw_data = (ProtobufCBinaryData){.len = bytes, .data = data};
    return true;
}

// ---- typed fields

struct typed {
    const void *data;
    size_t count, width;
};

static struct typed typed_field(const Onnx__TensorProto *t, enum field field) {
    switch (field) {
    case FIELD_FLOAT: return (struct typed){t->float_data, t->n_float_data, 4};
    case FIELD_INT32: return (struct typed){t->int32_data, t->n_int32_data, 4};
    case FIELD_INT64: return (struct typed){t->int64_data, t->n_int64_data, 8};
    case FIELD_DOUBLE: return (struct typed){t->double_data, t->n_double_data, 8};
    case FIELD_UINT64: return (struct typed){t->uint64_data, t->n_uint64_data, 8};
    }
    return (struct typed){0};
}

// Narrow elements lie in wide fields: the low bytes of each are the element.
static bool take_typed(struct onnx_model *model, Onnx__TensorProto *t, const struct type_row *row,
                       uint64_t count, const char *what, struct error *err) {
    struct typed f = typed_field(t, row->field);
    if (f.count != count) {
        return error_set(err, ERROR_INPUT, "%s: its shape asks for %llu elements, its data has %zu", what,
                         (unsigned long long)count, f.count);
    }
    unsigned char *data = (unsigned char *)f.data;
    if (f.width != row->width) {
        if (!copy_allowed(model, count * row->width, what, err)) return false;
        data = arena_array(&model->arena, count, row->width);
        for (size_t i = 0; i < count; i++) {
            memcpy(data + i * row->width, (const char *)f.data + i * f.width, row->width);
        }
    }
    t->raw_data = (ProtobufCBinaryData){.len = count * row->width, .data = data};
    return true;
}

// ---- all of it

static bool count_elements(const struct onnx_model *model, const Onnx__TensorProto *t,
                           const struct type_row *row, uint64_t *count, const char *what, struct error *err) {
    if (t->n_dims > IR_MAX_RANK) {
        return error_set(err, ERROR_UNSUPPORTED, "%s: it has %zu axes, at most %d are supported", what,
                         t->n_dims, IR_MAX_RANK);
    }
    *count = 1;
    uint64_t bytes = 0;
    bool fits = true;
    for (size_t i = 0; i < t->n_dims; i++) {
        int64_t n = t->dims[i];
        if (n < 0) return error_set(err, ERROR_INPUT, "%s: axis %zu has length %lld", what, i, (long long)n);
        fits = fits && size_mul(*count, (uint64_t)n, count);
    }
    if (fits && size_mul(*count, row->width, &bytes) && bytes <= model->limits.tensor_bytes) return true;
    return error_set(err, ERROR_MEMORY, "%s: its shape asks for more than the limit of %llu bytes", what,
                     (unsigned long long)model->limits.tensor_bytes);
}

bool onnx_tensor_normalise(struct onnx_model *model, Onnx__TensorProto *t, const char *what,
                           struct error *err) {
    static unsigned char nothing[8];
    const struct type_row *row = find_type(t->data_type);
    uint64_t count = 0;
    if (row == NULL) {
        return error_set(err, ERROR_UNSUPPORTED, "%s: elements of %s (%d) are not supported", what,
                         onnx_type_name(t->data_type), (int)t->data_type);
    }
    if (t->segment != NULL) return error_set(err, ERROR_UNSUPPORTED, "%s: it is stored in segments", what);
    if (!count_elements(model, t, row, &count, what, err)) return false;
    if (t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
        if (!take_external(model, t, count * row->width, row->width, what, err)) return false;
    } else if (t->has_raw_data) {
        if (t->raw_data.len != count * row->width) {
            return error_set(err, ERROR_INPUT, "%s: its shape asks for %llu bytes, its data has %zu", what,
                             (unsigned long long)(count * row->width), t->raw_data.len);
        }
    } else if (!take_typed(model, t, row, count, what, err)) {
        return false;
    }
    if (count == 0) t->raw_data = (ProtobufCBinaryData){.len = 0, .data = nothing};
    return true;
}
