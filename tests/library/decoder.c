#include "tests/library/decoder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *tiny_folder;
float latents[STEPS][LATENT];
static float reference[FRAMES][FRAME];

const char *tiny_path(const char *name) {
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", tiny_folder, name);
    return path;
}

// [1, channels, length, pixels] as [length][channels][pixels].
static void load_frames(const char *name, size_t channels, size_t length, size_t pixels, float *out) {
    struct npy_array a = npy_load(tiny_path(name));
    if (a.count != channels * length * pixels) npy_die("%s: %zu numbers", name, a.count);
    for (size_t i = 0; i < a.count; i++) {
        size_t c = i / pixels / length, t = i / pixels % length;
        out[(t * channels + c) * pixels + i % pixels] = (float)npy_value(&a, i);
    }
    npy_free(&a);
}

void decoder_load(const char *folder) {
    tiny_folder = folder;
    load_frames("latents.npy", CHANNELS, STEPS, HEIGHT * WIDTH, latents[0]);
    load_frames("frames.npy", 3, FRAMES, PLANE, reference[0]);
}

void *compile_tiny(size_t *bytes) {
    const struct wanc_model model = {.size = sizeof model, .path = tiny_path("full.onnx")};
    const struct wanc_latent_size size = {HEIGHT, WIDTH};
    const struct wanc_params params = {.size = sizeof params, .latent_sizes = &size, .latent_size_count = 1};
    struct wan_error error;
    void *plan;
    if (wanc_compile_to_memory(&model, 1, &params, &plan, bytes, &error) != WAN_OK)
        fail_msg("%s", error.message);
    return plan;
}

struct wan_plan *open_tiny(void **data, size_t *bytes, const struct wan_open_params *params) {
    struct wan_error error;
    *data = compile_tiny(bytes);
    struct wan_plan *plan = wan_plan_open_memory(*data, *bytes, params, &error);
    if (plan == NULL) fail_msg("%s", error.message);
    return plan;
}

void decode_into(struct wan_session *s, int begin, struct video *v) {
    struct wan_error error;
    int frame = begin == 0 ? 0 : 4 * begin - 3;
    for (int t = begin; t < STEPS; t++) {
        if (wan_session_send(s, latents[t], &error) != WAN_OK) fail_msg("%s", error.message);
        for (const float *f; (f = wan_session_receive(s)) != NULL;)
            memcpy(v->frames[frame++], f, sizeof *v->frames);
    }
    assert_int_equal(frame, FRAMES);
}

void decode_all(const struct wan_plan *plan, const struct wan_session_params *params, struct video *v) {
    const struct wan_session_params one_thread = {.size = sizeof one_thread, .threads = 1};
    struct wan_error error;
    struct wan_session *s = wan_session_new(plan, params != NULL ? params : &one_thread, &error);
    if (s == NULL) fail_msg("%s", error.message);
    decode_into(s, 0, v);
    wan_session_free(s);
}

double distance_to_reference(const struct video *v) {
    double largest = 0;
    for (int i = 0; i < FRAMES * FRAME; i++) {
        double d = fabs((double)v->frames[i / FRAME][i % FRAME] - (double)reference[i / FRAME][i % FRAME]);
        largest = d <= largest ? largest : d; // NaN is the largest
    }
    return largest;
}
