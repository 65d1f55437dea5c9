// Plan files whose sizes and checksums are right, so that the rest of the verification is what refuses them; those that it
// accepts are run.
#include "fuzz.h"
#include "plan_mutator.h"
#include "plan_use.h"

#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    enum { ALIGNMENT = 64 };
    void *room = NULL; // fields are written in place: a plan is aligned
    if (posix_memalign(&room, ALIGNMENT, max_size + ALIGNMENT) != 0) return size;
    memcpy(room, data, size);
    size_t n = plan_mutate(room, size, max_size, seed);
    if (n > 0) memcpy(data, room, n);
    free(room);
    return n > 0 ? n : LLVMFuzzerMutate(data, size, max_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    plan_use(data, size);
    return 0;
}
