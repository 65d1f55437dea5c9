// A fuzz target without libFuzzer: runs the inputs that are given, then mutations of them, always the same ones.
//
//     fuzz_x [--mutations N] [--seconds S] FILE|FOLDER...
//
// Files of a folder, and of those in it, come in the order of their names. Mutations end after N of them, or S seconds. When the
// target ends the process, the input is left in `crash-fuzz_x`.
#define _GNU_SOURCE
#include "fuzz.h"

#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_INPUTS = 1 << 16, MAX_SIZE = 1 << 20, SECONDS_OF_ONE = 60, MUTATIONS_AT_ONCE = 4 };

__attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t *, size_t, size_t, unsigned);
__attribute__((weak)) void __sanitizer_set_death_callback(void (*)(void));

// ---- the input that is running, for what is left of a crash

static const uint8_t *running;
static size_t running_size;
static char crash_name[256];

static void leave_input(void) {
    static const char text[] = "replay: the input is left in ";
    int fd = open(crash_name, O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (fd < 0 || running == NULL) return;
    if (write(fd, running, running_size) == (ssize_t)running_size && write(2, text, sizeof text - 1) > 0 &&
        write(2, crash_name, strlen(crash_name)) > 0)
        (void)!write(2, "\n", 1);
    close(fd);
}

static void on_signal(int number) {
    leave_input();
    signal(number, SIG_DFL);
    raise(number);
}

static void watch(const char *program) {
    static const int numbers[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
    const char *slash = strrchr(program, '/');
    snprintf(crash_name, sizeof crash_name, "crash-%s", slash ? slash + 1 : program);
    if (__sanitizer_set_death_callback != NULL) __sanitizer_set_death_callback(leave_input);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i] == SIGABRT || numbers[i] == SIGALRM || __sanitizer_set_death_callback == NULL)
            signal(numbers[i], on_signal);
    }
}

static void run(const uint8_t *data, size_t size) {
    running = data;
    running_size = size;
    alarm(SECONDS_OF_ONE);
    LLVMFuzzerTestOneInput(data, size);
    alarm(0);
}

// ---- mutations

static uint64_t state = 88172645463325252u;

static uint32_t below(size_t n) { return n == 0 ? 0 : fuzz_random(&state) % (uint32_t)n; }

static size_t insert(uint8_t *data, size_t size, size_t room) {
    size_t n = 1 + below(8), at = below(size + 1);
    if (n > room - size) return size;
    memmove(data + at + n, data + at, size - at);
    for (size_t i = 0; i < n; i++)
        data[at + i] = (uint8_t)(size > 0 && n > 2 ? data[(at + n + i) % size] : fuzz_random(&state));
    return size + n;
}

static size_t drop(uint8_t *data, size_t size) {
    size_t at = below(size), n = 1 + below(below(4) ? 8 : size - at);
    if (n > size - at) n = size - at;
    memmove(data + at, data + at + n, size - at - n);
    return size - n;
}

static void overwrite(uint8_t *data, size_t size) {
    static const int64_t numbers[] = {0,     1,     -1,        127,       255,       256,
                                      65535, 65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    int64_t number = numbers[below(sizeof numbers / sizeof *numbers)];
    size_t n = (size_t)1 << below(4), at = below(size);
    memcpy(data + at, &number, n < size - at ? n : size - at);
}

static void copy_part(uint8_t *data, size_t size) {
    size_t n = 1 + below(size < 64 ? size : 64);
    memmove(data + below(size - n + 1), data + below(size - n + 1), n);
}

static void change_digit(uint8_t *data, size_t size) {
    size_t from = below(size);
    for (size_t i = 0; i < size; i++) {
        uint8_t *c = &data[(from + i) % size];
        if (*c < '0' || *c > '9') continue;
        *c = (uint8_t)('0' + below(10));
        return;
    }
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) {
    for (uint32_t i = 1 + below(MUTATIONS_AT_ONCE); i > 0; i--) {
        if (size == 0) return insert(data, size, max_size);
        switch (below(7)) {
        case 0: data[below(size)] ^= (uint8_t)(1u << below(8)); break;
        case 1: data[below(size)] = (uint8_t)fuzz_random(&state); break;
        case 2: size = insert(data, size, max_size); break;
        case 3: size = drop(data, size); break;
        case 4: overwrite(data, size); break;
        case 5: copy_part(data, size); break;
        default: change_digit(data, size);
        }
    }
    return size;
}

// ---- inputs

struct input {
    uint8_t *data;
    size_t size;
};
static struct input inputs[MAX_INPUTS];
static size_t input_count;

static void add_file(const char *path) {
    struct file_map map;
    struct error err = {0};
    FUZZ_EXPECT(input_count < MAX_INPUTS, "too many inputs");
    FUZZ_EXPECT(file_map_open(&map, path, MAX_SIZE, &err), "%s", err.message);
    inputs[input_count++] = (struct input){fuzz_copy(map.data, map.size, 1), map.size};
    file_map_close(&map);
}

static int visible(const struct dirent *e) { return e->d_name[0] != '.'; }

static void add(const char *path) {
    struct dirent **entries;
    if (!file_is_folder(path)) {
        add_file(path);
        return;
    }
    int count = scandir(path, &entries, visible, alphasort);
    for (int i = 0; i < count; i++) {
        char *inner;
        FUZZ_EXPECT(asprintf(&inner, "%s/%s", path, entries[i]->d_name) > 0, "no memory");
        add(inner);
        free(inner);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
}

// ---- the run

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void run_mutation(uint8_t *room, long number) {
    const struct input *from = &inputs[(size_t)number % input_count];
    memcpy(room, from->data, from->size);
    size_t size = LLVMFuzzerCustomMutator != NULL
                      ? LLVMFuzzerCustomMutator(room, from->size, MAX_SIZE, fuzz_random(&state))
                      : LLVMFuzzerMutate(room, from->size, MAX_SIZE);
    uint8_t *data = fuzz_copy(room, size, 1);
    run(data, size);
    free(data);
}

int main(int argc, char **argv) {
    long mutations = 0, done = 0;
    double most = 5;
    watch(argv[0]);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--mutations") == 0 && i + 1 < argc) mutations = atol(argv[++i]);
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) most = atof(argv[++i]);
        else add(argv[i]);
    }
    double begin = seconds();
    for (size_t i = 0; i < input_count; i++) run(inputs[i].data, inputs[i].size);
    uint8_t *room = malloc(MAX_SIZE);
    while (room != NULL && input_count > 0 && done < mutations && seconds() - begin < most)
        run_mutation(room, done++);
    printf("%zu inputs, %ld mutations, %.1f s\n", input_count, done, seconds() - begin);
    free(room);
    for (size_t i = 0; i < input_count; i++) free(inputs[i].data);
    return input_count == 0;
}
