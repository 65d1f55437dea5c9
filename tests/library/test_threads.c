// Many threads at once: sessions of one plan that are opened, run and freed side by side, on pools of their own or on one, and
// compilations. Every decode gives the bits of a single one. With `alone`, no pool of several threads. (tests/sanitize.sh)
#include "tests/library/decoder.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 4 };

static struct wan_plan *plan;
static void *first_plan; // what is compiled at the start
static size_t first_bytes;
static struct wan_pool *pool; // NULL: each session has its own
static struct video whole;
static int steps = STEPS, rounds = 2; // of each thread

struct worker {
    pthread_t thread;
    struct video video;
    bool ok;
};

typedef void *thread_function(void *worker);

// Every second thread does the one, the others the other.
static void run_both(thread_function *one, thread_function *other) {
    static struct worker workers[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, i % 2 ? other : one, &workers[i]), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < THREADS; i++) assert_true(workers[i].ok);
}

static void run(thread_function *work) { run_both(work, work); }

// cmocka's assertions are for the main thread: `ok` says how it went.
static bool decode_once(struct video *v) {
    const struct wan_session_params params = {.size = sizeof params, .threads = 1, .pool = pool};
    struct wan_session *s = wan_session_new(plan, &params, NULL);
    int frame = 0;
    for (int t = 0; s != NULL && t < steps; t++) {
        if (wan_session_send(s, latents[t], NULL) != WAN_OK) break;
        for (const float *f; (f = wan_session_receive(s)) != NULL;)
            memcpy(v->frames[frame++], f, sizeof *v->frames);
    }
    wan_session_free(s);
    return frame == 4 * steps - 3;
}

static void *decode_often(void *context) {
    struct worker *w = context;
    w->ok = true;
    for (int i = 0; i < rounds; i++) {
        memset(&w->video, 0, sizeof w->video);
        w->ok = decode_once(&w->video) && w->ok &&
                memcmp(&w->video, &whole, (4 * steps - 3) * sizeof *whole.frames) == 0;
    }
    return NULL;
}

// ---- sessions that come and go while others run

static atomic_int decoding;
static atomic_bool abandoned; // sessions have ended in the middle of a video

static void *decode_among_others(void *context) {
    decode_often(context);
    decoding--;
    return NULL;
}

// Sessions that end before their first frame, behind it, and with frames that nobody took; and plans opened and closed beside.
static void *open_and_close(void *context) {
    struct worker *w = context;
    w->ok = true;
    for (int sent = 0; decoding > 0 || !abandoned; sent = (sent + 1) % 3) {
        const struct wan_session_params params = {.size = sizeof params, .threads = 1, .pool = pool};
        struct wan_session *s = wan_session_new(plan, &params, NULL);
        for (int t = 0; t < sent && w->ok; t++) {
            w->ok = s != NULL && wan_session_send(s, latents[t], NULL) == WAN_OK;
            if (t + 1 < sent) wan_session_receive(s);
        }
        wan_session_free(s);
        struct wan_plan *again = wan_plan_open_memory(first_plan, first_bytes, NULL, NULL);
        w->ok = w->ok && s != NULL && again != NULL;
        wan_plan_close(again);
        if (sent == 2 || !w->ok) abandoned = true;
    }
    return NULL;
}

static void come_and_go(struct wan_pool *shared) {
    plan = wan_plan_open_memory(first_plan, first_bytes, NULL, NULL);
    pool = shared;
    decoding = THREADS / 2;
    abandoned = false;
    run_both(decode_among_others, open_and_close);
    wan_plan_close(plan);
    wan_pool_free(shared);
    plan = NULL;
}

static void test_come_and_go(void **state) {
    (void)state;
    steps = STEPS, rounds = 2;
    come_and_go(NULL);
}

static void test_come_and_go_on_one_pool(void **state) {
    (void)state;
    steps = 1, rounds = 1;
    come_and_go(wan_pool_new(2, NULL));
}

// ---- sessions side by side

// The weights are not packed yet: the sessions meet over them.
static void test_sessions(void **state) {
    (void)state;
    void *data;
    size_t bytes;
    wan_plan_close(plan);
    plan = open_tiny(&data, &bytes, NULL);
    pool = NULL;
    run(decode_often);
    wan_plan_close(plan);
    wanc_plan_free(data, bytes);
    plan = NULL;
}

static void test_one_pool(void **state) {
    (void)state;
    void *data;
    size_t bytes;
    plan = open_tiny(&data, &bytes, NULL);
    pool = wan_pool_new(2, NULL);
    steps = 1, rounds = 1; // threads of a pool spin while they wait: on a busy machine that is all they do
    run(decode_often);
    wan_plan_close(plan);
    wan_pool_free(pool);
    wanc_plan_free(data, bytes);
    plan = NULL;
}

static void *compile(void *context) {
    struct worker *w = context;
    char path[4096];
    snprintf(path, sizeof path, "%s/full.onnx", tiny_folder);
    const struct wanc_model model = {.size = sizeof model, .path = path};
    const struct wanc_latent_size size = {HEIGHT, WIDTH};
    const struct wanc_params params = {.size = sizeof params, .latent_sizes = &size, .latent_size_count = 1};
    void *data;
    size_t bytes;
    w->ok = wanc_compile_to_memory(&model, 1, &params, &data, &bytes, NULL) == WAN_OK &&
            bytes == first_bytes && memcmp(data, first_plan, bytes) == 0;
    wanc_plan_free(data, bytes);
    return NULL;
}

static void test_compilations(void **state) {
    (void)state;
    run(compile);
}

static int decode_first(void **state) {
    (void)state;
    struct wan_plan *p = open_tiny(&first_plan, &first_bytes, NULL);
    decode_all(p, NULL, &whole);
    wan_plan_close(p);
    return 0;
}

static int free_first(void **state) {
    (void)state;
    wanc_plan_free(first_plan, first_bytes);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest alone[] = {cmocka_unit_test(test_sessions), cmocka_unit_test(test_come_and_go),
                                       cmocka_unit_test(test_compilations)};
    const struct CMUnitTest shared[] = {cmocka_unit_test(test_one_pool),
                                        cmocka_unit_test(test_come_and_go_on_one_pool)};
    bool is_alone = argc == 3 && strcmp(argv[2], "alone") == 0;
    if (argc != 2 && !is_alone) return 2;
    decoder_load(argv[1]);
    int failed = cmocka_run_group_tests_name("threads", alone, decode_first, free_first);
    if (!is_alone) failed += cmocka_run_group_tests_name("shared pools", shared, decode_first, free_first);
    return failed;
}
