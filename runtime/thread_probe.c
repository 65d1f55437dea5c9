#include "runtime/thread_probe.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool is_open;
};

static void *wait_at(void *context) {
    struct gate *g = context;
    pthread_mutex_lock(&g->lock);
    while (!g->is_open) pthread_cond_wait(&g->opened, &g->lock);
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

static void open_gate(struct gate *g) {
    pthread_mutex_lock(&g->lock);
    g->is_open = true;
    pthread_cond_broadcast(&g->opened);
    pthread_mutex_unlock(&g->lock);
}

unsigned thread_probe(unsigned count) {
    struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER};
    pthread_t *threads = calloc(count, sizeof *threads);
    unsigned started = 0;
    while (threads != NULL && started < count && pthread_create(&threads[started], NULL, wait_at, &gate) == 0)
        started++;
    open_gate(&gate);
    for (unsigned i = 0; i < started; i++) pthread_join(threads[i], NULL);
    free(threads);
    return started;
}
