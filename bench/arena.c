// Plans live ranges from files: how small, whether it is proven, in what time.
//
//     arena [--effort STEPS] [--least] FILE.csv...
//
// A file has a line of names and then lines `id,lower,upper,size`: alive from lower to upper, upper not included. A number
// between dots in its name is its capacity, as in `A.1048576.csv`, which are the instances published with MiniMalloc
// (github.com/google/minimalloc, benchmarks). A plan that fits it is enough, unless --least asks for the smallest. Every
// plan is checked by the definition, pair by pair. Ends with 1 if a plan is wrong.
#include "passes/arena_plan.h"
#include "tools/measure/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ITEMS = 1 << 20 };

struct instance {
    const char *name; // without folders
    struct arena_item *items;
    int count;
    uint64_t capacity; // 0: none is named
};

static bool read_item(const char *line, struct arena_item *item) {
    const char *comma = strchr(line, ',');
    int lower, upper;
    uint64_t size;
    if (comma == NULL || sscanf(comma + 1, "%d,%d,%" SCNu64, &lower, &upper, &size) != 3 || lower >= upper)
        return false;
    *item = (struct arena_item){.first = lower, .last = upper - 1, .bytes = size};
    return true;
}

static bool read_items(FILE *f, const char *file, struct instance *in) {
    char line[256];
    for (int number = 1; fgets(line, sizeof line, f) != NULL; number++) {
        if (number == 1) continue; // names
        if (in->count == MOST_ITEMS || !read_item(line, &in->items[in->count++]))
            return fprintf(stderr, "arena: %s:%d: expected id,lower,upper,size, found %s", file, number,
                           line),
                   false;
    }
    return true;
}

static bool read_instance(const char *file, struct instance *in) {
    FILE *f = fopen(file, "r");
    if (f == NULL) return fprintf(stderr, "arena: %s: cannot open\n", file), false;
    const char *slash = strrchr(file, '/');
    in->name = slash ? slash + 1 : file;
    const char *dot = strchr(in->name, '.');
    in->capacity = dot ? strtoull(dot + 1, NULL, 10) : 0;
    in->count = 0;
    bool ok = read_items(f, file, in);
    fclose(f);
    return ok;
}

// By the definition, and nothing else: no two that are alive together share a byte, and none ends above `size`.
static bool is_right(const struct instance *in, uint64_t size) {
    for (int i = 0; i < in->count; i++) {
        const struct arena_item *a = &in->items[i];
        if (a->offset + a->bytes > size) return false;
        for (int k = 0; k < i; k++) {
            const struct arena_item *b = &in->items[k];
            bool together = a->first <= b->last && b->first <= a->last;
            if (together && a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes)
                return false;
        }
    }
    return true;
}

static bool measure(struct instance *in, struct arena_limits limits) {
    struct arena_statistics statistics;
    if (limits.enough) limits.enough = in->capacity;
    double start = measure_now();
    uint64_t size = arena_plan_within(in->items, in->count, 1, limits, &statistics);
    double seconds = measure_now() - start;
    uint64_t bound = arena_lower_bound(in->items, in->count, 1);
    bool right = is_right(in, size);
    double over = bound ? 100.0 * (double)(size - bound) / (double)bound : 0;
    printf("%-16s %6d %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %7.2f %9.3f %9" PRIu64 " %-7s %s\n", in->name,
           in->count, bound, in->capacity, size, over, seconds, statistics.nodes,
           statistics.optimal ? "optimal" : "",
           !right                 ? "WRONG"
           : in->capacity == 0    ? ""
           : size <= in->capacity ? "fits"
                                  : "does not fit");
    return right;
}

int main(int argc, char **argv) {
    struct arena_limits limits = {.effort = 1000000000, .enough = 1};
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--least") == 0) limits.enough = 0;
        else if (strcmp(argv[i], "--effort") == 0 && i + 1 < argc)
            limits.effort = strtoull(argv[++i], NULL, 10);
        else return fprintf(stderr, "arena: unknown option '%s'\n", argv[i]), 2;
    }
    if (i >= argc) return fprintf(stderr, "usage: arena [--effort STEPS] [--least] FILE.csv...\n"), 2;
    struct instance in = {.items = calloc(MOST_ITEMS, sizeof *in.items)};
    if (in.items == NULL) return fprintf(stderr, "arena: out of memory\n"), 1;
    printf("%-16s %6s %12s %12s %12s %7s %9s %9s\n", "instance", "items", "bound", "capacity", "ours",
           "over %", "seconds", "nodes");
    bool ok = true;
    for (; i < argc; i++) {
        if (!read_instance(argv[i], &in)) return 1;
        ok &= measure(&in, limits);
    }
    free(in.items);
    return ok ? 0 : 1;
}
