// Structures of the public headers. They begin with a size_t, the size that the caller was compiled with: it says which fields
// the caller knows, so that later versions can append some.
#ifndef WANC_BASE_VERSIONED_H
#define WANC_BASE_VERSIONED_H

#include "base/error.h"

// Copies what the caller gave into a structure of `known` bytes; what the caller does not know becomes zero. `least` is the
// size of the structure's first version. What we do not know must be zero.
bool versioned_take(void *to, size_t known, size_t least, const void *from, const char *name,
                    struct error *err);
// Copies as much to the caller's structure as the caller knows; its size stays. False: it is below `least`.
bool versioned_give(void *to, size_t least, const void *from, size_t known);

#endif
