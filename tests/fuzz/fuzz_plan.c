// Plan files: opened by the verifier. A wrong byte is mostly found by a checksum here; fuzz_plan_repaired.c goes behind those.
#include "fuzz.h"
#include "plan_use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    plan_use(data, size);
    return 0;
}
