// Times a rearrangement of frames as the copies that the compiler makes of it.
//
//     moves [--threads N] [--planar] FRAMES HEIGHT WIDTH CHANNELS PATTERN
//     moves 4 240 416 1024 "a b c (d:512 e:2) -> a (b e) (c f:2) d"
//
// --planar: to the caller's output, [frames][channels][height][width]. Prints the number of copies, the median time of
// a pass over all of them, and the bytes of the operand and the result per second.
#include "ir/rearrange.h"
#include "passes/emit_rearrange.h"
#include "passes/storage.h"
#include "runtime/session.h"
#include "tools/measure/clock.h"
#include "tools/measure/times.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 9 };

struct bench {
    struct rt_session session;
    struct emit_copies copies;
    float *from, *to;
};

static void run(struct bench *b) {
    struct plan_view none = {0}, x = emit_copies_view(&b->copies, &none, true),
                     y = emit_copies_view(&b->copies, &none, false);
    for (uint64_t i = 0; i < b->copies.count; i++) {
        emit_copies_at(&b->copies, i, &x.offset, &y.offset);
        struct rt_op op = {.in = {rt_tensor_of(&x, b->from, PLAN_F32)},
                           .out = rt_tensor_of(&y, b->to, PLAN_F32)};
        rt_kernels[PLAN_OP_COPY].run(&b->session, &op, NULL);
    }
}

static double median(struct bench *b) {
    double times[REPEATS];
    run(b); // touches the memory
    for (int i = 0; i < REPEATS; i++) {
        double start = measure_now();
        run(b);
        times[i] = measure_now() - start;
    }
    measure_sort(times, REPEATS);
    return times[REPEATS / 2];
}

static bool make_copies(struct bench *b, const struct ir_type *t, const char *pattern, bool planar,
                        size_t *bytes) {
    struct ir_rearrange r;
    struct ir_type out;
    enum role frames[4], role[IR_MAX_RANK];
    uint64_t from[IR_MAX_RANK], to[IR_MAX_RANK];
    int64_t in_count, out_count;
    roles_of_frames(frames);
    if (!rearrange_parse(t, pattern, &r) || !rearrange_out_type(&r, IR_F32, &out) ||
        !roles_behind(&r, frames, role) || !ir_type_count(t, &in_count) || !ir_type_count(&out, &out_count))
        return false;
    storage_dense_strides(t, from);
    storage_dense_strides(&out, to);
    if (planar) roles_planar_strides(&out, role, to);
    b->from = calloc((size_t)in_count, sizeof *b->from);
    b->to = calloc((size_t)out_count, sizeof *b->to);
    *bytes = (size_t)(in_count + out_count) * sizeof(float);
    return b->from && b->to && emit_copies_make(&r, from, to, role, &b->copies);
}

int main(int argc, char **argv) {
    struct bench b = {0};
    size_t bytes, threads = 1;
    bool planar = false;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--planar") == 0) planar = true;
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc) threads = (size_t)atoi(argv[++i]);
    }
    if (argc - i != 5)
        return fprintf(stderr,
                       "usage: moves [--threads N] [--planar] FRAMES HEIGHT WIDTH CHANNELS PATTERN\n"),
               2;
    struct ir_dim dims[4];
    for (int k = 0; k < 4; k++) dims[k] = dim_const(atoi(argv[i + k]));
    struct ir_type t = ir_type_make(IR_F32, 4, dims);
    if (!make_copies(&b, &t, argv[i + 4], planar, &bytes))
        return fprintf(stderr, "moves: no such rearrangement\n"), 1;
    b.session.pool = pthreadpool_create(threads);
    double seconds = median(&b);
    printf("%-60s %2llu copies %8.2f ms %6.2f GB/s\n", argv[i + 4], (unsigned long long)b.copies.count,
           seconds * 1e3, 1e-9 * (double)bytes / seconds);
    pthreadpool_destroy(b.session.pool);
    free(b.from);
    free(b.to);
    return 0;
}
