// libwanc: compiles an ONNX decoder to a plan, which libwan (wan/wan.h) decodes with. What `wanc compile` does, for programs.
//
//     const struct wanc_model model = {.size = sizeof model, .path = "decoder.onnx"};
//     const struct wanc_latent_size sizes[] = {{30, 52}};
//     struct wanc_params params = {.size = sizeof params, .latent_sizes = sizes, .latent_size_count = 1};
//     struct wan_error error;
//     if (wanc_compile_to_file(&model, 1, &params, "plan.bin", &error) != WAN_OK) ...; // error.message
//
// One model, or two: the first and the steady step of a decoder. Which form a model has is found out (docs/forms.md).
// Structures, errors and their statuses are those of wan/wan.h; libwan itself is not needed to link.
//
// Threads: any number of compilations may run at the same time, each on a thread of its own. A compilation works on its
// caller's thread, and on a pool of its own where it packs or measures.
// Memory: what cannot be had, or is above a limit, ends a compilation with WAN_ERROR_MEMORY.
#ifndef WAN_WANC_H
#define WAN_WANC_H

#include "wan.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WANC_ABI_VERSION 1
WAN_API unsigned wanc_abi_version(void);
WAN_API const char *wanc_version(void);

struct wanc_model {
    size_t size; // sizeof(struct wanc_model)
    const char *
        path; // the ONNX file; of one in memory, its name in messages, in whose folder files of external data lie
    const void *data; // NULL: `path` is read. Else the file's bytes, which are needed until the call returns;
    size_t bytes;     // `path` may be NULL then, and external data is refused
};

struct wanc_latent_size {
    uint32_t height, width; // 1 to 4096
};

typedef enum wanc_conv { // how convolutions are computed (docs/choice.md)
    WANC_CONV_AUTO = 0,  // the fastest that keeps the error below max_error
    WANC_CONV_DIRECT,
    WANC_CONV_IM2COL,
    WANC_CONV_WINOGRAD2,
    WANC_CONV_WINOGRAD4
} wanc_conv;

typedef enum wanc_cache_type { WANC_CACHE_F32 = 0, WANC_CACHE_F16, WANC_CACHE_BF16 } wanc_cache_type;

typedef enum wanc_bands { // work on bands of large images:
    WANC_BANDS_AUTO = 0,  // where that costs no time
    WANC_BANDS_NONE,
    WANC_BANDS_LEAST // wherever it takes less memory
} wanc_bands;

typedef enum wanc_first {     // of a step alone, what its first step is
    WANC_FIRST_REFERENCE = 0, // it leaves out the temporal upsamplers
    WANC_FIRST_AS_IS          // the step itself on caches of zeros
} wanc_first;

// Fields that are 0 are as without the option of `wanc compile`.
struct wanc_params {
    size_t size; // sizeof(struct wanc_params)
    const struct wanc_latent_size
        *latent_sizes;        // one plan for all of them, none twice, at most WAN_MAX_SIZES; NULL:
    size_t latent_size_count; // the model's own
    wanc_conv conv;
    double max_error; // of a decode, of frames in [-1, 1]; 0: 3.5e-4
    wanc_cache_type cache_type;
    wanc_bands bands;
    wanc_first first;
    uint64_t max_memory; // bytes that a run may take at most; 0: no limit
    unsigned threads;    // of a run: for max_memory, bands and measured times; at most WAN_MAX_THREADS
    int prepack;         // not 0: the plan also holds the weights as XNNPACK packs them on this CPU
    double
        tune_seconds; // measure algorithms on this machine for about so long, at most 86400; 0: expect times by a model
    const char *timing_cache; // a file to take measured times from, and to keep new ones in; NULL: none
    wan_log *log;             // warnings, and what was recognised (WAN_LOG_INFO); NULL: nobody listens
    void *log_context;
    // A model that asks for more is refused (WAN_ERROR_MEMORY): bytes of memory, without mapped files, at most 2^48; nodes, and
    // as many tensors, at most 100,000,000. 0: 512 MiB, the unpacked model, and for each latent size 32 KiB a node and 4
    // times its files; 250,000.
    uint64_t limit_memory;
    unsigned limit_nodes;
};

// Writes the plan beside `path`, then renames it: after an error nothing is there. `params` NULL means all defaults.
WAN_API wan_status wanc_compile_to_file(const struct wanc_model *models, size_t model_count,
                                        const struct wanc_params *params, const char *path,
                                        struct wan_error *error);
// The plan in memory, fit for wan_plan_open_memory: *plan and *bytes, to be given back by wanc_plan_free. After an error they
// are NULL and 0.
WAN_API wan_status wanc_compile_to_memory(const struct wanc_model *models, size_t model_count,
                                          const struct wanc_params *params, void **plan, size_t *bytes,
                                          struct wan_error *error);
WAN_API void wanc_plan_free(void *plan, size_t bytes); // NULL is allowed

#ifdef __cplusplus
}
#endif
#endif
