#include "passes/conv_node.h"

#include <math.h>

struct plan_conv conv_node_params(const struct ir_node *n) {
    const struct ir_type *w = &ir_in(n, 1)->type;
    int count;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &count),
                  *strides = ir_attr_ints(n, IR_KEY_STRIDES, &count);
    return (struct plan_conv){.kernel_t = (uint32_t)w->dims[2].first,
                              .kernel_h = (uint32_t)w->dims[3].first,
                              .kernel_w = (uint32_t)w->dims[4].first,
                              .taps = (uint32_t)ir_attr_int(n, IR_KEY_TAPS, 1),
                              .stride_h = (uint32_t)strides[0],
                              .stride_w = (uint32_t)strides[1],
                              .pad_top = (uint32_t)pads[0],
                              .pad_left = (uint32_t)pads[1],
                              .pad_bottom = (uint32_t)pads[2],
                              .pad_right = (uint32_t)pads[3],
                              .interleave = (uint32_t)ir_attr_int(n, IR_KEY_INTERLEAVE, 1),
                              .upsample = (uint32_t)ir_attr_int(n, IR_KEY_UPSAMPLE, 1),
                              .block_channels = (uint32_t)ir_attr_int(n, IR_KEY_BLOCK, 32),
                              .min = (float)ir_attr_float(n, IR_KEY_MIN, -INFINITY),
                              .max = (float)ir_attr_float(n, IR_KEY_MAX, INFINITY),
                              .algorithm =
                                  plan_conv_algorithm_find(ir_attr_string(n, IR_KEY_ALGORITHM, "direct"))};
}

static bool fits(int64_t number) { return number >= 0 && number <= PLAN_MAX_KERNEL; }

static bool all_fit(const struct ir_node *n, enum ir_key key) {
    int count;
    const int64_t *list = ir_attr_ints(n, key, &count);
    bool ok = true;
    for (int i = 0; i < count; i++) ok = ok && fits(list[i]);
    return ok;
}

static bool extents_fit(const struct ir_type *t) {
    bool ok = true;
    for (int i = 0; i < t->rank; i++) ok = ok && t->dims[i].first >= 0 && t->dims[i].first <= PLAN_MAX_DIM;
    return ok;
}

bool conv_node_check(const struct ir_node *n, struct error *err) {
    if (ir_in(n, 0)->type.rank < 0 || ir_in(n, 1)->type.rank < 0 || ir_out(n)->type.rank < 0)
        return error_set(err, ERROR_INPUT, "node '%.100s': its shapes are not known", n->name); // nor checked
    const struct ir_type *w = &ir_in(n, 1)->type;
    const char *algorithm = ir_attr_string(n, IR_KEY_ALGORITHM, NULL);
    bool ok = all_fit(n, IR_KEY_PADS) && all_fit(n, IR_KEY_STRIDES) &&
              fits(ir_attr_int(n, IR_KEY_INTERLEAVE, 1)) && fits(ir_attr_int(n, IR_KEY_UPSAMPLE, 1)) &&
              extents_fit(&ir_in(n, 0)->type) && extents_fit(&ir_out(n)->type);
    for (int i = 2; i < 5; i++) ok = ok && fits(w->dims[i].first);
    if (!ok)
        return error_set(
            err, ERROR_UNSUPPORTED,
            "node '%.100s': a kernel, stride, pad, interleave or upsample of a convolution is at most %d, an "
            "extent %d",
            n->name, PLAN_MAX_KERNEL, PLAN_MAX_DIM);
    struct plan_conv p = conv_node_params(n);
    if (algorithm == NULL || p.algorithm == PLAN_CONV_DIRECT || plan_winograd_applies(&p, p.algorithm))
        return true;
    return error_set(err, ERROR_INPUT, "node '%.100s': no algorithm '%.40s' computes this convolution",
                     n->name, algorithm);
}

static struct plan_view frames_view(const struct ir_type *t) {
    return (struct plan_view){.frames = (uint32_t)t->dims[0].first,
                              .height = (uint32_t)t->dims[1].first,
                              .width = (uint32_t)t->dims[2].first,
                              .channels = (uint32_t)t->dims[3].first};
}

struct plan_conv_shape conv_node_shape(const struct ir_node *n) {
    struct plan_conv p = conv_node_params(n);
    struct plan_view in = frames_view(&ir_in(n, 0)->type), out = frames_view(&ir_out(n)->type);
    return plan_conv_shape(&p, &in, &out);
}

struct plan_winograd conv_node_winograd(const struct ir_node *n, uint32_t threads) {
    struct plan_conv p = conv_node_params(n);
    struct plan_view in = frames_view(&ir_in(n, 0)->type), out = frames_view(&ir_out(n)->type);
    return plan_winograd(&p, &in, &out, out.height, threads);
}
