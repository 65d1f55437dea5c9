"""The machine's peak of float32 fused multiply-adds, measured with a small C program."""

import subprocess
from pathlib import Path

from .errors import PeerError

SOURCE = r"""
// Independent chains of fused multiply-adds on vectors, in every thread; prints GFLOP/s of all together.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifdef __AVX512F__
#define LANES 16
#else
#define LANES 8
#endif
#define CHAINS 12
#define ROUNDS 100000000L
typedef float vector __attribute__((vector_size(4 * LANES)));
static void *work(void *out) {
    vector a = {0}, b = {0}, x[CHAINS];
    a += 0.999f;
    b += 1e-3f;
    for (int c = 0; c < CHAINS; c++) x[c] = b * (float)c;
    for (long r = 0; r < ROUNDS; r++)
        for (int c = 0; c < CHAINS; c++) x[c] = x[c] * a + b;
    for (int c = 0; c < CHAINS; c++) *(float *)out += x[c][0];
    return NULL;
}
int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 1;
    pthread_t *threads = malloc(sizeof *threads * (size_t)n);
    float *sums = calloc((size_t)n, sizeof *sums), sum = 0;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < n; i++) pthread_create(&threads[i], NULL, work, &sums[i]);
    for (int i = 0; i < n; i++) { pthread_join(threads[i], NULL); sum += sums[i]; }
    clock_gettime(CLOCK_MONOTONIC, &end);
    double s = (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    fprintf(stderr, "%g\n", sum);
    printf("%.3f\n", 2.0 * LANES * CHAINS * (double)ROUNDS * n / s * 1e-9);
    return 0;
}
"""
RUNS = 7  # of about 0.2 s; the best counts, because everything else that runs can only take away from a peak


class FmaPeak:
    """Knows no peak (None) where the program cannot be compiled and none is given."""

    def __init__(self, folder: Path, program: Path | None = None):
        self.program = program or build(folder)

    def gflops(self, threads: int) -> float | None:
        if self.program is None:
            return None
        return max(self.run_once(threads) for _ in range(RUNS))

    def run_once(self, threads: int) -> float:
        done = subprocess.run([self.program, str(threads)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PeerError(f"{self.program} {threads} ended with {done.returncode}")
        return float(done.stdout)


def build(folder: Path) -> Path | None:
    """Compiles the program for this machine; None, with a note, where no compiler is."""
    source, program = folder / "fma.c", folder / "fma"
    source.write_text(SOURCE)
    command = ["gcc", "-O3", "-march=native", "-ffp-contract=fast", source, "-o", program, "-pthread"]
    try:
        subprocess.run(command, check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"peers: no FMA peak: {error}")
        return None
    return program
