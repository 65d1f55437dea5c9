// What a pipeline does to its latents before it gives them to vae.decode: z * std + mean, of each channel.
#ifndef WANC_TOOLS_LATENTS_DENORMALIZE_H
#define WANC_TOOLS_LATENTS_DENORMALIZE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LATENTS_MAX_CHANNELS = 4096 };

struct latents_statistics {
    char *name; // as it was asked for
    uint64_t channels;
    float *mean, *std;
};

// Those of a family ("wan2.1", "wan2.2", "qwen-image"), or of a JSON file with the arrays latents_mean and latents_std: the
// config.json of a VAE in diffusers. A failed read needs no free.
bool latents_statistics_read(struct latents_statistics *s, const char *name, struct error *err);
void latents_statistics_free(struct latents_statistics *s); // also of a zeroed structure
// A frame, float[channels][plane].
void latents_denormalize(const struct latents_statistics *s, float *frame, size_t plane);

#endif
