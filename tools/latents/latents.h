// Latents: the input of wanrun, one file with all latent frames of a video, read one frame at a time. docs/latents.md
// says which files there are; tensor.h is for their readers.
#ifndef WANC_TOOLS_LATENTS_H
#define WANC_TOOLS_LATENTS_H

#include "base/error.h"
#include "base/strbuf.h"
#include "tools/latents/denormalize.h"
#include "tools/latents/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Which axes come first, behind a 1 that may stand in front.
enum latents_layout { LATENTS_BY_CHANNELS, LATENTS_CTHW, LATENTS_TCHW };

// How a file is to be read. All zero, or NULL: as it says itself.
struct latents_options {
    const char *key; // of the tensor in the file, where its name does not say it; or NULL
    enum latents_layout layout;
    bool has_type; // --dtype: of raw numbers, and of words of two bytes in a .npy file
    enum latents_type type;
    unsigned rank; // --shape: the file holds numbers and nothing else. 0: not given
    uint64_t shape[LATENTS_MAX_RANK];
    const struct latents_statistics *statistics; // to denormalise by; NULL: as they are
    bool has_frames;                             // --frames from:to, in the meaning of a slice of Python
    int64_t from, to;
};

// The words of a command line: "16,21,60,104", "bf16", "tchw", "3:10". Errors are of usage and name the option. That the
// second and third are words which there are is the caller's to know, by its table of options. (parse.c)
bool latents_parse_shape(struct latents_options *o, const char *text, struct error *err);
bool latents_parse_type(struct latents_options *o, const char *text, struct error *err);
bool latents_parse_layout(struct latents_options *o, const char *text, struct error *err);
bool latents_parse_frames(struct latents_options *o, const char *text, struct error *err);

struct latents {
    char *path; // of the file
    struct latents_file file;
    struct spool spool; // of compressed numbers

    // What the file holds, or the tensor in it that was chosen.
    enum latents_type type;
    unsigned rank;
    uint64_t shape[LATENTS_MAX_RANK];
    uint64_t stride[LATENTS_MAX_RANK]; // in numbers
    struct bytes numbers;

    // Derived from the shape, which is [channels, frames, height, width] or [frames, channels, height, width], with or
    // without a 1 in front.
    bool frames_first;
    uint64_t channels, frames, height, width;
    uint64_t first_frame; // in the file, of the `frames` that were asked for
    const struct latents_statistics *statistics;
    unsigned char *scratch; // a plane, or a part of one, as it is in the file
};

// Opens `path`, a file, FILE:KEY or "-", and checks that it is complete; compressed numbers are unpacked. Which axis is
// the channels' is told by their number, unless the options say it. A height and width that no plan has are still to be
// refused (below): until then nothing is allocated that is larger than the file. Errors name the file; a failed open needs
// no close.
bool latents_open(struct latents *l, const char *path, uint64_t channels,
                  const struct latents_options *options, struct error *err);
void latents_close(struct latents *l); // also of a zeroed structure

// The shape is not what the plan decodes: says that `channels` and one of the sizes were expected.
struct latents_size {
    uint64_t height, width;
};
bool latents_refuse_shape(const struct latents *l, uint64_t channels, const struct latents_size *sizes,
                          size_t count, struct error *err);
// Reads all frames once; the error names the position of the first NaN or infinity.
bool latents_check_finite(struct latents *l, struct error *err);
// Latent frame `t` as float[channels][height][width], denormalised if that was asked for.
bool latents_read_frame(struct latents *l, uint64_t t, float *out, struct error *err);

// Any other array in such a file, of any rank, and also of bytes: its type, its shape and its numbers alone.
bool latents_open_array(struct latents *l, const char *path, struct error *err);
// `count` numbers from number `first` on, of those that the shape says that there are; bytes as 0 to 255.
bool latents_read_numbers(struct latents *l, uint64_t first, size_t count, float *out, struct error *err);
// "[1, 16, 3, 5]" appended to `out`.
void latents_print_shape(struct strbuf *b, const struct latents *l);

#endif
