// The mutations of mutate_onnx. Each walks over the places where it applies, in the order of the graph.
#ifndef WANC_TESTS_ONNX_MUTATION_H
#define WANC_TESTS_ONNX_MUTATION_H

#include "support/onnx_index.h"

struct mutation {
    struct onnx_builder b;
    struct onnx_scope *main;
    long wanted, seen; // the place that is asked for, and how many there were so far
    bool done;
};

void swap_taps(struct mutation *m);
void swap_caches(struct mutation *m);
void merge_caches(struct mutation *m);
void swap_outputs(struct mutation *m);
void swap_branch_outputs(struct mutation *m);
void double_output(struct mutation *m);
void stale_cache(struct mutation *m);
void pad_side(struct mutation *m);
void reverse_interleave(struct mutation *m);
void swap_weights(struct mutation *m);
void step_order(struct mutation *m);
void wrong_latent(struct mutation *m);
void flip_flag(struct mutation *m);
void rename_all(struct mutation *m);

// ---- for all of them

// Whether this place is the one that is asked for.
bool mutation_here(struct mutation *m);
void mutation_swap(char **a, char **b);
// A list that grows.
struct list {
    void **at;
    size_t count, capacity;
};
void list_add(struct mutation *m, struct list *l, void *item);

struct onnx_value *conv_weights(const struct onnx_scope *s, const Onnx__NodeProto *conv);
bool is_time_conv(const struct onnx_scope *s, const Onnx__NodeProto *n);
bool is_time_concat(const Onnx__NodeProto *n);
// The first convolution over time that reads `v`, through operators of the list.
Onnx__NodeProto *conv_behind(const struct onnx_scope *s, const struct onnx_value *v, const char *through);

#endif
