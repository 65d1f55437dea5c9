// Latents: the input of wanrun, one file with all latent frames of a video, read one frame at a time.
//
// A reader understands one file format. It is chosen by the file's first bytes, not by its name, and only
// finds out where the numbers lie: reading, conversion to float and every check of sizes are the same for all
// formats. The numbers are read with pread rather than mapped: the resident memory of a run then does not
// grow with the length of the video, and a file that shrinks under us is an error instead of a SIGBUS.
//
// To add a format: a file with a `struct latents_reader`, and its row in latents.c.
#ifndef WANRUN_LATENTS_H
#define WANRUN_LATENTS_H

#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LATENTS_MAX_RANK = 32 }; // as many as numpy allows

enum latents_type { LATENTS_F16, LATENTS_F32, LATENTS_U8 }; // bytes: in other arrays than latents

struct latents {
    const char *path; // the caller's
    int fd;
    uint64_t file_size;

    bool is_array; // opened as one, below

    // What a reader finds out: C order, little endian.
    enum latents_type type;
    unsigned rank;
    uint64_t shape[LATENTS_MAX_RANK];
    uint64_t data_offset; // the numbers are everything from here to the end of the file

    // Derived from the shape, which is [channels, frames, height, width] or [frames, channels, height, width],
    // with or without a 1 in front.
    bool frames_first;
    uint64_t channels, frames, height, width;
    unsigned char *scratch; // one plane as it is in the file
};

struct latents_reader {
    const char *name;
    bool (*recognises)(const unsigned char *head, size_t size);
    // Fills type, rank, shape and data_offset.
    bool (*parse)(struct latents *l, struct error *err);
};

// Opens the file and checks that it is complete. Which axis is the channels' is told by their number: the first,
// unless only the second has `channels`. Errors name the file; a failed open needs no close.
bool latents_open(struct latents *l, const char *path, uint64_t channels, struct error *err);
void latents_close(struct latents *l);

// The shape is not what the plan decodes: says that `channels` and one of the sizes were expected.
struct latents_size {
    uint64_t height, width;
};
bool latents_refuse_shape(const struct latents *l, uint64_t channels, const struct latents_size *sizes,
                          size_t count, struct error *err);
// Reads the whole file once; the error names the position of the first NaN or infinity.
bool latents_check_finite(struct latents *l, struct error *err);
// Latent frame `t` as float[channels][height][width].
bool latents_read_frame(struct latents *l, uint64_t t, float *out, struct error *err);

// Any other array in such a file, of any rank, and also of bytes: its type, its shape and its numbers alone.
bool latents_open_array(struct latents *l, const char *path, struct error *err);
// `count` numbers from number `first` on, of those that the shape says that there are; bytes as 0 to 255.
bool latents_read_numbers(struct latents *l, uint64_t first, size_t count, float *out, struct error *err);
// "[1, 16, 3, 5]" appended to `out`.
void latents_print_shape(struct strbuf *out, const struct latents *l);

// For readers: exactly `size` bytes at `offset`; an error that says how the file ends otherwise.
bool latents_read_bytes(const struct latents *l, uint64_t offset, void *out, size_t size, struct error *err);

extern const struct latents_reader latents_npy;

#endif
