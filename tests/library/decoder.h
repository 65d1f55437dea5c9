// What the tests of the libraries decode: tests/data/tiny, compiled in memory by libwanc, and PyTorch's frames of it.
#ifndef WANC_TESTS_LIBRARY_DECODER_H
#define WANC_TESTS_LIBRARY_DECODER_H

#include "tests/support/npy_array.h"
#include "wan/wanc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

enum { STEPS = 4, FRAMES = 13, CHANNELS = 16, HEIGHT = 3, WIDTH = 5, FRAME_HEIGHT = 24, FRAME_WIDTH = 40 };
enum { LATENT = CHANNELS * HEIGHT * WIDTH, PLANE = FRAME_HEIGHT * FRAME_WIDTH, FRAME = 3 * PLANE };

struct video {
    float frames[FRAMES][FRAME];
};

extern const char *tiny_folder;          // given on the command line
extern float latents[STEPS][LATENT];     // of tests/data/tiny
const char *tiny_path(const char *name); // a file there; valid until the next call
void decoder_load(const char *folder);   // both, once
void *compile_tiny(size_t *bytes);       // to be freed by wanc_plan_free
struct wan_plan *open_tiny(void **data, size_t *bytes, const struct wan_open_params *params);
// Sends what is left of the latents, from step `begin` on. Fails the test on any error.
void decode_into(struct wan_session *s, int begin, struct video *v);
// The frames of all steps, by a session with these parameters; NULL: on one thread (those of a pool spin while they wait).
void decode_all(const struct wan_plan *plan, const struct wan_session_params *params, struct video *v);
double distance_to_reference(const struct video *v);

#endif
