// One convolution, alone in a plan that is made in memory, opened and run by the runtime: what `wanc compile --tune`
// and the programs in bench/ measure is what a decoder runs.
#ifndef WANC_TOOLS_MEASURE_CONV_H
#define WANC_TOOLS_MEASURE_CONV_H

#include "plan/conv_shape.h"
#include "runtime/session.h"

// What a convolution of a shape reads. Weights and input are dense: [out * interleave][kernel_h][kernel_w][taps][in],
// and the window [height][width][frames][in].
struct measure_data {
    float *weight, *bias, *input;
    size_t weight_count, bias_count, input_count;
};
// Random: SiLU of about normal values under weights that give them about unit variance. False: out of memory.
bool measure_data_new(const struct plan_conv_shape *s, struct measure_data *d, struct error *err);
void measure_data_free(struct measure_data *d);

struct measured_conv {
    struct plan_conv_case conv; // views with their strides
    struct plan plan;
    struct rt_session session;
};

// `block_channels` 0: as the compiler chooses them. `threads` 0: one per core. The data is copied.
bool measured_conv_open(struct measured_conv *m, const struct plan_conv_shape *s, uint32_t algorithm,
                        uint32_t block_channels, unsigned threads, const struct measure_data *d,
                        struct error *err);
void measured_conv_close(struct measured_conv *m);
bool measured_conv_run(struct measured_conv *m, struct error *err);
// Of the last run, at the strides of conv.out.
static inline const float *measured_conv_output(const struct measured_conv *m) {
    return (const float *)m->session.output.data;
}
// The exact value of one output, summed in double precision.
double measured_conv_exact(const struct measured_conv *m, const struct measure_data *d, uint32_t frame,
                           uint32_t y, uint32_t x, uint32_t channel);

#endif
