// libwanc: models from files and from memory, plans to files and to memory, options, and errors as values.
#include "tests/library/decoder.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct wanc_latent_size size = {HEIGHT, WIDTH};

static struct wanc_params one_size(void) {
    return (struct wanc_params){
        .size = sizeof(struct wanc_params), .latent_sizes = &size, .latent_size_count = 1};
}

static struct wanc_model model_file(const char *name) {
    return (struct wanc_model){.size = sizeof(struct wanc_model), .path = strdup(tiny_path(name))};
}

struct plan_bytes {
    void *data;
    size_t bytes;
};

static struct plan_bytes compile(const struct wanc_model *models, size_t count,
                                 const struct wanc_params *params) {
    struct plan_bytes p;
    struct wan_error error;
    if (wanc_compile_to_memory(models, count, params, &p.data, &p.bytes, &error) != WAN_OK)
        fail_msg("%s", error.message);
    return p;
}

static double decode(struct plan_bytes p) {
    static struct video v;
    struct wan_error error;
    struct wan_plan *plan = wan_plan_open_memory(p.data, p.bytes, NULL, &error);
    if (plan == NULL) fail_msg("%s", error.message);
    decode_all(plan, NULL, &v);
    wan_plan_close(plan);
    return distance_to_reference(&v);
}

static void test_from_memory(void **state) {
    (void)state;
    struct wanc_model file = model_file("full.onnx"), memory = file;
    struct wanc_params params = one_size();
    struct file_map map;
    assert_true(file_map_open(&map, file.path, 0, NULL));
    memory.data = map.data;
    memory.bytes = map.size;
    struct plan_bytes a = compile(&file, 1, &params), b = compile(&memory, 1, &params);
    assert_true(a.bytes == b.bytes && memcmp(a.data, b.data, a.bytes) == 0);
    memory.path = NULL; // all that changes is the model's name
    struct plan_bytes c = compile(&memory, 1, &params);
    assert_true(decode(c) <= 3.5e-4);
    file_map_close(&map);
    wanc_plan_free(a.data, a.bytes);
    wanc_plan_free(b.data, b.bytes);
    wanc_plan_free(c.data, c.bytes);
    free((char *)file.path);
}

static void test_to_file(void **state) {
    (void)state;
    struct wanc_model model = model_file("full.onnx");
    struct wanc_params params = one_size();
    struct plan_bytes p = compile(&model, 1, &params);
    char path[] = "/tmp/wanc-test-XXXXXX";
    close(mkstemp(path));
    assert_int_equal(wanc_compile_to_file(&model, 1, &params, path, NULL), WAN_OK);
    struct file_map map;
    assert_true(file_map_open(&map, path, 0, NULL));
    assert_true(map.size == p.bytes && memcmp(map.data, p.data, p.bytes) == 0);
    file_map_close(&map);
    unlink(path);
    struct wan_error error;
    assert_int_equal(wanc_compile_to_file(&model, 1, &params, "/nonexistent/plan", &error), WAN_ERROR_IO);
    wanc_plan_free(p.data, p.bytes);
    free((char *)model.path);
}

static void test_pair(void **state) {
    (void)state;
    struct wanc_model models[] = {model_file("pair_first.onnx"), model_file("pair_steady.onnx")};
    struct plan_bytes p = compile(models, 2, NULL);
    assert_true(decode(p) <= 3.5e-4);
    wanc_plan_free(p.data, p.bytes);
    for (int i = 0; i < 2; i++) free((char *)models[i].path);
}

// Each option changes the plan, and frames stay what they are.
static void test_options(void **state) {
    (void)state;
    struct wanc_model model = model_file("full.onnx");
    struct wanc_params params[7], plain = one_size();
    struct plan_bytes usual = compile(&model, 1, &plain);
    for (int i = 0; i < 7; i++) params[i] = plain;
    params[0].conv = WANC_CONV_DIRECT;
    params[1].max_error = 1e-5;
    params[2].bands = WANC_BANDS_LEAST;
    params[3].max_memory = 200u << 20;
    params[4].prepack = 1;
    params[5].cache_type = WANC_CACHE_F16;
    params[6].conv = WANC_CONV_IM2COL;
    for (int i = 0; i < 7; i++) {
        struct plan_bytes p = compile(&model, 1, &params[i]);
        bool same = p.bytes == usual.bytes && memcmp(p.data, usual.data, p.bytes) == 0;
        if (same && i != 1 && i != 2 && i != 3) fail_msg("option %d changes nothing", i);
        assert_true(decode(p) <= (i == 5 ? 1e-2 : i == 1 ? 2e-5 : 3.5e-4));
        wanc_plan_free(p.data, p.bytes);
    }
    wanc_plan_free(usual.data, usual.bytes);
    free((char *)model.path);
}

static void listen(void *context, wan_log_level level, const char *message) {
    int *count = context;
    count[level]++;
    assert_null(strchr(message, '\n'));
}

static void test_log(void **state) {
    (void)state;
    struct wanc_model model = model_file("pair_steady.onnx"); // alone: there is something to say
    struct wanc_params params = one_size();
    int count[WAN_LOG_INFO + 1] = {0};
    params.log = listen;
    params.log_context = count;
    struct plan_bytes p = compile(&model, 1, &params);
    assert_true(count[WAN_LOG_INFO] > 0);
    assert_int_equal(count[WAN_LOG_ERROR], 0);
    params.max_memory = 1000;
    assert_int_equal(wanc_compile_to_file(&model, 1, &params, "/tmp/none", NULL), WAN_ERROR_UNSUPPORTED);
    assert_int_equal(count[WAN_LOG_ERROR], 1);
    assert_int_not_equal(access("/tmp/none", F_OK), 0);
    wanc_plan_free(p.data, p.bytes);
    free((char *)model.path);
}

// The least that a refusal offers.
static unsigned long long least_of(wanc_conv conv) {
    struct wanc_model model = model_file("full.onnx");
    struct wanc_params params = one_size();
    struct plan_bytes p = {NULL, 0};
    struct wan_error error;
    params.conv = conv;
    params.max_memory = 1000;
    assert_int_equal(wanc_compile_to_memory(&model, 1, &params, &p.data, &p.bytes, &error),
                     WAN_ERROR_UNSUPPORTED);
    free((char *)model.path);
    const char *least = strstr(error.message, "the least is");
    assert_non_null(least);
    return strtoull(strchr(least, '(') + 1, NULL, 10);
}

static void test_least_memory(void **state) {
    (void)state;
    unsigned long long least = least_of(WANC_CONV_AUTO);
    assert_true(least > 0 && least <= least_of(WANC_CONV_DIRECT) && least <= least_of(WANC_CONV_IM2COL));
}

static void expect_refusal(const struct wanc_model *models, size_t count, const struct wanc_params *params,
                           wan_status status, const char *part) {
    struct plan_bytes p = {&p, 1};
    struct wan_error error;
    assert_int_equal(wanc_compile_to_memory(models, count, params, &p.data, &p.bytes, &error), status);
    assert_true(p.data == NULL && p.bytes == 0);
    if (strstr(error.message, part) == NULL) fail_msg("'%s' is not in '%s'", part, error.message);
}

static void test_errors(void **state) {
    (void)state;
    struct wanc_model good = model_file("full.onnx"), none = good, empty = good;
    const struct wanc_latent_size twice[] = {{3, 5}, {3, 5}}, zero = {0, 5};
    struct wanc_params params[10];
    none.path = "/nonexistent/model.onnx";
    empty.path = NULL;
    for (int i = 0; i < 10; i++) params[i] = one_size();
    expect_refusal(&none, 1, NULL, WAN_ERROR_IO, "/nonexistent/model.onnx");
    expect_refusal(&empty, 1, NULL, WAN_ERROR_ARGUMENT, "a path or bytes");
    empty.data = "nothing";
    empty.bytes = 7;
    expect_refusal(&empty, 1, NULL, WAN_ERROR_INPUT, "model in memory: not an ONNX file");
    expect_refusal(&good, 0, NULL, WAN_ERROR_ARGUMENT, "one or two");
    params[0].size = 8;
    expect_refusal(&good, 1, &params[0], WAN_ERROR_ARGUMENT, "wanc_params.size");
    params[1].latent_sizes = twice;
    params[1].latent_size_count = 2;
    expect_refusal(&good, 1, &params[1], WAN_ERROR_ARGUMENT, "given twice");
    params[2].latent_sizes = &zero;
    expect_refusal(&good, 1, &params[2], WAN_ERROR_ARGUMENT, "from 1 to 4096");
    params[3].conv = (wanc_conv)9;
    expect_refusal(&good, 1, &params[3], WAN_ERROR_ARGUMENT, "conv: expected 0 to 4, found 9");
    params[4].max_error = -1;
    expect_refusal(&good, 1, &params[4], WAN_ERROR_ARGUMENT, "max_error");
    params[5].threads = 2000;
    expect_refusal(&good, 1, &params[5], WAN_ERROR_ARGUMENT, "2000 threads");
    params[6].tune_seconds = 1e9;
    expect_refusal(&good, 1, &params[6], WAN_ERROR_ARGUMENT, "tune_seconds");
    params[7].max_error = 1e-12;
    expect_refusal(&good, 1, &params[7], WAN_ERROR_UNSUPPORTED, "full.onnx");
    params[8].limit_memory = UINT64_MAX;
    expect_refusal(&good, 1, &params[8], WAN_ERROR_ARGUMENT, "limit_memory");
    params[9].limit_nodes = UINT32_MAX;
    expect_refusal(&good, 1, &params[9], WAN_ERROR_ARGUMENT, "limit_nodes");
    free((char *)good.path);
}

// A caller that was compiled without these fields has no limits but the usual ones.
static void test_limits(void **state) {
    (void)state;
    struct wanc_model model = model_file("full.onnx");
    struct wanc_params params = one_size();
    params.limit_memory = 2 << 20;
    expect_refusal(&model, 1, &params, WAN_ERROR_MEMORY, "it takes more than the limit of 2.00 MiB");
    params.limit_memory = 64 << 20;
    params.limit_nodes = 300;
    expect_refusal(&model, 1, &params, WAN_ERROR_MEMORY, "the limit of 300 nodes");
    params.size = offsetof(struct wanc_params, limit_memory);
    struct plan_bytes p = compile(&model, 1, &params);
    wanc_plan_free(p.data, p.bytes);
    free((char *)model.path);
}

// In a process of its own that may take only so much more memory: a status comes back, whatever it is.
static int compile_under_limit(const struct wanc_model *model, size_t more) {
    struct wanc_params params = one_size();
    struct plan_bytes p;
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%lu", &pages) != 1) return -1;
    fclose(f);
    struct rlimit limit = {.rlim_cur = pages * (size_t)sysconf(_SC_PAGESIZE) + more,
                           .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &limit);
    return (int)wanc_compile_to_memory(model, 1, &params, &p.data, &p.bytes, NULL);
}

static void test_out_of_memory(void **state) {
    (void)state;
    int refused = 0, compiled = 0;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); // they take their own memory
#endif
    const char *preloaded = getenv("LD_PRELOAD");
    if (preloaded != NULL && strstr(preloaded, "vgpreload") != NULL) skip(); // as valgrind does
    struct file_map map;
    assert_true(file_map_open(&map, tiny_path("full.onnx"), 0, NULL));
    const struct wanc_model model = {.size = sizeof model, .data = map.data, .bytes = map.size};
    for (size_t more = 0; more < 6u << 20; more += 100000) {
        int status;
        pid_t child = fork();
        if (child == 0) _exit(compile_under_limit(&model, more));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == WAN_OK) compiled++;
        else if (WEXITSTATUS(status) == WAN_ERROR_MEMORY) refused++;
        else fail_msg("with %zu bytes: status %d", more, WEXITSTATUS(status));
    }
    file_map_close(&map);
    assert_true(refused > 3 && compiled > 3);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_out_of_memory), // while the heap has no holes
                                       cmocka_unit_test(test_from_memory),   cmocka_unit_test(test_to_file),
                                       cmocka_unit_test(test_least_memory),  cmocka_unit_test(test_pair),
                                       cmocka_unit_test(test_options),       cmocka_unit_test(test_log),
                                       cmocka_unit_test(test_errors),        cmocka_unit_test(test_limits)};
    if (argc != 2) return 2;
    decoder_load(argv[1]);
    return cmocka_run_group_tests_name("compile", tests, NULL, NULL);
}
