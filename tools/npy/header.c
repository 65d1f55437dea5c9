#include "tools/npy/header.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t npy_header(char header[NPY_HEADER_MAX], const uint64_t *shape, unsigned rank) {
    enum { PREFIX = 10, ALIGNMENT = 64 };
    memset(header, ' ', NPY_HEADER_MAX);
    size_t n = PREFIX;
    n += (size_t)sprintf(header + n, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (unsigned i = 0; i < rank; i++) n += (size_t)sprintf(header + n, "%" PRIu64 ", ", shape[i]);
    n += (size_t)sprintf(header + n, "), }");
    header[n] = ' '; // over the NUL
    size_t size = (n + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, text = size - PREFIX;
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)(text & 255), header[9] = (char)(text >> 8);
    header[size - 1] = '\n';
    return size;
}
