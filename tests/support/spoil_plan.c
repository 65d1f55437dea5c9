// Makes a wrong plan of a right one, with checksums that are right, for tests that have to find out what is wrong.
//
//     spoil_plan IN OUT weight NAME INDEX FACTOR   one number of a constant is multiplied
//     spoil_plan IN OUT packed INDEX FACTOR        the numbers of packed weights are multiplied
//     spoil_plan IN OUT epsilon NAME VALUE         norm_epsilon of what operators of that name do, steady ones only
//
// Exit status: 0 yes, 2 there is no such thing.
#include "plan/plan.h"
#include "tests/support/plan_repair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

// The tables of a verified plan, in memory that may be written.
static bool spoil_weight(struct plan *p, const char *name, size_t index, float factor) {
    for (uint32_t i = 0; i < p->constant_count; i++) {
        const struct plan_constant *c = &p->constants[i];
        if (strcmp(plan_string(p, c->name), name) != 0 || index >= c->count) continue;
        ((float *)(p->weights + c->offset))[index] *= factor;
        return true;
    }
    return false;
}

static bool spoil_packed(struct plan *p, size_t index, float factor) {
    if (index >= p->packed_count) return false;
    struct plan_packed *w = (struct plan_packed *)&p->packed[index];
    float *numbers = (float *)(p->packed_data + w->offset);
    for (size_t i = 0; i < w->bytes / sizeof *numbers; i++) numbers[i] *= factor;
    w->checksum = XXH3_64bits(numbers, w->bytes);
    return true;
}

static bool spoil_epsilon(struct plan *p, const char *name, float value) {
    const struct plan_variant_info *v = &p->programs[0].variant[PLAN_STEADY];
    for (uint32_t i = v->first_op; i < v->first_op + v->op_count; i++) {
        struct plan_op *op = (struct plan_op *)&p->ops[i];
        if (strcmp(plan_string(p, op->name), name) != 0) continue;
        if (op->kind == PLAN_OP_NORM) return op->params.norm.epsilon = value, true;
        if (op->kind == PLAN_OP_CONV) return op->params.conv.norm_epsilon = value, true;
    }
    return false;
}

int main(int argc, char **argv) {
    struct error err = {0};
    struct file_map map;
    struct plan p;
    if (argc < 6 || !file_map_open(&map, argv[1], 0, &err))
        return fprintf(stderr, "spoil_plan: %s\n", err.message), 2;
    unsigned char *data = malloc(map.size);
    if (data == NULL) return 2;
    memcpy(data, map.data, map.size);
    bool ok = plan_check(&p, data, map.size, &err);
    if (ok && strcmp(argv[3], "weight") == 0)
        ok = spoil_weight(&p, argv[4], (size_t)atol(argv[5]), strtof(argv[6], NULL));
    else if (ok && strcmp(argv[3], "packed") == 0)
        ok = spoil_packed(&p, (size_t)atol(argv[4]), strtof(argv[5], NULL));
    else if (ok) ok = spoil_epsilon(&p, argv[4], strtof(argv[5], NULL));
    plan_repair_checksums(data, map.size);
    ok = ok && file_save(argv[2], data, map.size, &err);
    if (!ok) fprintf(stderr, "spoil_plan: %s: %s\n", argv[4], err.message);
    file_map_close(&map);
    free(data);
    return ok ? 0 : 2;
}
