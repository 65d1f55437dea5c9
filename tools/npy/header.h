// The header of .npy files of float32.
#ifndef WANC_TOOLS_NPY_HEADER_H
#define WANC_TOOLS_NPY_HEADER_H

#include <stddef.h>
#include <stdint.h>

enum { NPY_MAX_RANK = 8, NPY_HEADER_MAX = 320 };

// Magic, version, length and text, so long that the numbers begin at a multiple of 64; returns its bytes. `rank` is at
// most NPY_MAX_RANK. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
size_t npy_header(char header[NPY_HEADER_MAX], const uint64_t *shape, unsigned rank);

#endif
