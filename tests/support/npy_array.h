// .npy files in the tests' own programs: small, read at once, fatal on any surprise.
#ifndef WANC_TESTS_NPY_ARRAY_H
#define WANC_TESTS_NPY_ARRAY_H

#include <stddef.h>

enum { NPY_MAX_RANK = 8 };

struct npy_array {
    char type[8]; // "<f4", "<f2", "|u1"
    unsigned rank;
    size_t shape[NPY_MAX_RANK], count, element_size;
    unsigned char *bytes; // freed by npy_free
};

// Prints "PROGRAM: message" and exits with status 2.
__attribute__((noreturn, format(printf, 1, 2))) void npy_die(const char *format, ...);
struct npy_array npy_load(const char *path);
double npy_value(const struct npy_array *a, size_t index);
void npy_free(struct npy_array *a);

#endif
