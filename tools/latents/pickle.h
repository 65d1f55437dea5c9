// What torch.save pickles, read as data. A pickle is a program for a stack machine; this is one that knows exactly the
// instructions which torch.save writes for tensors, and dicts and lists of them, and calls exactly the two functions that
// stand there. Every other instruction, name or call is refused, by name and position: nothing of the file is executed.
#ifndef WANC_TOOLS_LATENTS_PICKLE_H
#define WANC_TOOLS_LATENTS_PICKLE_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PICKLE_MAX_AXES = 32 };

enum pickle_kind {
    PICKLE_MARK,  // in the stack only
    PICKLE_OTHER, // a value that is of no interest: None, a boolean, a float
    PICKLE_INT,
    PICKLE_TEXT,
    PICKLE_NAME, // a function or a class; `text` is "torch FloatStorage"
    PICKLE_LIST, // or a tuple, or a dict: keys and values in turn
    PICKLE_DICT,
    PICKLE_STORAGE, // numbers in the file
    PICKLE_TENSOR,
};

struct pickle_tensor {
    const char *storage; // its class, as a NAME
    const char *key;     // the member's name behind "data/"
    int64_t count;       // of numbers in the storage
    int64_t offset;      // of the first one, in numbers
    unsigned rank;
    uint64_t shape[PICKLE_MAX_AXES], stride[PICKLE_MAX_AXES];
};

struct pickle_value {
    enum pickle_kind kind;
    int64_t i;
    const char *text;
    struct pickle_value **items; // of a LIST or DICT
    size_t count, capacity;
    struct pickle_tensor *tensor; // of a STORAGE, too: without offset and axes
};

// What the pickle makes, in the arena; at most a multiple of `size` is allocated there. NULL with an error, which names
// `path` and the position of the instruction.
const struct pickle_value *pickle_read(const unsigned char *data, size_t size, const char *path,
                                       struct arena *arena, struct error *err);

#endif
