#include "tools/latents/denormalize.h"

#include "base/file.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 20 };

// The values of diffusers' AutoencoderKLWan and AutoencoderKLQwenImage, and of Wan 2.2 TI2V-5B's vae/config.json.
static const float mean16[] = {-0.7571f, -0.7089f, -0.9113f, 0.1075f,  -0.1745f, 0.9653f,
                               -0.1517f, 1.5508f,  0.4134f,  -0.0715f, 0.5517f,  -0.3632f,
                               -0.1922f, -0.9497f, 0.2503f,  -0.2921f};
static const float std16[] = {2.8184f, 1.4541f, 2.3275f, 2.6558f, 1.2196f, 1.7708f, 2.6052f, 2.0743f,
                              3.2687f, 2.1526f, 2.8652f, 1.5579f, 1.6382f, 1.1253f, 2.8251f, 1.9160f};
static const float mean48[] = {
    -0.2289f, -0.0052f, -0.1323f, -0.2339f, -0.2799f, 0.0174f,  0.1838f,  0.1557f,  -0.1382f, 0.0542f,
    0.2813f,  0.0891f,  0.1570f,  -0.0098f, 0.0375f,  -0.1825f, -0.2246f, -0.1207f, -0.0698f, 0.5109f,
    0.2665f,  -0.2108f, -0.2158f, 0.2502f,  -0.2055f, -0.0322f, 0.1109f,  0.1567f,  -0.0729f, 0.0899f,
    -0.2799f, -0.1230f, -0.0313f, -0.1649f, 0.0117f,  0.0723f,  -0.2839f, -0.2083f, -0.0520f, 0.3748f,
    0.0152f,  0.1957f,  0.1433f,  -0.2944f, 0.3573f,  -0.0548f, -0.1681f, -0.0667f};
static const float std48[] = {0.4765f, 1.0364f, 0.4514f, 1.1677f, 0.5313f, 0.4990f, 0.4818f, 0.5013f,
                              0.8158f, 1.0344f, 0.5894f, 1.0901f, 0.6885f, 0.6165f, 0.8454f, 0.4978f,
                              0.5759f, 0.3523f, 0.7135f, 0.6804f, 0.5833f, 1.4146f, 0.8986f, 0.5659f,
                              0.7069f, 0.5338f, 0.4889f, 0.4917f, 0.4069f, 0.4999f, 0.6866f, 0.4093f,
                              0.5709f, 0.6065f, 0.6415f, 0.4944f, 0.5726f, 1.2042f, 0.5458f, 1.6887f,
                              0.3971f, 1.0600f, 0.3943f, 0.5537f, 0.5444f, 0.4089f, 0.7468f, 0.7744f};

static const struct {
    const char *name;
    unsigned channels;
    const float *mean, *std;
} families[] = {
    {"wan2.1", 16, mean16, std16}, {"qwen-image", 16, mean16, std16}, {"wan2.2", 48, mean48, std48}};

static bool allocate(struct latents_statistics *s, const char *name, uint64_t channels, struct error *err) {
    *s = (struct latents_statistics){.name = strdup(name),
                                     .channels = channels,
                                     .mean = calloc(channels, sizeof *s->mean),
                                     .std = calloc(channels, sizeof *s->std)};
    return (s->name != NULL && s->mean != NULL && s->std != NULL) ||
           error_set(err, ERROR_MEMORY, "%s: out of memory", name);
}

static bool read_array(const json_t *root, const char *path, const char *key, float *out, uint64_t count,
                       struct error *err) {
    const json_t *array = json_object_get(root, key);
    for (size_t i = 0; i < count; i++) {
        const json_t *x = json_array_get(array, i);
        out[i] = (float)json_number_value(x);
        if (!json_is_number(x) || !isfinite(out[i]))
            return error_set(err, ERROR_INPUT, "%s: expected finite numbers in %s", path, key);
    }
    return true;
}

static bool read_root(struct latents_statistics *s, const char *path, const json_t *root, struct error *err) {
    size_t mean = json_array_size(json_object_get(root, "latents_mean")),
           std = json_array_size(json_object_get(root, "latents_std"));
    if (mean == 0 || mean != std || mean > LATENTS_MAX_CHANNELS)
        return error_set(err, ERROR_INPUT,
                         "%s: expected arrays latents_mean and latents_std with a number for each channel, "
                         "found %zu and %zu numbers",
                         path, mean, std);
    return allocate(s, path, mean, err) && read_array(root, path, "latents_mean", s->mean, mean, err) &&
           read_array(root, path, "latents_std", s->std, mean, err);
}

static bool read_file(struct latents_statistics *s, const char *path, struct error *err) {
    struct file_map map;
    json_error_t why;
    if (!file_map_open(&map, path, MAX_FILE, err)) return false;
    json_t *root = json_loadb(map.size > 0 ? (const char *)map.data : "", map.size, 0, &why);
    bool ok = root != NULL
                  ? read_root(s, path, root, err)
                  : error_set(err, ERROR_INPUT, "%s: line %d: not JSON: %s", path, why.line, why.text);
    json_decref(root);
    file_map_close(&map);
    return ok;
}

static bool copy_family(struct latents_statistics *s, size_t family, struct error *err) {
    uint64_t channels = families[family].channels;
    if (!allocate(s, families[family].name, channels, err)) return false;
    memcpy(s->mean, families[family].mean, channels * sizeof *s->mean);
    memcpy(s->std, families[family].std, channels * sizeof *s->std);
    return true;
}

bool latents_statistics_read(struct latents_statistics *s, const char *name, struct error *err) {
    size_t family = 0, count = sizeof families / sizeof families[0];
    *s = (struct latents_statistics){0};
    while (family < count && strcmp(name, families[family].name) != 0) family++;
    bool ok = family < count ? copy_family(s, family, err) : read_file(s, name, err);
    if (!ok) latents_statistics_free(s);
    return ok;
}

void latents_statistics_free(struct latents_statistics *s) {
    free(s->name);
    free(s->mean);
    free(s->std);
    *s = (struct latents_statistics){0};
}

void latents_denormalize(const struct latents_statistics *s, float *frame, size_t plane) {
    for (uint64_t c = 0; c < s->channels; c++) {
        float *x = frame + c * plane;
        for (size_t i = 0; i < plane; i++) x[i] = x[i] * s->std[c] + s->mean[c];
    }
}
