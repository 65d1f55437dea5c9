/* Decodes latents with a plan, frame by frame, through libwan.
 *
 *     decode PLAN LATENTS.npy FRAMES.ppm     pictures, one behind the other (`ffmpeg -f image2pipe -i FRAMES.ppm video.mp4`)
 *     decode PLAN LATENTS.npy FRAMES.raw     float[3][height][width] of each frame
 *
 *     cc decode.c $(pkg-config --cflags --libs wan) -o decode
 *
 * Latents are float32, [1,C,T,h,w] or [C,T,h,w], little-endian, as numpy.save writes them.
 */
#include <wan/wan.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const char *why) {
    fprintf(stderr, "decode: %s: %s\n", what, why);
    exit(1);
}

static FILE *open_file(const char *path, const char *mode) {
    FILE *f = fopen(path, mode);
    if (f == NULL) die(path, "cannot be opened");
    return f;
}

/* ---- latents */

struct latents {
    unsigned long channels, frames, height, width;
    float *data;
};

/* A .npy file is "\x93NUMPY", a version, the length of a text, the text, the numbers. */
static void read_header(FILE *f, const char *path, char *text, size_t size) {
    unsigned char start[10];
    size_t length;
    if (fread(start, 1, sizeof start, f) != sizeof start || memcmp(start, "\x93NUMPY\1", 7) != 0)
        die(path, "not a .npy file of version 1");
    length = start[8] + 256u * start[9];
    if (length >= size || fread(text, 1, length, f) != length) die(path, "cut off");
    text[length] = 0;
    if (strstr(text, "'<f4'") == NULL || strstr(text, "'fortran_order': False") == NULL)
        die(path, "expected float32 in C order");
}

static struct latents read_latents(const char *path) {
    struct latents l = {0, 0, 0, 0, NULL};
    char text[1024];
    const char *shape;
    size_t count;
    FILE *f = open_file(path, "rb");
    read_header(f, path, text, sizeof text);
    shape = strstr(text, "'shape': (");
    if (shape == NULL ||
        (sscanf(shape, "'shape': (1, %lu, %lu, %lu, %lu)", &l.channels, &l.frames, &l.height, &l.width) !=
             4 &&
         sscanf(shape, "'shape': (%lu, %lu, %lu, %lu)", &l.channels, &l.frames, &l.height, &l.width) != 4))
        die(path, "expected [1,C,T,h,w] or [C,T,h,w]");
    if (l.channels > 4096 || l.frames > 1000000 || l.height > 4096 || l.width > 4096) die(path, "too large");
    count = (size_t)l.channels * l.frames * l.height * l.width;
    l.data = malloc(count * sizeof *l.data);
    if (l.data == NULL || fread(l.data, sizeof *l.data, count, f) != count) die(path, "cut off");
    fclose(f);
    return l;
}

/* libwan takes a frame of all channels, the file has all frames of a channel. */
static void gather_frame(const struct latents *l, unsigned long t, float *out) {
    size_t plane = (size_t)l->height * l->width, c;
    for (c = 0; c < l->channels; c++)
        memcpy(out + c * plane, l->data + (c * l->frames + t) * plane, plane * sizeof *out);
}

/* ---- frames */

static void write_ppm(struct wan_session *session, const struct wan_plan_params *shape, unsigned char *rgb,
                      FILE *out) {
    struct wan_error error;
    struct wan_image image = {0};
    image.size = sizeof image;
    image.element = WAN_BYTE;
    image.data = rgb;
    if (wan_session_receive_into(session, &image, &error) != WAN_OK) die("frame", error.message);
    fprintf(out, "P6\n%u %u\n255\n", shape->frame_width, shape->frame_height);
    fwrite(rgb, 3, (size_t)shape->frame_width * shape->frame_height, out);
}

static void write_frames(struct wan_session *session, const struct wan_plan_params *shape, unsigned char *rgb,
                         FILE *out) {
    size_t floats = (size_t)shape->frame_channels * shape->frame_height * shape->frame_width;
    while (wan_session_pending(session) > 0) {
        if (rgb != NULL) write_ppm(session, shape, rgb, out);
        else fwrite(wan_session_receive(session), sizeof(float), floats, out); /* the session's own memory */
    }
}

static void decode(struct wan_session *session, const struct wan_plan_params *shape, const struct latents *l,
                   int pictures, FILE *out) {
    struct wan_error error;
    unsigned long t;
    float *latent = malloc((size_t)l->channels * l->height * l->width * sizeof *latent);
    unsigned char *rgb = pictures ? malloc((size_t)3 * shape->frame_width * shape->frame_height) : NULL;
    if (latent == NULL || (pictures && rgb == NULL)) die("decode", "out of memory");
    for (t = 0; t < l->frames; t++) {
        gather_frame(l, t, latent);
        if (wan_session_send(session, latent, &error) != WAN_OK) die("latent", error.message);
        write_frames(session, shape, rgb, out);
    }
    free(latent);
    free(rgb);
}

int main(int argc, char **argv) {
    struct wan_error error;
    struct wan_session_params params = {0};
    struct wan_plan_params shape = {0};
    struct wan_session *session;
    struct wan_plan *plan;
    struct latents l;
    FILE *out;
    size_t length = argc == 4 ? strlen(argv[3]) : 0;
    int pictures = length > 4 && strcmp(argv[3] + length - 4, ".ppm") == 0;
    if (argc != 4) die("usage", "decode PLAN LATENTS.npy FRAMES.ppm|FRAMES.raw");

    plan = wan_plan_open(argv[1], NULL, &error);
    if (plan == NULL) die(argv[1], error.message);
    shape.size = sizeof shape;
    wan_plan_get_params(plan, &shape);
    l = read_latents(argv[2]);
    if (l.channels != shape.latent_channels) die(argv[2], "its number of channels is not that of the plan");
    if (pictures && shape.frame_channels != 3) die(argv[3], "pictures need a plan with frames of 3 channels");

    params.size = sizeof params;
    params.latent_height = (uint32_t)l.height; /* of a plan for several sizes */
    params.latent_width = (uint32_t)l.width;
    session = wan_session_new(plan, &params, &error);
    if (session == NULL) die(argv[1], error.message);
    { /* the shapes of that size */
        size_t i;
        for (i = 0; wan_plan_get_size(plan, i, &shape); i++)
            if (shape.latent_height == l.height && shape.latent_width == l.width) break;
    }

    out = open_file(argv[3], "wb");
    decode(session, &shape, &l, pictures, out);
    if (fclose(out) != 0) die(argv[3], "cannot be written");
    free(l.data);
    wan_session_free(session);
    wan_plan_close(plan);
    return 0;
}
