// Dimensions that know about time.
//
// The decoder runs once per latent frame. Let T be the number of latent frames of a whole video. Every length
// in the graph is an affine function of T, and we write it as the pair
//
//     first|steady      n(T) = first + steady * (T - 1)
//
// because that is how a stream meets it: `first` elements belong to step 0, `steady` more to each later step.
// T itself is 1|1, the video's 4T-3 frames are 1|4, x[:1] has length 1|0, x[1:] of T frames has length 0|1.
// A length that does not depend on T, say 60, is 60|0 and is printed 60.
//
// Sums are componentwise, a product needs one constant factor. Two pairs are equal for all T when both
// components are equal.
#ifndef WANC_IR_DIM_H
#define WANC_IR_DIM_H

#include <stdbool.h>
#include <stdint.h>

struct ir_dim {
    int64_t first, steady;
};

static inline struct ir_dim dim_const(int64_t n) { return (struct ir_dim){n, 0}; }
static inline bool dim_is_const(struct ir_dim a) { return a.steady == 0; }
static inline bool dim_equal(struct ir_dim a, struct ir_dim b) {
    return a.first == b.first && a.steady == b.steady;
}
static inline bool dim_is(struct ir_dim a, int64_t n) { return a.first == n && a.steady == 0; }

// Each returns false when the result overflows or is not affine in T.
bool dim_add(struct ir_dim a, struct ir_dim b, struct ir_dim *out);
bool dim_sub(struct ir_dim a, struct ir_dim b, struct ir_dim *out);
bool dim_mul(struct ir_dim a, struct ir_dim b, struct ir_dim *out);
// Exact division: a = b * out for all T. Division of constants truncates towards zero, as ONNX does.
bool dim_div(struct ir_dim a, struct ir_dim b, struct ir_dim *out);
// Whether a < b: 1 yes for all T >= 2, 0 no for all T >= 2, -1 it depends on T.
int dim_less(struct ir_dim a, struct ir_dim b);

// "60" or "1|4"; `stream` forces the pair form (a time axis of constant length: "1|0"). Returns `out`.
char *dim_format(char out[48], struct ir_dim d, bool stream);
// The model's own notation: "60", "T", "4T-3". Returns `out`.
char *dim_format_affine(char out[48], struct ir_dim d);

#endif
