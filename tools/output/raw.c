// .rgb and .f32: frames one behind the other, with no header: bytes, [height][width][3], or floats as the decoder gives
// them, [channels][height][width], in the machine's order of bytes.
#include "tools/output/colour.h"
#include "tools/output/output.h"
#include "tools/output/sink.h"

#include <stdlib.h>

struct raw {
    struct sink sink;
    size_t frame_bytes;
    uint8_t *bytes; // of a frame; NULL: floats need no conversion
};

static bool raw_open(struct output *o, struct error *err) {
    const struct output_params *p = &o->params;
    struct raw *r = o->state = calloc(1, sizeof *r);
    bool is_rgb = o->format == &output_rgb;
    if (r != NULL) r->frame_bytes = (size_t)p->width * p->height * p->channels * (is_rgb ? 1 : sizeof(float));
    if (r != NULL && is_rgb) r->bytes = malloc(r->frame_bytes);
    if (r == NULL || (is_rgb && r->bytes == NULL))
        return error_set(err, ERROR_MEMORY, "%s: no memory for a frame", o->path);
    return sink_open(&r->sink, o->path, err);
}

static bool raw_write(struct output *o, const float *frame, struct error *err) {
    struct raw *r = o->state;
    const struct output_params *p = &o->params;
    if (r->bytes == NULL) return sink_write(&r->sink, frame, r->frame_bytes, err);
    colour_to_rgb24(r->bytes, (size_t)p->width * 3, p->width, p->height, frame, p->width, p->height);
    return sink_write(&r->sink, r->bytes, r->frame_bytes, err);
}

static bool raw_finish(struct output *o, struct error *err) {
    struct raw *r = o->state;
    return sink_commit(&r->sink, err);
}

static void raw_abort(struct output *o) {
    struct raw *r = o->state;
    if (r == NULL) return;
    sink_close(&r->sink);
    free(r->bytes);
    free(r);
    o->state = NULL;
}

const struct output_format output_rgb = {
    .suffix = ".rgb",
    .description = "bytes without a header, [frames, height, width, 3]",
    .pictures = true,
    .complete_at_any_frame = true,
    .open = raw_open,
    .write = raw_write,
    .finish = raw_finish,
    .abort = raw_abort,
};
const struct output_format output_f32 = {
    .suffix = ".f32",
    .description = "float32 without a header, [frames, 3, height, width] in [-1, 1]",
    .complete_at_any_frame = true,
    .open = raw_open,
    .write = raw_write,
    .finish = raw_finish,
    .abort = raw_abort,
};
