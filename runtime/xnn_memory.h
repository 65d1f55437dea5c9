// XNNPACK's memory. It does not look at the result of each small allocation (reshaping a convolution, in 2024-11): one that fails
// gets its bytes from a reserve, so that nothing is read from address 0, and is remembered.
#ifndef WANC_RUNTIME_XNN_MEMORY_H
#define WANC_RUNTIME_XNN_MEMORY_H

#include <stdbool.h>
#include <xnnpack.h>

extern const struct xnn_allocator xnn_memory;
// Whether an allocation failed on this thread since the last call: what XNNPACK made with it must go.
bool xnn_memory_failed(void);

#endif
