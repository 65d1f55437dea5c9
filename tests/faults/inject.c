// Preloaded in front of the C library and XNNPACK: makes one call of a kind fail, in a program that does not know.
//
//     LD_PRELOAD=libinject.so INJECT=alloc:17 INJECT_REPORT=FILE program ..
//
// fails the 17th allocation that the program makes from the beginning of main on; "alloc:17+" that and all later ones. FILE gets
// "reached" if there was such a call. Kinds: alloc, open, read, write, map, rename, thread, xnn. A failed call sets errno as the
// kernel would (ENOMEM, EIO, ENOSPC, EMFILE) and does nothing. And cut: a file is mapped, and then cut off, to nothing.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum kind { NONE, ALLOC, OPEN, READ, WRITE, MAP, RENAME, THREAD, XNN, CUT, KINDS };
static const char *const names[KINDS] = {"none", "alloc",  "open",   "read", "write",
                                         "map",  "rename", "thread", "xnn",  "cut"};

static enum kind wanted;
static long number;
static bool sticky;
static atomic_long calls;
static atomic_bool active; // main runs
static atomic_bool reached;

static bool fails(enum kind kind) {
    if (kind != wanted || !active) return false;
    long n = ++calls;
    if (n != number && !(sticky && n > number)) return false;
    reached = true;
    return true;
}

#define REAL(name) ((__typeof__(&(name)))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

// ---- main, which begins and ends it

static void parse(const char *text) {
    for (int k = NONE + 1; text != NULL && k < KINDS; k++) {
        size_t n = strlen(names[k]);
        if (strncmp(text, names[k], n) != 0 || text[n] != ':') continue;
        wanted = (enum kind)k;
        number = strtol(text + n + 1, NULL, 10);
        sticky = text[strlen(text) - 1] == '+';
    }
}

static void report(void) {
    active = false;
    const char *path = getenv("INJECT_REPORT");
    int fd = path != NULL && reached ? REAL(open)(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd >= 0) REAL(close)(fd);
}

static int (*real_main)(int, char **, char **);
static int counted_main(int argc, char **argv, char **env) {
    parse(getenv("INJECT"));
    active = wanted != NONE;
    int status = real_main(argc, argv, env);
    report();
    return status;
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end) {
    real_main = main;
    return REAL(__libc_start_main)(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}

// Programs that end in the middle.
void exit(int status) {
    report();
    REAL(exit)(status);
    __builtin_unreachable();
}
void _exit(int status) {
    report();
    REAL(_exit)(status);
    __builtin_unreachable();
}

// ---- memory. dlsym itself allocates: the C library's names for its own functions need no look-up.

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static void *no_memory(void) {
    errno = ENOMEM;
    return NULL;
}
void *malloc(size_t size) { return fails(ALLOC) ? no_memory() : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails(ALLOC) ? no_memory() : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return fails(ALLOC) ? no_memory() : __libc_realloc(old, size); }
void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size) {
    return fails(ALLOC) ? no_memory() : __libc_memalign(alignment, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
    return fails(ALLOC) ? no_memory() : __libc_memalign(alignment, size);
}
int posix_memalign(void **out, size_t alignment, size_t size) {
    if (fails(ALLOC)) return ENOMEM;
    *out = __libc_memalign(alignment, size);
    return *out == NULL ? ENOMEM : 0;
}

// ---- files

#define FAIL(kind, code)                                                                                     \
    if (fails(kind)) {                                                                                       \
        errno = code;                                                                                        \
        return -1;                                                                                           \
    }

static mode_t mode_of(int flags, va_list args) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}
#define OPEN_FUNCTION(name)                                                                                  \
    int name(const char *path, int flags, ...) {                                                             \
        va_list args;                                                                                        \
        va_start(args, flags);                                                                               \
        mode_t mode = mode_of(flags, args);                                                                  \
        va_end(args);                                                                                        \
        FAIL(OPEN, EMFILE)                                                                                   \
        return REAL(name)(path, flags, mode);                                                                \
    }
OPEN_FUNCTION(open)
OPEN_FUNCTION(open64)

ssize_t read(int fd, void *data, size_t size) {
    FAIL(READ, EIO)
    return REAL(read)(fd, data, size);
}
ssize_t pread(int fd, void *data, size_t size, off_t at) {
    FAIL(READ, EIO)
    return REAL(pread)(fd, data, size, at);
}
ssize_t pread64(int fd, void *data, size_t size, off64_t at) {
    FAIL(READ, EIO)
    return REAL(pread64)(fd, data, size, at);
}
// Messages go out, or nobody could see them.
ssize_t write(int fd, const void *data, size_t size) {
    if (fd != STDERR_FILENO) FAIL(WRITE, ENOSPC)
    return REAL(write)(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    FAIL(WRITE, ENOSPC)
    return REAL(pwrite)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    FAIL(WRITE, ENOSPC)
    return REAL(pwrite64)(fd, data, size, at);
}
int fsync(int fd) {
    FAIL(WRITE, EIO)
    return REAL(fsync)(fd);
}
int ftruncate(int fd, off_t size) {
    FAIL(WRITE, ENOSPC)
    return REAL(ftruncate)(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    FAIL(WRITE, ENOSPC)
    return REAL(ftruncate64)(fd, size);
}
int rename(const char *from, const char *to) {
    FAIL(RENAME, EACCES)
    return REAL(rename)(from, to);
}
static void cut_off(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n > 0) path[n] = 0;
    if (n <= 0 || truncate(path, 0) != 0) abort();
}

// Programs map files to read them; the loader does so by calls of its own.
static void *map_file(void *mapped, int fd) {
    if (mapped != MAP_FAILED && fd >= 0 && fails(CUT)) cut_off(fd);
    return mapped;
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
    if (!fails(MAP)) return map_file(REAL(mmap)(at, size, protection, flags, fd, offset), fd);
    errno = ENOMEM;
    return MAP_FAILED;
}
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset) {
    if (!fails(MAP)) return map_file(REAL(mmap64)(at, size, protection, flags, fd, offset), fd);
    errno = ENOMEM;
    return MAP_FAILED;
}

// ---- threads

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context) {
    return fails(THREAD) ? EAGAIN : REAL(pthread_create)(thread, attributes, run, context);
}

// ---- XNNPACK: functions of any number of arguments, which are passed on as they lie in registers and on the stack

int inject_xnn(void);
int inject_xnn(void) { return fails(XNN); }
void *inject_real(const char *name);
void *inject_real(const char *name) { return real(name); }

// xnn_status_out_of_memory is 6.
#define XNN_FUNCTION(name)                                                                                   \
    __asm__(".text\n.globl " #name "\n.type " #name ",@function\n" #name ":\n"                               \
            "push %rbp\nmov %rsp,%rbp\n"                                                                     \
            "push %rdi\npush %rsi\npush %rdx\npush %rcx\npush %r8\npush %r9\n"                               \
            "sub $64,%rsp\n"                                                                                 \
            "movsd %xmm0,(%rsp)\nmovsd %xmm1,8(%rsp)\nmovsd %xmm2,16(%rsp)\nmovsd %xmm3,24(%rsp)\n"          \
            "call inject_xnn@PLT\nmov %eax,32(%rsp)\n"                                                       \
            "lea inject_name_" #name "(%rip),%rdi\ncall inject_real@PLT\nmov %rax,%r11\n"                    \
            "mov 32(%rsp),%eax\n"                                                                            \
            "movsd (%rsp),%xmm0\nmovsd 8(%rsp),%xmm1\nmovsd 16(%rsp),%xmm2\nmovsd 24(%rsp),%xmm3\n"          \
            "add $64,%rsp\n"                                                                                 \
            "pop %r9\npop %r8\npop %rcx\npop %rdx\npop %rsi\npop %rdi\npop %rbp\n"                           \
            "test %eax,%eax\njnz 1f\njmp *%r11\n1: mov $6,%eax\nret\n"                                       \
            ".section .rodata\ninject_name_" #name ": .string \"" #name "\"\n.text\n");
XNN_FUNCTION(xnn_initialize)
XNN_FUNCTION(xnn_create_convolution2d_nhwc_f32)
XNN_FUNCTION(xnn_create_fully_connected_nc_f32)
XNN_FUNCTION(xnn_create_softmax_nc_f32)
XNN_FUNCTION(xnn_reshape_convolution2d_nhwc_f32)
XNN_FUNCTION(xnn_reshape_fully_connected_nc_f32)
XNN_FUNCTION(xnn_reshape_softmax_nc_f32)
XNN_FUNCTION(xnn_setup_convolution2d_nhwc_f32)
XNN_FUNCTION(xnn_setup_fully_connected_nc_f32)
XNN_FUNCTION(xnn_setup_softmax_nc_f32)
XNN_FUNCTION(xnn_run_operator)
