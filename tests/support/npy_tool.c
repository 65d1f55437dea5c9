// Makes and compares .npy files for tests, so that a test run needs no Python.
//
//     npy_tool make OUT TYPE SHAPE SEED         pseudo-random numbers in [-2, 2]; TYPE <f2 or <f4, SHAPE 1,16,3,5,7
//     npy_tool raw OUT VERSION HEADER BYTES     a header as given, and that many zero bytes: for malformed files
//     npy_tool poke FILE INDEX VALUE            overwrites one number (flat index) of a <f4 file: nan, inf, 0.5
//     npy_tool shape FILE                       prints the type and shape, "<f4 1,3,9,16,24"
//     npy_tool diff A B [LIMIT]                 prints the largest difference; fails above LIMIT or where shapes differ
//     npy_tool slice IN OUT COUNT [FROM]        COUNT frames of IN (third axis from the end)
//     npy_tool loop IN OUT COUNT HEIGHT WIDTH   COUNT frames: those of IN over and over, their upper left corner
//     npy_tool transpose IN OUT                 exchanges the fourth and the third axis from the end
//     npy_tool bytes IN OUT                     frames [1,C,F,H,W] in [-1, 1] as bytes [F,H,W,C], rounded
//     npy_tool numbers IN OUT                   the reverse: bytes [F,H,W,C] as <f4 [1,C,F,H,W] in [-1, 1]
//     npy_tool prefix SHORT LONG                are SHORT's frames (third axis from the end) the first ones of LONG,
//                                               bit for bit?
//
// Exit status: 0 yes, 1 no, 2 a file or the command line is wrong.
#include "tests/support/npy_array.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NO = 1 };

static FILE *open_file(const char *path, const char *mode) {
    FILE *f = fopen(path, mode);
    if (f == NULL) npy_die("npy_tool: %s: cannot open", path);
    return f;
}

static void close_file(FILE *f, const char *path) {
    if (fclose(f) != 0) npy_die("npy_tool: %s: cannot write", path);
}

static void write_header(FILE *f, int version, const char *text) {
    size_t size = strlen(text) + 1;
    fwrite("\x93NUMPY", 1, 6, f);
    fputc(version, f), fputc(0, f);
    for (int i = 0; i < (version == 1 ? 2 : 4); i++) fputc((int)(size >> 8 * i & 255), f);
    fprintf(f, "%s\n", text);
}

// A multiple of 1/256 in [-2, 2): the same number in both types.
static int random_step(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (int)(*state >> 54) - 512;
}

static void write_number(FILE *f, int step, size_t element_size) {
    if (element_size == 4) {
        float x = (float)step / 256;
        fwrite(&x, 4, 1, f);
        return;
    }
    unsigned magnitude = (unsigned)abs(step), exponent = 0;
    uint16_t half = step < 0 ? 0x8000 : 0;
    while (magnitude >> exponent > 1) exponent++;
    if (magnitude != 0) half |= (uint16_t)((exponent + 7) << 10 | (magnitude << (10 - exponent) & 1023));
    fwrite(&half, 2, 1, f);
}

static size_t product(const char *shape) { // "1,16,3"
    size_t count = 1;
    for (char *end; *shape != 0; shape = *end == ',' ? end + 1 : end) {
        count *= strtoull(shape, &end, 10);
        if (end == shape) npy_die("npy_tool: what shape is '%s'?", shape);
    }
    return count;
}

static int make(const char *path, const char *type, const char *shape, const char *seed) {
    size_t element_size = type[2] == '2' ? 2 : 4, count = product(shape);
    char text[256];
    snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%s,), }", type, shape);
    FILE *f = open_file(path, "wb");
    write_header(f, 1, text);
    uint64_t state = strtoull(seed, NULL, 10) * 2654435761u + 1;
    for (size_t i = 0; i < count; i++) write_number(f, random_step(&state), element_size);
    close_file(f, path);
    return 0;
}

static void write_sliced(FILE *f, const struct npy_array *a, size_t from, size_t count, const char *header) {
    size_t outer = 1, inner = a->element_size, axis = a->rank - 3;
    for (unsigned i = 0; i < axis; i++) outer *= a->shape[i];
    for (size_t i = axis + 1; i < a->rank; i++) inner *= a->shape[i];
    write_header(f, 1, header);
    for (size_t i = 0; i < outer; i++)
        fwrite(a->bytes + (i * a->shape[axis] + from) * inner, inner, count, f);
}

static void header_text(const struct npy_array *a, const size_t *shape, char text[256]) {
    int n = snprintf(text, 256, "{'descr': '%s', 'fortran_order': False, 'shape': (", a->type);
    for (unsigned i = 0; i < a->rank; i++) n += snprintf(text + n, 256 - (size_t)n, "%zu, ", shape[i]);
    snprintf(text + n, 256 - (size_t)n, "), }");
}

static int slice(const char *path, const char *to, const char *count_text, const char *from_text) {
    struct npy_array a = npy_load(path);
    size_t count = strtoull(count_text, NULL, 10), from = strtoull(from_text, NULL, 10), shape[NPY_MAX_RANK];
    if (a.rank < 3 || from + count > a.shape[a.rank - 3]) npy_die("%s: fewer frames", path);
    char text[256];
    memcpy(shape, a.shape, sizeof shape);
    shape[a.rank - 3] = count;
    header_text(&a, shape, text);
    FILE *f = open_file(to, "wb");
    write_sliced(f, &a, from, count, text);
    close_file(f, to);
    npy_free(&a);
    return 0;
}

static int loop(const char *path, const char *to, char **numbers) {
    struct npy_array a = npy_load(path);
    size_t shape[NPY_MAX_RANK], n[3], outer = 1;
    for (int i = 0; i < 3; i++) n[i] = strtoull(numbers[i], NULL, 10);
    if (a.rank < 3) npy_die("%s: fewer axes", path);
    const size_t *old = a.shape + a.rank - 3;
    if (n[1] > old[1] || n[2] > old[2] || a.count == 0) npy_die("%s: smaller frames", path);
    memcpy(shape, a.shape, sizeof shape);
    memcpy(shape + a.rank - 3, n, sizeof n);
    for (unsigned i = 0; i + 3 < a.rank; i++) outer *= a.shape[i];
    char text[256];
    header_text(&a, shape, text);
    FILE *f = open_file(to, "wb");
    write_header(f, 1, text);
    for (size_t t = 0; t < outer * n[0]; t++) {
        size_t frame = t / n[0] * old[0] + t % n[0] % old[0];
        for (size_t y = 0; y < n[1]; y++)
            fwrite(a.bytes + (frame * old[1] + y) * old[2] * a.element_size, a.element_size, n[2], f);
    }
    close_file(f, to);
    npy_free(&a);
    return 0;
}

static int transpose(const char *path, const char *to) {
    struct npy_array a = npy_load(path);
    if (a.rank < 4) npy_die("%s: fewer axes", path);
    size_t axis = a.rank - 4, rows = a.shape[axis], columns = a.shape[axis + 1], shape[NPY_MAX_RANK];
    size_t inner = a.shape[axis + 2] * a.shape[axis + 3] * a.element_size;
    char text[256];
    memcpy(shape, a.shape, sizeof shape);
    shape[axis] = columns, shape[axis + 1] = rows;
    header_text(&a, shape, text);
    FILE *f = open_file(to, "wb");
    write_header(f, 1, text);
    for (size_t i = 0; i < a.count * a.element_size / inner; i++) {
        size_t outer = i / (rows * columns), rest = i % (rows * columns);
        size_t from = (outer * rows + rest % rows) * columns + rest / rows;
        fwrite(a.bytes + from * inner, inner, 1, f);
    }
    close_file(f, to);
    npy_free(&a);
    return 0;
}

static int bytes(const char *path, const char *to) {
    struct npy_array a = npy_load(path);
    if (a.rank != 5) npy_die("%s: expected 5 axes", path);
    size_t channels = a.shape[1], frames = a.shape[2], plane = a.shape[3] * a.shape[4];
    char text[256];
    snprintf(text, sizeof text, "{'descr': '|u1', 'fortran_order': False, 'shape': (%zu, %zu, %zu, %zu), }",
             frames, a.shape[3], a.shape[4], channels);
    FILE *f = open_file(to, "wb");
    write_header(f, 1, text);
    for (size_t i = 0; i < frames * plane * channels; i++) {
        size_t c = i % channels, pixel = i / channels % plane, frame = i / channels / plane;
        double x = npy_value(&a, (c * frames + frame) * plane + pixel);
        fputc((int)floor((fmin(fmax(x, -1), 1) + 1) * 127.5 + 0.5), f);
    }
    close_file(f, to);
    npy_free(&a);
    return 0;
}

static int numbers(const char *path, const char *to) {
    struct npy_array a = npy_load(path);
    if (a.rank != 4 || a.element_size != 1) npy_die("%s: expected bytes of 4 axes", path);
    size_t channels = a.shape[3], frames = a.shape[0], plane = a.shape[1] * a.shape[2];
    char text[256];
    snprintf(text, sizeof text,
             "{'descr': '<f4', 'fortran_order': False, 'shape': (1, %zu, %zu, %zu, %zu), }", channels, frames,
             a.shape[1], a.shape[2]);
    FILE *f = open_file(to, "wb");
    write_header(f, 1, text);
    for (size_t i = 0; i < a.count; i++) {
        size_t pixel = i % plane, frame = i / plane % frames, c = i / plane / frames;
        float x = (float)(a.bytes[(frame * plane + pixel) * channels + c] / 127.5 - 1);
        fwrite(&x, sizeof x, 1, f);
    }
    close_file(f, to);
    npy_free(&a);
    return 0;
}

static int raw(const char *path, const char *version, const char *header, const char *bytes) {
    FILE *f = open_file(path, "wb");
    write_header(f, atoi(version), header);
    for (long i = atol(bytes); i > 0; i--) fputc(0, f);
    close_file(f, path);
    return 0;
}

static int poke(const char *path, const char *index, const char *text) {
    struct npy_array a = npy_load(path);
    size_t i = strtoull(index, NULL, 10);
    float x = strtof(text, NULL);
    if (a.element_size != 4 || i >= a.count) npy_die("%s: no such float32", path);
    FILE *f = open_file(path, "r+b");
    fseek(f, -(long)((a.count - i) * 4), SEEK_END);
    fwrite(&x, 4, 1, f);
    close_file(f, path);
    npy_free(&a);
    return 0;
}

static int shape(const char *path) {
    struct npy_array a = npy_load(path);
    printf("%s ", a.type);
    for (unsigned i = 0; i < a.rank; i++) printf("%s%zu", i > 0 ? "," : "", a.shape[i]);
    printf("\n");
    npy_free(&a);
    return 0;
}

static int diff(const char *left, const char *right, const char *limit) {
    struct npy_array a = npy_load(left), b = npy_load(right);
    double largest = 0;
    bool same = a.rank == b.rank && memcmp(a.shape, b.shape, sizeof a.shape) == 0;
    for (size_t i = 0; same && i < a.count; i++) {
        double d = fabs(npy_value(&a, i) - npy_value(&b, i));
        if (!(d <= largest)) largest = d; // NaN stays
        if (isnan(d)) break;
    }
    if (same) printf("%g\n", largest);
    else printf("shapes differ\n");
    npy_free(&a), npy_free(&b);
    return same && (limit == NULL || largest <= strtod(limit, NULL)) ? 0 : NO;
}

static int prefix(const char *short_path, const char *long_path) {
    struct npy_array a = npy_load(short_path), b = npy_load(long_path);
    if (a.rank != b.rank || a.rank < 3 || a.element_size != b.element_size) return NO;
    size_t outer = 1, inner = a.element_size, axis = a.rank - 3;
    for (unsigned i = 0; i < a.rank; i++) {
        if (i != axis && a.shape[i] != b.shape[i]) return NO;
        if (i < axis) outer *= a.shape[i];
        if (i > axis) inner *= a.shape[i];
    }
    if (a.shape[axis] > b.shape[axis]) return NO;
    size_t a_stride = a.shape[axis] * inner, b_stride = b.shape[axis] * inner;
    int differ = 0;
    for (size_t i = 0; i < outer; i++)
        differ |= memcmp(a.bytes + i * a_stride, b.bytes + i * b_stride, a_stride);
    npy_free(&a), npy_free(&b);
    return differ != 0 ? NO : 0;
}

int main(int argc, char **argv) {
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "make") == 0 && argc == 6) return make(argv[2], argv[3], argv[4], argv[5]);
    if (strcmp(command, "raw") == 0 && argc == 6) return raw(argv[2], argv[3], argv[4], argv[5]);
    if (strcmp(command, "poke") == 0 && argc == 5) return poke(argv[2], argv[3], argv[4]);
    if (strcmp(command, "shape") == 0 && argc == 3) return shape(argv[2]);
    if (strcmp(command, "diff") == 0 && (argc == 4 || argc == 5)) return diff(argv[2], argv[3], argv[4]);
    if (strcmp(command, "slice") == 0 && argc == 5) return slice(argv[2], argv[3], argv[4], "0");
    if (strcmp(command, "slice") == 0 && argc == 6) return slice(argv[2], argv[3], argv[4], argv[5]);
    if (strcmp(command, "loop") == 0 && argc == 7) return loop(argv[2], argv[3], argv + 4);
    if (strcmp(command, "transpose") == 0 && argc == 4) return transpose(argv[2], argv[3]);
    if (strcmp(command, "bytes") == 0 && argc == 4) return bytes(argv[2], argv[3]);
    if (strcmp(command, "prefix") == 0 && argc == 4) return prefix(argv[2], argv[3]);
    if (strcmp(command, "numbers") == 0 && argc == 4) return numbers(argv[2], argv[3]);
    npy_die("expected one of: make raw poke shape diff slice loop transpose bytes numbers prefix");
}
