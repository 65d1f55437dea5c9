#include "tools/wanrun/batch.h"

#include "tools/wanrun/complain.h"
#include "tools/wanrun/interrupt.h"
#include "wan/wan.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool decode_one(const struct arguments *a, struct decode_params *p, const struct batch_item *item,
                       struct error *err) {
    p->latents = item->latents;
    p->output = item->output;
    return a->is_benchmark ? decode_benchmark(p, &a->benchmark, err) : decode(p, err);
}

static bool decode_all(const struct arguments *a, struct decode_params *p, const struct batch *b,
                       struct error *err) {
    size_t failed = 0;
    for (size_t i = 0; i < b->count; i++) {
        struct error one = {0};
        if (decode_one(a, p, &b->items[i], &one)) continue;
        if (b->count == 1 || one.code == ERROR_CANCELLED) {
            *err = one;
            return false;
        }
        complain(&one);
        failed++;
    }
    return failed == 0 ||
           error_set(err, ERROR_INPUT, "%zu of %zu videos failed: see the lines above", failed, b->count);
}

static bool open_and_decode(const struct arguments *a, struct decode_params *p, const struct batch *b,
                            struct error *err) {
    p->opened = decode_open_plan(p->plan, err);
    bool ok = p->opened != NULL && decode_all(a, p, b, err);
    wan_plan_close(p->opened);
    return ok;
}

bool batch_run(const struct arguments *a, struct error *err) {
    struct decode_params p = a->decode;
    struct batch b;
    struct latents_statistics statistics = {0};
    if (!batch_names(&b, a, err)) return false;
    if (!a->is_benchmark) interrupt_install(!p.quiet && isatty(STDERR_FILENO));
    bool denormalizes = a->denormalize != NULL && strcmp(a->denormalize, "none") != 0;
    if (denormalizes) p.input.statistics = &statistics;
    bool ok = (!denormalizes || latents_statistics_read(&statistics, a->denormalize, err)) &&
              open_and_decode(a, &p, &b, err);
    latents_statistics_free(&statistics);
    batch_free(&b);
    return ok;
}
