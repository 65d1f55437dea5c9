#include "tools/measure/peak.h"

#include "tools/measure/clock.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

enum {
    CHAINS =
        12, // independent: more than an addition's latency times the units that there are, in registers all
    ROUNDS = 1 << 24,
    REPEATS = 6,
};

// The multiply-adds of one thread on vectors of so many bytes; returns how many there were.
#define CHAIN(name, bytes, attribute)                                                                        \
    attribute static double name(float *sink) {                                                              \
        typedef float vector __attribute__((vector_size(bytes)));                                            \
        vector a = {0}, b = {0}, x[CHAINS];                                                                  \
        a += 0.999f;                                                                                         \
        b += 1e-3f;                                                                                          \
        for (int c = 0; c < CHAINS; c++) x[c] = b * (float)c;                                                \
        for (int r = 0; r < ROUNDS; r++) {                                                                   \
            for (int c = 0; c < CHAINS; c++) x[c] = x[c] * a + b;                                            \
        }                                                                                                    \
        for (int c = 0; c < CHAINS; c++) *sink += x[c][0];                                                   \
        const int lanes = bytes / sizeof(float);                                                             \
        return (double)ROUNDS * CHAINS * lanes;                                                              \
    }

CHAIN(chain_any, 16, )
#ifdef __x86_64__
CHAIN(chain_avx2, 32, __attribute__((target("avx2,fma"))))
CHAIN(chain_avx512, 64, __attribute__((target("avx512f"))))
#endif

struct worker {
    pthread_t thread;
    double (*chain)(float *);
    double count;
    float sink;
};

static void *run(void *context) {
    struct worker *w = context;
    w->count = w->chain(&w->sink);
    return NULL;
}

static double (*best_chain(void))(float *) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f")) return chain_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return chain_avx2;
#endif
    return chain_any;
}

static double measure(struct worker *workers, unsigned threads) {
    unsigned started = 0;
    double count = 0, begin = measure_now();
    while (started < threads && pthread_create(&workers[started].thread, NULL, run, &workers[started]) == 0)
        started++;
    for (unsigned i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
        count += workers[i].count;
    }
    return 2e-9 * count / (measure_now() - begin);
}

double measure_peak_gflops(unsigned threads) {
    struct worker *workers = calloc(threads, sizeof *workers);
    double best = 0;
    for (unsigned i = 0; workers != NULL && i < threads; i++) workers[i].chain = best_chain();
    for (int i = 0; workers != NULL && i < REPEATS; i++) {
        double rate = measure(workers, threads);
        best = rate > best ? rate : best;
    }
    free(workers);
    return best;
}
