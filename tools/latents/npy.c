// .npy files of numpy, format versions 1.0 to 3.0.
//
//     bytes 0-5   \x93NUMPY
//     bytes 6-7   version: major, minor
//     then        length of the header: 2 bytes (version 1) or 4 bytes (2 and 3), little endian
//     then        the header: a Python dict, padded with spaces, ended by a newline
//                 {'descr': '<f4', 'fortran_order': False, 'shape': (1, 16, 3, 5), }
//     then        the numbers
//
// The header is parsed as exactly that: a dict literal with these three keys, each once, in any order.
#include "tools/latents/tensor.h"

#include <stdlib.h>
#include <string.h>

enum { MAGIC_BYTES = 6, MAX_STRING = 32 };

struct parser {
    const char *at, *end;
    const char *path;
    struct error *err;
};

struct header {
    bool has_descr, has_order, has_shape;
    bool fortran_order;
    char descr[MAX_STRING];
    unsigned rank;
    uint64_t shape[LATENTS_MAX_RANK];
};

static bool npy_recognises(const struct bytes *b, const unsigned char *head, size_t size) {
    (void)b;
    return size >= MAGIC_BYTES && memcmp(head, "\x93NUMPY", MAGIC_BYTES) == 0;
}

static void skip_space(struct parser *p) {
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n')) p->at++;
}

static bool expected(struct parser *p, const char *what) {
    char quoted[] = "' '";
    const char *found = "its end";
    if (p->at < p->end) {
        bool printable = *p->at > ' ' && *p->at < 127;
        quoted[1] = *p->at;
        found = printable ? quoted : "a blank or control character";
    }
    return error_set(p->err, ERROR_INPUT, "%s: malformed .npy header: expected %s, found %s", p->path, what,
                     found);
}

static bool take(struct parser *p, char c) {
    skip_space(p);
    if (p->at == p->end || *p->at != c) return false;
    p->at++;
    return true;
}

static bool parse_string(struct parser *p, char out[MAX_STRING]) {
    skip_space(p);
    if (p->at == p->end || (*p->at != '\'' && *p->at != '"')) return expected(p, "a string");
    char quote = *p->at++;
    size_t n = 0;
    while (p->at < p->end && *p->at != quote) {
        if (n == MAX_STRING - 1 || *p->at <= ' ' || *p->at >= 127) return expected(p, "a short string");
        out[n++] = *p->at++;
    }
    out[n] = 0;
    return take(p, quote) || expected(p, "the end of a string");
}

static bool take_word(struct parser *p, const char *word) {
    size_t n = strlen(word);
    skip_space(p);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0) return false;
    p->at += n;
    return true;
}

static bool parse_bool(struct parser *p, bool *out) {
    *out = take_word(p, "True");
    return *out || take_word(p, "False") || expected(p, "True or False");
}

static bool parse_dimension(struct parser *p, uint64_t *out) {
    skip_space(p);
    if (p->at == p->end || *p->at < '0' || *p->at > '9') return expected(p, "a dimension");
    *out = 0;
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++) {
        if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, *p->at - '0', out)) {
            return expected(p, "a dimension below 2^64");
        }
    }
    return true;
}

// A tuple: (), (3,), (3, 4), (3, 4,)
static bool parse_shape(struct parser *p, struct header *h) {
    if (!take(p, '(')) return expected(p, "'('");
    while (!take(p, ')')) {
        if (h->rank == LATENTS_MAX_RANK) return expected(p, "at most 32 dimensions");
        if (!parse_dimension(p, &h->shape[h->rank++])) return false;
        if (take(p, ',')) continue;
        if (!take(p, ')')) return expected(p, "',' or ')'");
        return h->rank > 1 || expected(p, "a tuple, which has a ',' after its only dimension");
    }
    return true;
}

static bool once(struct parser *p, bool *seen, const char *key) {
    if (*seen) return error_set(p->err, ERROR_INPUT, "%s: malformed .npy header: '%s' twice", p->path, key);
    *seen = true;
    return true;
}

static bool parse_descr(struct parser *p, struct header *h) {
    skip_space(p);
    if (p->at < p->end && (*p->at == '[' || *p->at == '(')) {
        return error_set(p->err, ERROR_INPUT, "%s: expected numbers, found a structured dtype", p->path);
    }
    return parse_string(p, h->descr);
}

static bool parse_entry(struct parser *p, struct header *h) {
    char key[MAX_STRING];
    if (!parse_string(p, key)) return false;
    if (!take(p, ':')) return expected(p, "':'");
    if (strcmp(key, "descr") == 0) return once(p, &h->has_descr, key) && parse_descr(p, h);
    if (strcmp(key, "fortran_order") == 0) {
        return once(p, &h->has_order, key) && parse_bool(p, &h->fortran_order);
    }
    if (strcmp(key, "shape") == 0) return once(p, &h->has_shape, key) && parse_shape(p, h);
    return error_set(p->err, ERROR_INPUT,
                     "%s: malformed .npy header: expected the keys descr, fortran_order and "
                     "shape, found '%s'",
                     p->path, key);
}

static bool parse_dict(struct parser *p, struct header *h) {
    if (!take(p, '{')) return expected(p, "'{'");
    while (!take(p, '}')) {
        if (!parse_entry(p, h)) return false;
        if (take(p, ',')) continue;
        if (!take(p, '}')) return expected(p, "',' or '}'");
        break;
    }
    skip_space(p);
    if (p->at != p->end) return expected(p, "nothing after '}'");
    if (h->has_descr && h->has_order && h->has_shape) return true;
    const char *missing = !h->has_descr ? "descr" : !h->has_order ? "fortran_order" : "shape";
    return error_set(p->err, ERROR_INPUT, "%s: malformed .npy header: expected a '%s', found none", p->path,
                     missing);
}

// What numpy calls the type, for messages: a user knows 'int64' better than '<i8'.
static const struct {
    const char *descr;
    enum latents_type type;
    const char *name;
} types[] = {
    {"<f4", LATENTS_F32, "float32"},
    {"<f2", LATENTS_F16, "float16"},
    {"<f8", LATENTS_F64, "float64"},
    {"|u1", LATENTS_U8, "uint8"},
    {"<u2", LATENTS_WORDS, "uint16"},
    {"<i2", LATENTS_WORDS, "int16"},
    {"|V2", LATENTS_WORDS, "two bytes"}, // bfloat16 of ml_dtypes
    {"<V2", LATENTS_WORDS, "two bytes"},
    {">f4", LATENTS_OTHER, "big-endian float32"},
    {">f2", LATENTS_OTHER, "big-endian float16"},
    {">f8", LATENTS_OTHER, "big-endian float64"},
    {"|i1", LATENTS_OTHER, "int8"},
    {"<i4", LATENTS_OTHER, "int32"},
    {"<i8", LATENTS_OTHER, "int64"},
    {"<c8", LATENTS_OTHER, "complex64"},
    {"|b1", LATENTS_OTHER, "bool"},
    {"|O", LATENTS_OTHER, "Python objects"},
};

static void set_type(struct latents_tensor *t, const char *descr) {
    t->type = LATENTS_OTHER;
    t->type_name = "another type";
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(descr, types[i].descr) == 0) t->type = types[i].type, t->type_name = types[i].name;
    }
}

static bool set_layout(const char *path, const struct header *h, struct latents_tensor *t,
                       struct error *err) {
    if (h->fortran_order) {
        return error_set(err, ERROR_INPUT,
                         "%s: expected C order, found Fortran order "
                         "(save numpy.ascontiguousarray(x) instead)",
                         path);
    }
    set_type(t, h->descr);
    t->rank = h->rank;
    memcpy(t->shape, h->shape, sizeof t->shape);
    latents_set_dense(t);
    return true;
}

static bool header_extent(const struct bytes *file, uint64_t *start, uint64_t *size, struct error *err) {
    unsigned char b[12];
    if (!bytes_read(file, 0, b, 10, err)) return false;
    if (memcmp(b, "\x93NUMPY", MAGIC_BYTES) != 0)
        return error_set(err, ERROR_INPUT, "%s: expected a .npy file in it, found another kind of file",
                         file->path);
    if (b[6] < 1 || b[6] > 3 || b[7] != 0) {
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s: expected .npy format version 1.0, 2.0 or 3.0, found %u.%u", file->path, b[6],
                         b[7]);
    }
    *start = b[6] == 1 ? 10 : 12;
    if (!bytes_read(file, 0, b, (size_t)*start, err)) return false;
    *size = bytes_little_endian(b + 8, b[6] == 1 ? 2 : 4);
    if (*size <= NPY_MAX_HEADER) return true;
    return error_set(err, ERROR_INPUT, "%s: malformed .npy header: expected at most %d bytes, found %llu",
                     file->path, NPY_MAX_HEADER, (unsigned long long)*size);
}

bool npy_list_header(const struct bytes *head, struct latents_tensor *t, uint64_t *skip, struct error *err) {
    uint64_t start = 0, size = 0;
    if (!header_extent(head, &start, &size, err)) return false;
    char *text = malloc((size_t)size + 1);
    if (text == NULL) return error_set(err, ERROR_MEMORY, "%s: no memory for the header", head->path);
    struct parser p = {.at = text, .end = text + size, .path = head->path, .err = err};
    struct header h = {0};
    bool ok = bytes_read(head, start, text, (size_t)size, err) && parse_dict(&p, &h) &&
              set_layout(head->path, &h, t, err);
    free(text);
    *skip = start + size;
    return ok;
}

static bool npy_list(struct latents_file *f, struct error *err) {
    struct latents_tensor *t = latents_add(f, NULL, err);
    uint64_t skip = 0;
    return t != NULL && npy_list_header(&f->bytes, t, &skip, err) &&
           bytes_part(&f->bytes, skip, f->bytes.size - skip, &t->numbers);
}

const struct latents_reader latents_npy = {".npy", npy_recognises, npy_list};
