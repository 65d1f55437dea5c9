// Pictures of 256 colours, for GIF: each with the palette that suits it best, dithered. By libavfilter.
#ifndef WANRUN_PALETTE_H
#define WANRUN_PALETTE_H

#include "base/error.h"

#include <libavfilter/avfilter.h>
#include <libavutil/frame.h>
#include <stdbool.h>

struct palette {
    AVFilterGraph *graph;
    AVFilterContext *from, *to;
    AVFrame *frame; // the last one received
};

// For pictures like this one. After a failure palette_close is called as well.
bool palette_open(struct palette *p, const AVFrame *like, AVRational time_base, struct error *err);
// Takes a picture, which stays the caller's, or NULL: no more follow.
bool palette_send(struct palette *p, AVFrame *picture, struct error *err);
// The next picture, valid until the next call, with its time in units of the time base; NULL when there is none yet,
// or with an error.
AVFrame *palette_receive(struct palette *p, AVRational time_base, struct error *err);
void palette_close(struct palette *p);

#endif
