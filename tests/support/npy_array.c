#include "tests/support/npy_array.h"

#include "base/half.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void npy_die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

static void parse_shape(struct npy_array *a, const char *text) {
    a->count = 1;
    while (*text >= '0' && *text <= '9') {
        char *end;
        if (a->rank == NPY_MAX_RANK) npy_die("more than %d dimensions", NPY_MAX_RANK);
        a->shape[a->rank] = strtoull(text, &end, 10);
        a->count *= a->shape[a->rank++];
        for (text = end; *text == ',' || *text == ' '; text++) continue;
    }
}

struct npy_array npy_load(const char *path) {
    struct npy_array a = {0};
    unsigned char head[10];
    FILE *f = fopen(path, "rb");
    if (f == NULL) npy_die("%s: cannot open", path);
    if (fread(head, 1, sizeof head, f) != sizeof head || head[6] != 1)
        npy_die("%s: not a .npy file of version 1", path);
    size_t size = head[8] | (size_t)head[9] << 8;
    char *text = calloc(1, size + 1);
    if (text == NULL || fread(text, 1, size, f) != size) npy_die("%s: truncated", path);
    const char *descr = strstr(text, "'descr': '"), *shape = strstr(text, "'shape': (");
    if (descr == NULL || shape == NULL || sscanf(descr + 10, "%3[^']", a.type) != 1)
        npy_die("%s: odd header", path);
    a.element_size = a.type[2] == '2' ? 2 : a.type[2] == '4' ? 4 : 1;
    parse_shape(&a, shape + 10);
    a.bytes = calloc(a.count + 1, a.element_size);
    if (a.bytes == NULL || fread(a.bytes, a.element_size, a.count, f) != a.count || fgetc(f) != EOF)
        npy_die("%s: wrong size", path);
    free(text);
    fclose(f);
    return a;
}

double npy_value(const struct npy_array *a, size_t index) {
    float x;
    uint16_t h;
    if (a->element_size == 4) return memcpy(&x, a->bytes + 4 * index, 4), x;
    if (a->element_size == 2) return memcpy(&h, a->bytes + 2 * index, 2), half_to_float(h);
    return a->bytes[index];
}

void npy_free(struct npy_array *a) {
    free(a->bytes);
    *a = (struct npy_array){0};
}
