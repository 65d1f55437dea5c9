#include "tools/latents/types.h"

#include "base/half.h"
#include "tools/latents/bytes.h"

static const struct {
    size_t size;
    const char *name, *option;
} types[LATENTS_TYPES] = {
    [LATENTS_F16] = {2, "float16", "f16"},     [LATENTS_F32] = {4, "float32", "f32"},
    [LATENTS_BF16] = {2, "bfloat16", "bf16"},  [LATENTS_F64] = {8, "float64", "f64"},
    [LATENTS_U8] = {1, "uint8", ""},           [LATENTS_WORDS] = {2, "two bytes", ""},
    [LATENTS_OTHER] = {0, "another type", ""},
};

size_t latents_type_size(enum latents_type type) { return types[type].size; }
bool latents_type_is_float(enum latents_type type) {
    return type == LATENTS_F16 || type == LATENTS_F32 || type == LATENTS_BF16 || type == LATENTS_F64;
}
const char *latents_type_name(enum latents_type type) { return types[type].name; }

enum latents_type latents_type_find(const char *name) {
    for (int i = 0; i < LATENTS_TYPES; i++) {
        if (name[0] != 0 && strcmp(name, types[i].option) == 0) return i;
    }
    return LATENTS_OTHER;
}

static float from_f64(const unsigned char *in) {
    uint64_t bits = bytes_little_endian(in, 8);
    double x;
    memcpy(&x, &bits, sizeof x);
    return (float)x;
}

void latents_to_floats(enum latents_type type, const unsigned char *in, float *out, size_t n) {
    switch (type) {
    case LATENTS_F16:
        for (size_t i = 0; i < n; i++) out[i] = half_to_float((uint16_t)bytes_little_endian(in + 2 * i, 2));
        break;
    case LATENTS_BF16:
        for (size_t i = 0; i < n; i++) out[i] = bfloat_to_float((uint16_t)bytes_little_endian(in + 2 * i, 2));
        break;
    case LATENTS_F32:
        for (size_t i = 0; i < n; i++) out[i] = float_from_bits((uint32_t)bytes_little_endian(in + 4 * i, 4));
        break;
    case LATENTS_F64:
        for (size_t i = 0; i < n; i++) out[i] = from_f64(in + 8 * i);
        break;
    default:
        for (size_t i = 0; i < n; i++) out[i] = in[i];
    }
}
