// Files of latents: those that numpy, torch and safetensors wrote (tests/data/latents, tools/make_latents.py), number by
// number, and what is refused; then each of them with bytes changed.
//
//     test_latents FOLDER
#define _GNU_SOURCE
#include "tools/latents/latents.h"

#include "base/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    CHANNELS = 8,
    FRAMES = 3,
    HEIGHT = 2,
    WIDTH = 5,
    PLANE = HEIGHT * WIDTH,
    NUMBERS = CHANNELS * FRAMES * PLANE
};
#ifdef __SANITIZE_ADDRESS__
enum { MUTATIONS = 60 };
#else
enum { MUTATIONS = 400 };
#endif

static const char *folder;
static float reference[NUMBERS], denormalized[NUMBERS];
static char path_buffer[4096];

static const char *path_of(const char *name) {
    snprintf(path_buffer, sizeof path_buffer, "%s/%s", folder, name);
    return path_buffer;
}

static void load(const char *name, float *out) {
    FILE *f = fopen(path_of(name), "rb");
    assert_non_null(f);
    assert_int_equal(fread(out, sizeof *out, NUMBERS, f), NUMBERS);
    fclose(f);
}

// Frame `t` of `expected`, [channels][height][width].
static void check_frame(const float *expected, uint64_t t, const float *frame, float tolerance) {
    for (size_t c = 0; c < CHANNELS; c++) {
        for (size_t i = 0; i < PLANE; i++) {
            float want = expected[(c * FRAMES + t) * PLANE + i], got = frame[c * PLANE + i];
            if (!(want - got <= tolerance && got - want <= tolerance))
                fail_msg("frame %d, channel %zu, number %zu: expected %g, found %g", (int)t, c, i,
                         (double)want, (double)got);
        }
    }
}

static void check_numbers(const char *name, const struct latents_options *o, const float *expected,
                          uint64_t first, uint64_t frames, float tolerance) {
    struct latents l;
    struct error err = {0};
    float frame[CHANNELS * PLANE];
    if (!latents_open(&l, path_of(name), CHANNELS, o, &err)) fail_msg("%s", err.message);
    assert_int_equal(l.channels, CHANNELS);
    assert_int_equal(l.frames, frames);
    assert_int_equal(l.height, HEIGHT);
    assert_int_equal(l.width, WIDTH);
    assert_true(latents_check_finite(&l, &err));
    for (uint64_t t = frames; t-- > 0;) {
        assert_true(latents_read_frame(&l, t, frame, &err));
        check_frame(expected, first + t, frame, tolerance);
    }
    latents_close(&l);
}

static void test_formats(void **state) {
    static const char *const names[] = {"f32.npy",
                                        "f16.npy",
                                        "f64.npy",
                                        "batched.npy",
                                        "tchw.npy",
                                        "batched_tchw.npy",
                                        "stored.npz",
                                        "deflated.npz",
                                        "stored.npz:latents",
                                        "two.npz:latents",
                                        "float32.safetensors",
                                        "float16.safetensors",
                                        "bfloat16.safetensors",
                                        "float64.safetensors",
                                        "two.safetensors:latents",
                                        "float32.pt",
                                        "float16.pt",
                                        "bfloat16.pt",
                                        "float64.pt",
                                        "dict.pt",
                                        "dict.pt:latents",
                                        "two.pt:latents",
                                        "list.pt:1",
                                        "transposed.pt",
                                        "channels_last.pt",
                                        "slice.pt",
                                        "columns_first.pt",
                                        "checkpoint.pth",
                                        "deflated.pt"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        check_numbers(names[i], NULL, reference, 0, FRAMES, 0);
}

static void test_options(void **state) {
    struct latents_options key = {.key = "latents"}, words = {.has_type = true, .type = LATENTS_BF16},
                           raw = {0}, bf16 = {0};
    struct error err = {0};
    (void)state;
    check_numbers("two.npz", &key, reference, 0, FRAMES, 0);
    check_numbers("words.npy", &words, reference, 0, FRAMES, 0);
    assert_true(latents_parse_shape(&raw, "8,3,2,5", &err) && latents_parse_type(&raw, "f32", &err));
    check_numbers("reference.bin", &raw, reference, 0, FRAMES, 0);
    assert_true(latents_parse_shape(&bf16, "1,8,3,2,5", &err) && latents_parse_type(&bf16, "bf16", &err));
    check_numbers("bf16.bin", &bf16, reference, 0, FRAMES, 0);
}

static void test_frames(void **state) {
    static const struct {
        const char *text;
        uint64_t first, count;
    } cases[] = {{"0:3", 0, 3}, {":", 0, 3},    {"1:", 1, 2},   {":-1", 0, 2},
                 {"-2:", 1, 2}, {"-9:2", 0, 2}, {"1:99", 1, 2}, {"2:3", 2, 1}};
    static const char *const wrong[] = {
        "", "1", "1-2", "a:b", "1:2:3", "--1:", "1:x", ": 2", "99999999999999999999:"};
    static const char *const none[] = {"3:", "2:1", ":0", "-1:-2"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct latents_options o = {0};
        assert_true(latents_parse_frames(&o, cases[i].text, NULL));
        check_numbers("transposed.pt", &o, reference, cases[i].first, cases[i].count, 0);
        check_numbers("f16.npy", &o, reference, cases[i].first, cases[i].count, 0);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct latents_options o = {0};
        if (latents_parse_frames(&o, wrong[i], NULL)) fail_msg("'%s' was taken", wrong[i]);
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        struct latents_options o = {0};
        struct latents l;
        struct error err = {0};
        assert_true(latents_parse_frames(&o, none[i], NULL));
        assert_false(latents_open(&l, path_of("f32.npy"), CHANNELS, &o, &err));
        assert_non_null(strstr(err.message, "found none of its 3"));
    }
}

// As many frames as channels: only the option tells.
static void test_layout(void **state) {
    struct latents_options o = {0};
    struct latents l;
    struct error err = {0};
    (void)state;
    assert_true(latents_parse_shape(&o, "4,4,3,5", &err) && latents_parse_type(&o, "f32", &err));
    assert_false(latents_open(&l, path_of("reference.bin"), 4, &o, &err));
    assert_non_null(strstr(err.message, "--layout"));
    for (int i = 0; i < 2; i++) {
        err = (struct error){0};
        assert_true(latents_parse_layout(&o, i ? "tchw" : "cthw", &err));
        assert_true(latents_open(&l, path_of("reference.bin"), 4, &o, &err));
        assert_int_equal(l.frames_first, i);
        latents_close(&l);
    }
    assert_true(latents_parse_shape(&o, "2,2,4,15", &err)); // frames first: frame 1 begins with number 120
    float wide[2 * 60];
    assert_true(latents_open(&l, path_of("reference.bin"), 2, &o, &err) &&
                latents_read_frame(&l, 1, wide, &err));
    assert_memory_equal(wide, reference + 120, sizeof wide);
    latents_close(&l);
}

static void test_denormalize(void **state) {
    struct latents_statistics s, file;
    struct error err = {0};
    static const char *const families[] = {"wan2.1", "qwen-image", "wan2.2"};
    (void)state;
    assert_true(latents_statistics_read(&s, path_of("statistics.json"), &err));
    struct latents_options o = {.statistics = &s};
    check_numbers("bfloat16.pt", &o, denormalized, 0, FRAMES, 1e-6f);
    latents_statistics_free(&s);
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.json", families[i]);
        assert_true(latents_statistics_read(&s, families[i], &err) &&
                    latents_statistics_read(&file, path_of(name), &err));
        assert_int_equal(s.channels, i < 2 ? 16 : 48);
        assert_int_equal(s.channels, file.channels);
        assert_memory_equal(s.mean, file.mean, s.channels * sizeof *s.mean);
        assert_memory_equal(s.std, file.std, s.channels * sizeof *s.std);
        latents_statistics_free(&file);
        if (i == 0) {
            struct latents l;
            o.statistics = &s;
            assert_false(latents_open(&l, path_of("f32.npy"), CHANNELS, &o, &err));
            assert_non_null(strstr(err.message, "expected 16 channels"));
            err = (struct error){0};
        }
        latents_statistics_free(&s);
    }
    assert_false(latents_statistics_read(&s, path_of("f32.npy"), &err));
    assert_non_null(strstr(err.message, "not JSON"));
}

static void test_refused(void **state) {
    static const struct {
        const char *name, *key, *why;
    } cases[] = {
        {"two.npz", NULL,
         "--key, or FILE:KEY), found 'latents' float32 [8, 3, 2, 5], 'other' float32 [8, 3, 2, 5]"},
        {"two.safetensors", NULL, "'latents' float32 [8, 3, 2, 5]"},
        {"two.pt", NULL, "'other' float32 [8, 3, 2, 5]"},
        {"two.pt", "third", "expected a tensor 'third', found 'latents'"},
        {"dict.pt", "prompt", "expected a tensor 'prompt'"},
        {"stored.npz", "seed", "found int64"},
        {"float32.safetensors", "step", "found I64"},
        {"f32.npy", "latents", "expected no key"},
        {"words.npy", NULL, "--dtype bf16"},
        {"bad_expanded.pt", NULL, "does not repeat numbers"},
        {"bad_parameter.pt", NULL, "it names torch._utils._rebuild_parameter"},
        {"bad_trap.pt", NULL, "it names __builtin__.print"},
        {"bad_old.pt", NULL, "torch before 1.6"},
        {"bad_protocol.pt", NULL, "protocol 2"},
        {"bad_integers.pt", NULL, "found LongStorage"},
        {"bad_empty.pt", NULL, "expected a tensor, or a dict or list of tensors"},
        {"reference.bin", NULL, "need --shape"},
        {"none.npy:latents", NULL, "cannot open"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct latents_options o = {.key = cases[i].key};
        struct latents l;
        struct error err = {0};
        if (latents_open(&l, path_of(cases[i].name), CHANNELS, &o, &err))
            fail_msg("%s was taken", cases[i].name);
        if (strstr(err.message, cases[i].why) == NULL) fail_msg("%s: %s", cases[i].name, err.message);
    }
}

// ---- files in memory

static int memory_file(const void *data, size_t size, char path[64]) {
    int fd = memfd_create("test", 0);
    assert_true(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

// Opens and reads everything: whatever the file is, it gives numbers or one error.
static void read_all(const char *path, struct error *err) {
    struct latents l;
    float frame[CHANNELS * PLANE];
    if (latents_open(&l, path, CHANNELS, NULL, err)) {
        for (uint64_t t = 0; t < l.frames && l.channels == CHANNELS && l.height == HEIGHT && l.width == WIDTH;
             t++) {
            if (!latents_read_frame(&l, t, frame, err)) break;
        }
        latents_close(&l);
    } else assert_true(err->code != ERROR_NONE && err->message[0] != 0 && err->code != ERROR_INTERNAL);
}

static void refuse_bytes(const void *data, size_t size, const char *why) {
    char path[64];
    struct error err = {0};
    int fd = memory_file(data, size, path);
    read_all(path, &err);
    close(fd);
    if (strstr(err.message, why) == NULL) fail_msg("expected '%s', found '%s'", why, err.message);
}

static void refuse_safetensors(const char *json, size_t numbers, const char *why) {
    size_t n = strlen(json);
    unsigned char *b = calloc(1, 8 + n + numbers);
    for (int i = 0; i < 8; i++) b[i] = (unsigned char)((uint64_t)n >> 8 * i);
    memcpy(b + 8, json, n);
    refuse_bytes(b, 8 + n + numbers, why);
    free(b);
}

static void test_safetensors(void **state) {
#define TENSOR(key, shape, from, to)                                                                         \
    "\"" key "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"
    (void)state;
    refuse_safetensors("{" TENSOR("a", "[2]", "0", "8") "," TENSOR("b", "[2]", "4", "12") "}", 12, "overlap");
    refuse_safetensors("{" TENSOR("a", "[2]", "0", "8") "," TENSOR("b", "[1]", "12", "16") "}", 16, "gap");
    refuse_safetensors("{" TENSOR("a", "[2]", "0", "8") "}", 12, "trailing bytes");
    refuse_safetensors("{" TENSOR("a", "[2]", "0", "8") "}", 4, "outside of the file");
    refuse_safetensors("{" TENSOR("a", "[3]", "0", "8") "}", 8, "do not hold its shape");
    refuse_safetensors("{" TENSOR("a", "[-1]", "0", "8") "}", 8, "whole numbers");
    refuse_safetensors("{" TENSOR("a", "[4294967296,4294967296]", "0", "0") "}", 0, "do not hold its shape");
    refuse_safetensors("{" TENSOR("a", "[2]", "8", "0") "}", 8, "ascending");
    refuse_safetensors("{" TENSOR("a", "[2]", "0", "8") "," TENSOR("a", "[2]", "0", "8") "}", 8, "duplicate");
    refuse_safetensors("{\"__metadata__\":{}}", 0, "found none");
    refuse_safetensors("{\"a\":[]}", 0, "expected a shape");
    refuse_safetensors("{\"a\":", 0, "malformed .safetensors header");
    refuse_safetensors("{\"a\\u0000b\":1}", 0, "malformed .safetensors header");
    refuse_bytes("\xff\xff\xff\xff\xff\xff\xff\x7f{\"a\":1}", 15, "expected at most");
}

// ---- zip files by hand

struct zip_file {
    unsigned char data[4096];
    size_t size;
};

static void put(struct zip_file *z, uint64_t x, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) z->data[z->size++] = i < 8 ? (unsigned char)(x >> 8 * i) : 0;
}

static void put_text(struct zip_file *z, const char *text) {
    memcpy(z->data + z->size, text, strlen(text));
    z->size += strlen(text);
}

// One member, with what its entry says of it.
static struct zip_file one_member(const char *name, unsigned flags, unsigned method, const void *data,
                                  size_t size, uint64_t contents) {
    struct zip_file z = {0};
    size_t n = strlen(name);
    put_text(&z, "PK\3\4"), put(&z, 20, 2), put(&z, flags, 2), put(&z, method, 2), put(&z, 0, 8);
    put(&z, size, 4), put(&z, contents, 4), put(&z, n, 2), put(&z, 0, 2), put_text(&z, name);
    memcpy(z.data + z.size, data, size);
    z.size += size;
    size_t list = z.size;
    put_text(&z, "PK\1\2"), put(&z, 20, 4), put(&z, flags, 2), put(&z, method, 2), put(&z, 0, 8);
    put(&z, size, 4), put(&z, contents, 4), put(&z, n, 2), put(&z, 0, 16), put_text(&z, name);
    size_t end = z.size;
    put_text(&z, "PK\5\6"), put(&z, 0, 4), put(&z, 1, 2), put(&z, 1, 2), put(&z, end - list, 4),
        put(&z, list, 4), put(&z, 0, 2);
    return z;
}

static void refuse_member(const char *name, unsigned flags, unsigned method, const void *data, size_t size,
                          uint64_t contents, const char *why) {
    struct zip_file z = one_member(name, flags, method, data, size, contents);
    refuse_bytes(z.data, z.size, why);
}

static void test_zip(void **state) {
    (void)state;
    refuse_member("a.npy", 1, 0, "x", 1, 1, "encrypted");
    refuse_member("a.npy", 0, 99, "x", 1, 1, "method 99");
    refuse_member("a.npy", 0, 8, "x", 1, 2000000000, "larger than it can be");
    refuse_member("a.npy", 0, 8, "\1\2\3\4\5\6\7\10", 8, 100, "are damaged");
    refuse_member("a.npy", 0, 8, "\3\0", 2, 100, "shorter than its list says"); // an empty stream
    refuse_member("a.npy", 0, 0, "x", 1, 2, "two sizes");
    refuse_member("a.npy", 0, 0, "no array", 8, 8, "truncated");
    refuse_member("a.npy", 0, 0, "no array at all", 15, 15, "expected a .npy file in it");
    refuse_member("readme.txt", 0, 0, "x", 1, 1, "found neither");
    struct zip_file z = one_member("a.npy", 0, 0, "x", 1, 1);
    z.data[z.size - 6 + 3] = 0x7f; // where the list is
    refuse_bytes(z.data, z.size, "outside of the file");
    refuse_bytes(z.data, z.size - 1, "no list of members");
}

// ---- pickles by hand

#define STORAGE "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\xf0tQ"
static void refuse_pickle(const char *data, size_t size, const char *why) {
    refuse_member("x/data.pkl", 0, 0, data, size, size, why);
}
#define REFUSE_PICKLE(text, why) refuse_pickle(text, sizeof text - 1, why)

static void test_pickles(void **state) {
    (void)state;
    REFUSE_PICKLE("", "ends early");
    REFUSE_PICKLE("\x80\2", "ends early");
    REFUSE_PICKLE("\x80\2.", "other than one value");
    REFUSE_PICKLE("\x80\2K\1K\2.", "other than one value");
    REFUSE_PICKLE("\x80\2(.", "other than one value");
    REFUSE_PICKLE("\x80\2cos\nsystem\n", "it names os.system");
    REFUSE_PICKLE("\x80\2ctorch.evil\nXStorage\n", "it names torch.evil.XStorage");
    REFUSE_PICKLE("\x80\2ctorch\n"
                  "a.Storage\n",
                  "it names torch.a.Storage");
    REFUSE_PICKLE("\x80\2ccollections\nOrderedDict\nK\1\x85R.", "a call that torch.save does not write");
    REFUSE_PICKLE("\x80\2ctorch\nFloatStorage\n)R.", "a call that torch.save does not write");
    REFUSE_PICKLE("\x80\2K\1)R.", "a call of something else");
    REFUSE_PICKLE("\x80\2"
                  "b",
                  "byte 2 of its pickle: refused: instruction 0x62");
    REFUSE_PICKLE("\x80\2ios\nsystem\n", "instruction 0x69");
    REFUSE_PICKLE("\x80\2h\5.", "a memo that was not kept");
    REFUSE_PICKLE("\x80\2K\1r\xff\xff\xff\xff.", "a memo beyond");
    REFUSE_PICKLE("\x80\2(q\0.", "nothing to keep");
    REFUSE_PICKLE("\x80\2t.", "no mark");
    REFUSE_PICKLE("\x80\2K\1\x87.", "nothing on the stack");
    REFUSE_PICKLE("\x80\2}K\1s.", "items without a list or dict");
    REFUSE_PICKLE("\x80\2}(K\1u.", "items without a list or dict");
    REFUSE_PICKLE("\x80\2X\xff\xff\xff\xff"
                  "a.",
                  "ends early");
    REFUSE_PICKLE("\x80\2K\1Q.", "not of a storage");
    REFUSE_PICKLE("\x80\2" STORAGE "K\0)\x87.", "found none");
    REFUSE_PICKLE("\x80\2]q\0h\0"
                  "a.",
                  "found none"); // a list that holds itself
}

// ---- changed bytes

static uint64_t next_random(uint64_t *s) {
    *s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
    return *s;
}

static size_t mutate(unsigned char *data, size_t size, uint64_t *s) {
    static const unsigned char odd[] = {0, 0xff, 0x7f, 0x80, '(', '.', 'R', '"', '[', '-'};
    unsigned changes = 1 + (unsigned)(next_random(s) % 4);
    if (next_random(s) % 8 == 0) size = (size_t)(next_random(s) % size);
    for (unsigned i = 0; i < changes && size > 0; i++) {
        size_t at = (size_t)(next_random(s) % size);
        uint64_t how = next_random(s) % 3;
        if (how == 0) data[at] ^= (unsigned char)(1u << next_random(s) % 8);
        else if (how == 1) data[at] = odd[next_random(s) % sizeof odd];
        else
            memmove(data + at, data + next_random(s) % size, 1),
                memset(data + at, 0xff, size - at < 4 ? size - at : 4);
    }
    return size;
}

static void mutate_file(const char *name, uint64_t *s) {
    struct file_map map;
    struct error err = {0};
    assert_true(file_map_open(&map, path_of(name), 0, &err));
    unsigned char *copy = malloc(map.size);
    for (int i = 0; i < MUTATIONS; i++) {
        char path[64];
        err = (struct error){0};
        memcpy(copy, map.data, map.size);
        size_t size = mutate(copy, map.size, s);
        int fd = memory_file(copy, size, path);
        read_all(path, &err);
        close(fd);
    }
    free(copy);
    file_map_close(&map);
}

static void test_mutations(void **state) {
    DIR *d = opendir(folder);
    uint64_t s = 88172645463325252u;
    (void)state;
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.') mutate_file(e->d_name, &s);
    }
    closedir(d);
}

// ---- spools

static void test_spool(void **state) {
    enum { BLOCK = 1 << 20, BLOCKS = SPOOL_IN_MEMORY / BLOCK + 2 };
    struct spool s;
    struct error err = {0};
    unsigned char *block = malloc(BLOCK), back[4];
    (void)state;
    assert_true(spool_open(&s, "input", &err));
    for (int i = 0; i < BLOCKS; i++) {
        assert_int_equal(s.on_disk, i > SPOOL_IN_MEMORY / BLOCK);
        memset(block, i, BLOCK);
        assert_true(spool_write(&s, block, BLOCK, &err));
    }
    struct bytes all = spool_bytes(&s);
    assert_int_equal(all.size, (uint64_t)BLOCKS * BLOCK);
    for (int i = 1; i < BLOCKS; i++) {
        assert_true(bytes_read(&all, (uint64_t)i * BLOCK - 2, back, 4, &err));
        assert_true(back[1] == i - 1 && back[2] == i);
    }
    assert_false(bytes_read(&all, all.size - 1, back, 2, &err));
    spool_close(&s);
    free(block);
}

// Arrays that are no latents, for comparisons.
static void test_arrays(void **state) {
    struct latents l;
    struct error err = {0};
    float numbers[NUMBERS];
    static const char *const names[] = {"f16.npy", "deflated.npz:latents", "float64.safetensors:latents",
                                        "bfloat16.pt"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!latents_open_array(&l, path_of(names[i]), &err)) fail_msg("%s", err.message);
        assert_true(latents_read_numbers(&l, 0, NUMBERS, numbers, &err));
        assert_memory_equal(numbers, reference, sizeof numbers);
        latents_close(&l);
    }
    assert_false(latents_open_array(&l, path_of("transposed.pt"), &err));
    assert_non_null(strstr(err.message, "C order"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats), cmocka_unit_test(test_options),     cmocka_unit_test(test_frames),
        cmocka_unit_test(test_layout),  cmocka_unit_test(test_denormalize), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_arrays),  cmocka_unit_test(test_safetensors), cmocka_unit_test(test_zip),
        cmocka_unit_test(test_pickles), cmocka_unit_test(test_spool),       cmocka_unit_test(test_mutations),
    };
    if (argc != 2) return 2;
    folder = argv[1];
    load("reference.bin", reference);
    load("denormalized.bin", denormalized);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
