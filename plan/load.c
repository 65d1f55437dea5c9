// Opening a plan: maps the file, verifies all of it, and lets go of the pages that only the verification
// needed.
#define _GNU_SOURCE
#include "plan/plan.h"

#include <sys/mman.h>

bool plan_open(struct plan *plan, const char *path, struct error *err) {
    *plan = (struct plan){0};
    struct file_map map;
    if (!file_map_open(&map, path, PLAN_MAX_BYTES, err)) return false;
    if (!plan_check(plan, map.data, map.size, err)) {
        file_map_close(&map);
        *plan = (struct plan){0};
        return error_prefix(err, "%s", path);
    }
    plan->map = map;
    // The checksums read every weight; packing reads them again one by one. Until then they need no memory.
    madvise((void *)map.data, map.size, MADV_DONTNEED);
    return true;
}

void plan_close(struct plan *plan) {
    file_map_close(&plan->map);
    *plan = (struct plan){0};
}
