// .safetensors files: 8 bytes, the length of a JSON object; the object; the numbers of all tensors, in C order, little
// endian, one behind the other without gaps:
//
//     {"__metadata__": {"format": "pt"}, "latents": {"dtype": "BF16", "shape": [16, 4, 3, 5], "data_offsets": [0, 1920]}}
#include "base/size.h"
#include "tools/latents/tensor.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, MAX_HEADER = 4 << 20 };

static const struct {
    const char *name;
    unsigned size;
    enum latents_type type;
} types[] = {
    {"F64", 8, LATENTS_F64},       {"F32", 4, LATENTS_F32},   {"F16", 2, LATENTS_F16},
    {"BF16", 2, LATENTS_BF16},     {"U8", 1, LATENTS_U8},     {"I64", 8, LATENTS_OTHER},
    {"U64", 8, LATENTS_OTHER},     {"I32", 4, LATENTS_OTHER}, {"U32", 4, LATENTS_OTHER},
    {"I16", 2, LATENTS_OTHER},     {"U16", 2, LATENTS_OTHER}, {"I8", 1, LATENTS_OTHER},
    {"BOOL", 1, LATENTS_OTHER},    {"C64", 8, LATENTS_OTHER}, {"F8_E4M3", 1, LATENTS_OTHER},
    {"F8_E5M2", 1, LATENTS_OTHER},
};

static uint64_t header_size(const unsigned char *head) { return bytes_little_endian(head, LENGTH_BYTES); }

static bool recognises(const struct bytes *b, const unsigned char *head, size_t size) {
    return size > LENGTH_BYTES && head[LENGTH_BYTES] == '{' && header_size(head) >= 2 &&
           (header_size(head) <= b->size - LENGTH_BYTES || head[LENGTH_BYTES + 1] == '"');
}

static bool malformed(const struct latents_file *f, const char *key, const char *why, struct error *err) {
    return error_set(err, ERROR_INPUT, "%s: malformed .safetensors header: '%.100s': %s", f->path, key, why);
}

static bool read_shape(const struct latents_file *f, struct latents_tensor *t, const json_t *shape,
                       struct error *err) {
    size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank > LATENTS_MAX_RANK)
        return malformed(f, t->key, "expected a shape of at most 32 numbers", err);
    t->rank = (unsigned)rank;
    for (size_t i = 0; i < rank; i++) {
        const json_t *n = json_array_get(shape, i);
        if (!json_is_integer(n) || json_integer_value(n) < 0)
            return malformed(f, t->key, "expected whole numbers in its shape", err);
        t->shape[i] = (uint64_t)json_integer_value(n);
    }
    latents_set_dense(t);
    return true;
}

static bool read_place(const struct latents_file *f, const struct bytes *data, struct latents_tensor *t,
                       const json_t *offsets, struct error *err) {
    const json_t *from = json_array_get(offsets, 0), *to = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(from) || !json_is_integer(to) ||
        json_integer_value(from) < 0 || json_integer_value(to) < json_integer_value(from))
        return malformed(f, t->key, "expected data_offsets of two ascending numbers", err);
    uint64_t begin = (uint64_t)json_integer_value(from), size = (uint64_t)json_integer_value(to) - begin;
    return bytes_part(data, begin, size, &t->numbers) ||
           malformed(f, t->key, "its data_offsets are outside of the file (truncated?)", err);
}

// A type that we do not know may have any size.
static bool read_type(const struct latents_file *f, struct latents_tensor *t, const char *name,
                      struct error *err) {
    if (name == NULL) return malformed(f, t->key, "expected a dtype", err);
    t->type = LATENTS_OTHER;
    t->type_name = arena_printf((struct arena *)&f->arena, "%.20s", name);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(name, types[i].name) != 0) continue;
        uint64_t bytes = types[i].size;
        bool fits = true;
        for (unsigned k = 0; k < t->rank; k++) fits = fits && size_mul(bytes, t->shape[k], &bytes);
        t->type = types[i].type;
        if (t->type != LATENTS_OTHER) t->type_name = latents_type_name(t->type);
        return (fits && bytes == t->numbers.size) ||
               malformed(f, t->key, "its data_offsets do not hold its shape", err);
    }
    return true;
}

static bool read_tensor(struct latents_file *f, const struct bytes *data, const char *key, json_t *value,
                        struct error *err) {
    if (strcmp(key, "__metadata__") == 0) return true;
    struct latents_tensor *t = latents_add(f, arena_strdup(&f->arena, key), err);
    return t != NULL && read_shape(f, t, json_object_get(value, "shape"), err) &&
           read_place(f, data, t, json_object_get(value, "data_offsets"), err) &&
           read_type(f, t, json_string_value(json_object_get(value, "dtype")), err);
}

static int by_place(const void *a, const void *b) {
    const struct latents_tensor *const *x = a, *const *y = b;
    const struct bytes *p = &(*x)->numbers, *q = &(*y)->numbers;
    if (p->start != q->start) return p->start < q->start ? -1 : 1;
    return p->size < q->size ? -1 : p->size > q->size;
}

// The format allows neither gaps nor overlaps: a file that has them is not what its writer meant.
static bool check_places(struct latents_file *f, const struct bytes *data, struct error *err) {
    const struct latents_tensor **sorted = arena_array(&f->arena, f->count, sizeof *sorted);
    for (size_t i = 0; i < f->count; i++) sorted[i] = &f->tensors[i];
    qsort(sorted, f->count, sizeof *sorted, by_place);
    uint64_t end = data->start;
    for (size_t i = 0; i < f->count; i++) {
        if (sorted[i]->numbers.start != end)
            return malformed(f, sorted[i]->key, "its data_offsets overlap others, or leave a gap", err);
        end += sorted[i]->numbers.size;
    }
    return end == data->start + data->size ||
           error_set(err, ERROR_INPUT, "%s: trailing bytes: expected its last tensor to end the file",
                     f->path);
}

static bool read_tensors(struct latents_file *f, const struct bytes *data, json_t *root, struct error *err) {
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value) {
        if (!read_tensor(f, data, key, value, err)) return false;
    }
    if (f->count == 0) return error_set(err, ERROR_INPUT, "%s: expected a tensor, found none", f->path);
    return check_places(f, data, err);
}

static json_t *read_header(const struct latents_file *f, size_t size, struct error *err) {
    char *text = malloc(size);
    json_error_t why;
    json_t *root = NULL;
    if (text == NULL) error_set(err, ERROR_MEMORY, "%s: no memory for the header", f->path);
    else if (bytes_read(&f->bytes, LENGTH_BYTES, text, size, err)) {
        root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
        if (root == NULL)
            error_set(err, ERROR_INPUT, "%s: malformed .safetensors header: byte %d: %s", f->path,
                      why.position, why.text);
    }
    free(text);
    return root;
}

static bool list(struct latents_file *f, struct error *err) {
    unsigned char head[LENGTH_BYTES];
    struct bytes data;
    if (!bytes_read(&f->bytes, 0, head, sizeof head, err)) return false;
    uint64_t size = header_size(head);
    if (size > MAX_HEADER)
        return error_set(err, ERROR_INPUT,
                         "%s: malformed .safetensors header: expected at most %d bytes, found %llu", f->path,
                         MAX_HEADER, (unsigned long long)size);
    json_t *root = read_header(f, (size_t)size, err);
    if (root == NULL) return false;
    bool ok = bytes_part(&f->bytes, LENGTH_BYTES + size, f->bytes.size - LENGTH_BYTES - size, &data) &&
              read_tensors(f, &data, root, err);
    json_decref(root);
    return ok;
}

const struct latents_reader latents_safetensors = {".safetensors", recognises, list};
