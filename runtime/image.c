#include "runtime/image.h"

#include "base/pixel.h"
#include "base/versioned.h"

#include <string.h>

static void set_dense(struct wan_image *i, const struct plan_program *g) {
    bool bytes = i->element == WAN_BYTE;
    i->pixel_stride = bytes ? (ptrdiff_t)g->frame_channels : (ptrdiff_t)sizeof(float);
    i->row_stride = i->pixel_stride * (ptrdiff_t)g->frame_width;
    i->channel_stride = bytes ? 1 : i->row_stride * (ptrdiff_t)g->frame_height;
}

static bool is_float_aligned(const struct wan_image *i) {
    const ptrdiff_t unit = sizeof(float);
    return (uintptr_t)i->data % sizeof(float) == 0 && i->channel_stride % unit == 0 &&
           i->row_stride % unit == 0 && i->pixel_stride % unit == 0;
}

bool image_take(struct wan_image *to, const struct wan_image *given, const struct plan_program *g,
                struct error *err) {
    if (!versioned_take(to, sizeof *to, sizeof *to, given, "wan_image", err)) return false;
    if (to->data == NULL) return error_set(err, ERROR_USAGE, "wan_image.data: expected memory, found NULL");
    if (to->element != WAN_FLOAT && to->element != WAN_BYTE)
        return error_set(err, ERROR_USAGE, "wan_image.element: expected WAN_FLOAT or WAN_BYTE, found %d",
                         (int)to->element);
    if (to->channel_stride == 0 && to->row_stride == 0 && to->pixel_stride == 0) set_dense(to, g);
    return to->element == WAN_BYTE || is_float_aligned(to) ||
           error_set(err, ERROR_USAGE,
                     "wan_image: expected floats at multiples of 4 bytes, found data %p and "
                     "strides %td, %td, %td",
                     to->data, to->channel_stride, to->row_stride, to->pixel_stride);
}

static void write_floats(unsigned char *out, ptrdiff_t stride, const float *row, uint32_t width) {
    if (stride == (ptrdiff_t)sizeof *row) memcpy(out, row, width * sizeof *row);
    else
        for (uint32_t x = 0; x < width; x++) *(float *)(out + (ptrdiff_t)x * stride) = row[x];
}

static void write_bytes(unsigned char *out, ptrdiff_t stride, const float *row, uint32_t width) {
    for (uint32_t x = 0; x < width; x++) out[(ptrdiff_t)x * stride] = pixel_byte(row[x]);
}

void image_write(const struct wan_image *i, const struct plan_program *g, const float *frame) {
    for (uint32_t y = 0; y < g->frame_height; y++) { // all channels of a row, while its bytes are near
        for (uint32_t c = 0; c < g->frame_channels; c++) {
            const float *row = frame + ((size_t)c * g->frame_height + y) * g->frame_width;
            unsigned char *out =
                (unsigned char *)i->data + (ptrdiff_t)y * i->row_stride + (ptrdiff_t)c * i->channel_stride;
            (i->element == WAN_BYTE ? write_bytes : write_floats)(out, i->pixel_stride, row, g->frame_width);
        }
    }
}
