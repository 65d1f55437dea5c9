// What is done with the bytes of a model from a stranger.
#ifndef WANC_TESTS_FUZZ_ONNX_USE_H
#define WANC_TESTS_FUZZ_ONNX_USE_H

#include <stddef.h>
#include <stdint.h>

// A folder of this process, in /tmp: the name of a file there. Two names may be in use at a time.
const char *onnx_use_path(const char *name);

// Opened, inspected, imported and compiled, under limits that keep it short. `path` is what it is called; external data is looked
// for in its folder.
void onnx_use(const uint8_t *data, size_t size, const char *path);
// The same of a graph of any kind, with inputs as they are declared, as far as there are passes for it: so that models of single
// operators are of use.
void onnx_use_operators(const uint8_t *data, size_t size, const char *path);

#endif
