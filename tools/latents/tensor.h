// The tensors of a file of latents, and the readers that list them.
//
// A reader understands one file format. It is chosen by the file's first bytes, not by its name, and only finds out which
// tensors there are and where their numbers lie: the choice among them, reading, conversion to float and every check of
// sizes are the same for all formats.
//
// To add a format: a file with a `struct latents_reader`, and its row in file.c.
#ifndef WANC_TOOLS_LATENTS_TENSOR_H
#define WANC_TOOLS_LATENTS_TENSOR_H

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "tools/latents/bytes.h"
#include "tools/latents/types.h"

#include <stdbool.h>

enum { LATENTS_MAX_RANK = 32, LATENTS_MAX_TENSORS = 4096 }; // as many axes as numpy allows; in a file

struct zip_member;

struct latents_tensor {
    const char *key; // NULL in formats of one tensor
    enum latents_type type;
    const char *type_name; // as the file has it, for messages
    unsigned rank;
    uint64_t shape[LATENTS_MAX_RANK];
    uint64_t stride[LATENTS_MAX_RANK]; // in numbers
    // Its numbers, and nothing else: unless it is a part of them (a view, in PyTorch's words).
    struct bytes numbers;
    bool is_part;
    const struct zip_member
        *packed; // NULL, or `numbers` is this, compressed, and they begin at byte `skip` of it
    uint64_t skip;
};

struct latents_file {
    const char *path; // for messages
    struct bytes bytes;
    struct spool input; // what came through a pipe
    struct arena arena; // of everything below
    struct latents_tensor *tensors;
    size_t count, capacity;
};

struct latents_reader {
    const char *name;
    bool (*recognises)(const struct bytes *b, const unsigned char *head, size_t size);
    bool (*list)(struct latents_file *f, struct error *err);
};
extern const struct latents_reader latents_npy, latents_zip, latents_safetensors;

// Opens a file, or the standard input ("-"), and lists its tensors by the reader that recognises it. With a `shape` it is
// one tensor of that shape, raw numbers. `path` is kept. A failed open needs no close.
struct latents_raw {
    enum latents_type type;
    unsigned rank;
    const uint64_t *shape;
};
bool latents_file_open(struct latents_file *f, const char *path, const struct latents_raw *raw,
                       struct error *err);
void latents_file_close(struct latents_file *f);

// A new tensor at the end of the list, whose shape and strides are the reader's to fill; NULL, with an error, if there
// are too many.
struct latents_tensor *latents_add(struct latents_file *f, const char *key, struct error *err);
// Strides of C order, by the shape. They may wrap around: the number of numbers is checked later.
void latents_set_dense(struct latents_tensor *t);
// "[1, 16, 3, 5]" appended to `out`.
void latents_tensor_print_shape(struct strbuf *out, const struct latents_tensor *t);

// The tensor with this key; without one, that which could be latents of so many channels (0: any array). Where there is
// none, or more than one, the error lists what there is.
const struct latents_tensor *latents_choose(const struct latents_file *f, const char *key, uint64_t channels,
                                            struct error *err);

// A .npy file inside of another file: `head` are its first NPY_HEAD_BYTES bytes, or all. Fills type, shape,
// strides and *skip, the bytes in front of its numbers. (npy.c)
enum { NPY_MAX_HEADER = 1 << 16, NPY_HEAD_BYTES = NPY_MAX_HEADER + 12 };
bool npy_list_header(const struct bytes *head, struct latents_tensor *t, uint64_t *skip, struct error *err);

// The two kinds of zip files: torch's are told by the pickle in them.
struct zip;
const struct zip_member *pt_find_pickle(const struct zip *z); // or NULL
bool pt_list(struct latents_file *f, const struct zip *z, const struct zip_member *pickle, struct error *err);
bool npz_list(struct latents_file *f, const struct zip *z, struct error *err);

#endif
