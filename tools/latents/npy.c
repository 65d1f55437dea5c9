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
#include "tools/latents/latents.h"

#include <stdlib.h>
#include <string.h>

enum { MAGIC_BYTES = 6, MAX_HEADER = 1 << 16, MAX_STRING = 32 };

struct parser {
    const char *at, *end;
    const struct latents *l;
    struct error *err;
};

struct header {
    bool has_descr, has_order, has_shape;
    bool fortran_order;
    char descr[MAX_STRING];
    unsigned rank;
    uint64_t shape[LATENTS_MAX_RANK];
};

static bool npy_recognises(const unsigned char *head, size_t size) {
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
    return error_set(p->err, ERROR_INPUT, "%s: malformed .npy header: expected %s, found %s", p->l->path,
                     what, found);
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
    if (*seen)
        return error_set(p->err, ERROR_INPUT, "%s: malformed .npy header: '%s' twice", p->l->path, key);
    *seen = true;
    return true;
}

static bool parse_descr(struct parser *p, struct header *h) {
    skip_space(p);
    if (p->at < p->end && (*p->at == '[' || *p->at == '(')) {
        return error_set(p->err, ERROR_INPUT, "%s: expected float16 or float32, found a structured dtype",
                         p->l->path);
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
                     p->l->path, key);
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
    return error_set(p->err, ERROR_INPUT, "%s: malformed .npy header: expected a '%s', found none",
                     p->l->path, missing);
}

// What numpy calls the type, for messages: a user knows 'float64' better than '<f8'.
static const char *type_name(const char *descr) {
    static const struct {
        const char *descr, *name;
    } names[] = {{"<f8", "float64"},
                 {">f4", "big-endian float32"},
                 {">f2", "big-endian float16"},
                 {"|u1", "uint8"},
                 {"|i1", "int8"},
                 {"<i4", "int32"},
                 {"<i8", "int64"},
                 {"<c8", "complex64"},
                 {"|b1", "bool"},
                 {"|O", "Python objects"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(descr, names[i].descr) == 0) return names[i].name;
    }
    return "another type";
}

static bool set_layout(struct latents *l, const struct header *h, struct error *err) {
    if (strcmp(h->descr, "<f4") == 0) l->type = LATENTS_F32;
    else if (strcmp(h->descr, "<f2") == 0) l->type = LATENTS_F16;
    else if (l->is_array && strcmp(h->descr, "|u1") == 0) l->type = LATENTS_U8;
    else {
        return error_set(err, ERROR_INPUT, "%s: expected float16 ('<f2') or float32 ('<f4'), found %s ('%s')",
                         l->path, type_name(h->descr), h->descr);
    }
    if (h->fortran_order) {
        return error_set(err, ERROR_INPUT,
                         "%s: expected C order, found Fortran order "
                         "(save numpy.ascontiguousarray(x) instead)",
                         l->path);
    }
    l->rank = h->rank;
    memcpy(l->shape, h->shape, sizeof l->shape);
    return true;
}

static bool header_extent(const struct latents *l, uint64_t *start, uint64_t *size, struct error *err) {
    unsigned char b[12];
    if (!latents_read_bytes(l, 0, b, 10, err)) return false;
    if (b[6] < 1 || b[6] > 3 || b[7] != 0) {
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s: expected .npy format version 1.0, 2.0 or 3.0, found %u.%u", l->path, b[6],
                         b[7]);
    }
    *start = b[6] == 1 ? 10 : 12;
    if (!latents_read_bytes(l, 0, b, (size_t)*start, err)) return false;
    *size = b[8] | (uint64_t)b[9] << 8;
    if (b[6] > 1) *size |= (uint64_t)b[10] << 16 | (uint64_t)b[11] << 24;
    if (*size <= MAX_HEADER) return true;
    return error_set(err, ERROR_INPUT, "%s: malformed .npy header: expected at most %d bytes, found %llu",
                     l->path, MAX_HEADER, (unsigned long long)*size);
}

static bool npy_parse(struct latents *l, struct error *err) {
    uint64_t start = 0, size = 0;
    if (!header_extent(l, &start, &size, err)) return false;
    char *text = malloc((size_t)size + 1);
    if (text == NULL) return error_set(err, ERROR_MEMORY, "%s: no memory for the header", l->path);
    struct parser p = {.at = text, .end = text + size, .l = l, .err = err};
    struct header h = {0};
    bool ok =
        latents_read_bytes(l, start, text, (size_t)size, err) && parse_dict(&p, &h) && set_layout(l, &h, err);
    free(text);
    l->data_offset = start + size;
    return ok;
}

const struct latents_reader latents_npy = {".npy", npy_recognises, npy_parse};
