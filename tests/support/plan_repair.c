#include "tests/support/plan_repair.h"

#include "plan/plan.h"

#include <xxhash.h>

void plan_repair_checksums(unsigned char *data, size_t size) {
    enum { SECTIONS = PLAN_SECTION_KINDS - 1 };
    struct plan_header *h = (struct plan_header *)data;
    struct plan_section *s = (struct plan_section *)(h + 1);
    for (int i = 0; i < SECTIONS; i++) {
        bool is_inside = s[i].offset <= size && s[i].size <= size - s[i].offset;
        if (i + 1 == PLAN_SECTION_PACKED_DATA || !is_inside) continue; // its parts have their own
        s[i].checksum = XXH3_64bits(data + s[i].offset, s[i].size);
    }
    h->checksum = 0;
    h->checksum = XXH3_64bits(data, sizeof *h + SECTIONS * sizeof *s);
}
