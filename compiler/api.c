// The public interface of libwanc (wan/wanc.h).
#include "wan/wanc.h"

#include "base/versioned.h"
#include "compiler/compile.h"
#include "runtime/listener.h"

#include <math.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

enum { MAX_TUNE_SECONDS = 86400 };

const char *wanc_version(void) { return WAN_VERSION; }

unsigned wanc_abi_version(void) { return WANC_ABI_VERSION; }

// ---- what the caller wants

static bool take_models(struct compile_options *o, const struct wanc_model *models, size_t count,
                        struct error *err) {
    if (models == NULL || count < 1 || count > COMPILE_MAX_MODELS)
        return error_set(err, ERROR_USAGE, "models: expected one or two, found %zu",
                         models == NULL ? 0 : count);
    for (size_t i = 0; i < count; i++) {
        struct wanc_model m;
        const void *at =
            (const char *)models + i * models->size; // the caller's structure may be a longer one
        if (!versioned_take(&m, sizeof m, sizeof m, at, "wanc_model", err)) return false;
        if (m.path == NULL && m.data == NULL)
            return error_set(err, ERROR_USAGE, "model %zu: expected a path or bytes, found neither", i);
        o->sources[o->source_count++] = (struct compile_source){m.path, m.data, m.bytes};
    }
    return true;
}

static bool take_sizes(struct compile_options *o, const struct wanc_params *p, struct error *err) {
    if (p->latent_sizes == NULL && p->latent_size_count > 0)
        return error_set(err, ERROR_USAGE, "latent_sizes: expected %zu, found NULL", p->latent_size_count);
    for (size_t i = 0; i < p->latent_size_count; i++) {
        struct wanc_latent_size s = p->latent_sizes[i];
        if (!compile_add_size(o, (struct latent_size){s.height, s.width}, "latent_sizes", err)) return false;
    }
    return true;
}

static bool check_word(const char *name, unsigned value, unsigned last, struct error *err) {
    return value <= last || error_set(err, ERROR_USAGE, "%s: expected 0 to %u, found %u", name, last, value);
}

// Enumerations of the public header are numbers that the caller wrote.
static bool take_words(struct compile_options *o, const struct wanc_params *p, struct error *err) {
    static const char *const convs[] = {[WANC_CONV_AUTO] = NULL,
                                        [WANC_CONV_DIRECT] = "direct",
                                        [WANC_CONV_IM2COL] = "im2col",
                                        [WANC_CONV_WINOGRAD2] = "winograd2",
                                        [WANC_CONV_WINOGRAD4] = "winograd4"};
    static const enum ir_dtype types[] = {
        [WANC_CACHE_F32] = IR_F32, [WANC_CACHE_F16] = IR_F16, [WANC_CACHE_BF16] = IR_BF16};
    static const enum ir_bands bands[] = {[WANC_BANDS_AUTO] = IR_BANDS_AUTO,
                                          [WANC_BANDS_NONE] = IR_BANDS_NONE,
                                          [WANC_BANDS_LEAST] = IR_BANDS_LEAST};
    if (!check_word("conv", p->conv, WANC_CONV_WINOGRAD4, err) ||
        !check_word("cache_type", p->cache_type, WANC_CACHE_BF16, err) ||
        !check_word("bands", p->bands, WANC_BANDS_LEAST, err) ||
        !check_word("first", p->first, WANC_FIRST_AS_IS, err))
        return false;
    o->choice.conv = convs[p->conv];
    o->cache_dtype = types[p->cache_type];
    o->bands = bands[p->bands];
    o->first_as_is = p->first == WANC_FIRST_AS_IS;
    return true;
}

static bool take_numbers(struct compile_options *o, const struct wanc_params *p, struct error *err) {
    if (!(p->max_error >= 0) || !isfinite(p->max_error))
        return error_set(err, ERROR_USAGE, "max_error: expected a number of at least 0, found %g",
                         p->max_error);
    if (p->max_memory > PLAN_MAX_BYTES)
        return error_set(err, ERROR_USAGE, "max_memory: expected at most %llu bytes, found %llu",
                         (unsigned long long)PLAN_MAX_BYTES, (unsigned long long)p->max_memory);
    if (p->limit_memory > COMPILE_MAX_LIMIT)
        return error_set(err, ERROR_USAGE, "limit_memory: expected at most %llu bytes, found %llu",
                         (unsigned long long)COMPILE_MAX_LIMIT, (unsigned long long)p->limit_memory);
    if (p->limit_nodes > COMPILE_MAX_NODES)
        return error_set(err, ERROR_USAGE, "limit_nodes: expected at most %d, found %u", COMPILE_MAX_NODES,
                         p->limit_nodes);
    if (p->threads > WAN_MAX_THREADS)
        return error_set(err, ERROR_USAGE, "%u threads, expected at most %d", p->threads, WAN_MAX_THREADS);
    if (!(p->tune_seconds >= 0 && p->tune_seconds <= MAX_TUNE_SECONDS))
        return error_set(err, ERROR_USAGE, "tune_seconds: expected 0 to %d, found %g", MAX_TUNE_SECONDS,
                         p->tune_seconds);
    o->choice.max_error = p->max_error;
    o->max_memory = p->max_memory;
    o->threads = p->threads;
    o->prepack = p->prepack != 0;
    o->tune = p->tune_seconds > 0;
    o->tune_seconds = p->tune_seconds;
    o->timing_cache = p->timing_cache;
    o->limit_memory = p->limit_memory;
    o->limit_nodes = p->limit_nodes;
    return true;
}

// ---- what it hears

static void log_note(void *context, const char *line) {
    static const char mark[] = "warning: ";
    const struct api_listener *l = context;
    bool warning = strncmp(line, mark, sizeof mark - 1) == 0;
    l->log(l->context, warning ? WAN_LOG_WARNING : WAN_LOG_INFO, warning ? line + sizeof mark - 1 : line);
}

static bool take_params(struct compile_options *o, struct api_listener *l, const struct wanc_params *given,
                        struct error *err) {
    struct wanc_params p = {0};
    const size_t least = offsetof(struct wanc_params, limit_memory); // what follows is newer
    if (given != NULL && !versioned_take(&p, sizeof p, least, given, "wanc_params", err)) return false;
    *l = (struct api_listener){p.log, p.log_context};
    if (l->log != NULL) o->note = log_note, o->note_context = l;
    return take_sizes(o, &p, err) && take_words(o, &p, err) && take_numbers(o, &p, err);
}

// ---- compiling

wan_status wanc_compile_to_file(const struct wanc_model *models, size_t model_count,
                                const struct wanc_params *params, const char *path, struct wan_error *error) {
    struct error err = {0};
    struct compile_options o = {0};
    struct api_listener listener = {0};
    struct compile_outcome outcome;
    bool ok = take_params(&o, &listener, params, &err) && take_models(&o, models, model_count, &err) &&
              compile_to_file(&o, path, &outcome, &err);
    return ok ? WAN_OK : api_report(&listener, error, &err);
}

wan_status wanc_compile_to_memory(const struct wanc_model *models, size_t model_count,
                                  const struct wanc_params *params, void **plan, size_t *bytes,
                                  struct wan_error *error) {
    struct error err = {0};
    struct compile_options o = {0};
    struct api_listener listener = {0};
    struct compile_outcome outcome;
    struct plan opened = {0};
    bool ok = take_params(&o, &listener, params, &err) && take_models(&o, models, model_count, &err) &&
              compile_to_plan(&o, &opened, &outcome, &err);
    *plan = (void *)opened.map.data; // its pages are the caller's from here on
    *bytes = opened.map.size;
    return ok ? WAN_OK : api_report(&listener, error, &err);
}

void wanc_plan_free(void *plan, size_t bytes) {
    if (plan != NULL) munmap(plan, bytes);
}
