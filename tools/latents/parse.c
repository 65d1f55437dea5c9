// What a command line says of latents: --shape, --dtype, --layout, --frames.
#include "tools/latents/latents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool latents_parse_shape(struct latents_options *o, const char *text, struct error *err) {
    const char *at = text;
    for (o->rank = 0; o->rank < LATENTS_MAX_RANK; at++) {
        char *end;
        errno = 0;
        o->shape[o->rank++] = strtoull(at, &end, 10);
        if (*at < '0' || *at > '9' || errno != 0 || (*end != ',' && *end != 0)) break;
        at = end;
        if (*end == 0) return true;
    }
    return error_set(err, ERROR_USAGE, "--shape: expected whole numbers, C,T,h,w, found '%s'", text);
}

bool latents_parse_type(struct latents_options *o, const char *text, struct error *err) {
    (void)err;
    o->type = latents_type_find(text);
    o->has_type = true;
    return true;
}

bool latents_parse_layout(struct latents_options *o, const char *text, struct error *err) {
    (void)err;
    o->layout = strcmp(text, "cthw") == 0 ? LATENTS_CTHW : LATENTS_TCHW;
    return true;
}

// One end of a slice, which may be left out.
static bool read_end(const char **at, int64_t *out) {
    char *end;
    bool digits = **at == '-' ? (*at)[1] >= '0' && (*at)[1] <= '9' : **at >= '0' && **at <= '9';
    if (**at == ':' || **at == 0) return true;
    errno = 0;
    *out = strtoll(*at, &end, 10);
    *at = end;
    return digits && errno == 0;
}

bool latents_parse_frames(struct latents_options *o, const char *text, struct error *err) {
    const char *at = text;
    o->has_frames = true;
    o->from = 0;
    o->to = INT64_MAX;
    bool ok = read_end(&at, &o->from) && *at++ == ':' && read_end(&at, &o->to) && *at == 0;
    return ok ||
           error_set(err, ERROR_USAGE, "--frames: expected A:B, A: or :B, whole numbers, found '%s'", text);
}
