// Types of numbers in files of latents, and what they are as floats.
#ifndef WANC_TOOLS_LATENTS_TYPES_H
#define WANC_TOOLS_LATENTS_TYPES_H

#include <stdbool.h>
#include <stddef.h>

// BYTES: in other arrays than latents. WORDS: two bytes of which the file does not say that they are a bf16. OTHER: none
// that can be read.
enum latents_type {
    LATENTS_F16,
    LATENTS_F32,
    LATENTS_BF16,
    LATENTS_F64,
    LATENTS_U8,
    LATENTS_WORDS,
    LATENTS_OTHER,
    LATENTS_TYPES
};

size_t latents_type_size(enum latents_type type); // 0 for OTHER
bool latents_type_is_float(enum latents_type type);
// "float16"
const char *latents_type_name(enum latents_type type);
// That of --dtype: f16, f32, bf16, f64; OTHER if it is none of them.
enum latents_type latents_type_find(const char *name);
// `n` numbers, little endian; f64 are rounded, u8 are 0 to 255.
void latents_to_floats(enum latents_type type, const unsigned char *in, float *out, size_t n);

#endif
