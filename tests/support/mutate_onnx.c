// Makes a wrong model of a right one.
//
//     mutate_onnx IN.onnx OUT.onnx KIND [N]
//
// KIND is a row of the table below; N (0 if left out) says at which of the places that the graph has for it. A place is
// found by what nodes compute and read, never by a name. Exit status: 0 written, 1 a file is wrong, 2 usage, 3 there is
// no N-th place; then the number of places is printed.
//
// Weights in other files stay there: OUT must lie beside IN to be read.
#include "support/onnx_mutation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    void (*apply)(struct mutation *m);
} kinds[] = {
    {"swap-taps", swap_taps},                     // a convolution over time reads its frames in another order
    {"swap-caches", swap_caches},                 // two of them read each other's cache
    {"merge-caches", merge_caches},               // both read the one, and the other is no input any more
    {"swap-outputs-data", swap_outputs},          // two cache results exchange what they return
    {"swap-branch-outputs", swap_branch_outputs}, // so do two results of one branch of an If
    {"double-output", double_output},             // a cache result returns what another one returns
    {"stale-cache", stale_cache},                 // a cache is not updated, or with the wrong frames
    {"pad-side", pad_side},                       // zeros in front of the frames stand behind them
    {"reverse-interleave", reverse_interleave},   // of two frames made at once, the second comes first
    {"swap-weights", swap_weights},               // two convolutions of equal shape exchange their weights
    {"step-order", step_order},                   // two parts of the video change places
    {"wrong-latent", wrong_latent},               // a step reads the latent frame of another one
    {"flip-flag", flip_flag},                     // the two sides of an If or Where change places
    {"rename", rename_all},                       // nothing is wrong: other names, other orders. N is a seed
};

int main(int argc, char **argv) {
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: mutate_onnx IN.onnx OUT.onnx KIND [N]\n");
        return 2;
    }
    struct mutation m = {.wanted = argc == 5 ? strtol(argv[4], NULL, 10) : 0};
    if (!onnx_read(&m.b, argv[1])) {
        fprintf(stderr, "%s: not a model\n", argv[1]);
        return 1;
    }
    m.main = onnx_index(&m.b);
    size_t k = 0;
    while (k < sizeof kinds / sizeof *kinds && strcmp(kinds[k].name, argv[3]) != 0) k++;
    if (k == sizeof kinds / sizeof *kinds) {
        fprintf(stderr, "%s: not a kind of mutation\n", argv[3]);
        return 2;
    }
    kinds[k].apply(&m);
    int status = !m.done ? 3 : build_write(&m.b, argv[2]) ? 0 : 1;
    if (status == 3) printf("%ld\n", m.seen);
    build_free(&m.b);
    return status;
}
