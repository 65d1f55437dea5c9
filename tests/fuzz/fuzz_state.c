// States of sessions: read, and loaded into a session of a small plan, which then takes a step. The first byte says what is
// repaired of the state behind it, so that the checks behind the first one are met.
#include "fuzz.h"
#include "passes/emit.h"
#include "passes/pass.h"
#include "runtime/state.h"
#include "wan/wan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { REPAIR_PLAN = 1, REPAIR_CACHES = 2, REPAIR_HEADER = 4, IN_MEMORY = 8, LATENTS = 2 * 2 * 3 };

static const char decoder[] = "module \"full\" \"state.ir\"\n"
                              "const @w: f32[2,2,3,1,1] = [1,2,3,4,5,6,7,8,9,10,11,12]\n"
                              "graph @full(%x: f32[1,2,1|1,2,3]) {\n"
                              "  %p = pad %x {pads=[0,0,2,0,0,0,0,0,0,0]}\n"
                              "  %y = conv %p, @w {pads=[0,0,0,0,0,0], strides=[1,1,1]}\n"
                              "  return %y\n"
                              "}\n";

static struct plan made; // the bytes of `plan`
static struct wan_plan *plan;
static struct wan_session *session;

static void close_all(void) {
    wan_session_free(session);
    wan_plan_close(plan);
    plan_close(&made);
}

static void open_all(void) {
    struct error err = {0};
    struct wan_error error;
    const struct pass_options options = {0};
    const struct wan_session_params params = {.size = sizeof params, .threads = 1};
    if (session != NULL) return;
    struct ir_module *m = ir_parse(decoder, "decoder", NULL, &err);
    FUZZ_EXPECT(m != NULL && pass_run_all(&m, &options, &err) && emit_plan_open(&m, 1, NULL, &made, &err),
                "%s", err.message);
    ir_module_free(m);
    plan = wan_plan_open_memory(made.map.data, made.map.size, NULL, &error);
    session = plan == NULL ? NULL : wan_session_new(plan, &params, &error);
    FUZZ_EXPECT(session != NULL, "%s", error.message);
    atexit(close_all);
}

static void repair(uint8_t *state, size_t size, unsigned what) {
    struct rt_state_header h;
    if (size < sizeof h) return;
    memcpy(&h, state, sizeof h);
    if (what & REPAIR_PLAN) {
        h.plan = rt_state_plan(&made);
        h.latent_height = made.programs[0].latent_height;
        h.latent_width = made.programs[0].latent_width;
    }
    if (what & REPAIR_CACHES) h.caches = XXH3_64bits(state + sizeof h, size - sizeof h);
    if (what & REPAIR_HEADER) h.header = XXH3_64bits(&h, offsetof(struct rt_state_header, header));
    memcpy(state, &h, sizeof h);
}

struct part { // what is left of a state that comes in pieces
    const uint8_t *at;
    size_t left;
};

static int give(void *context, void *data, size_t bytes) {
    struct part *p = context;
    if (bytes > p->left) return 1;
    memcpy(data, p->at, bytes);
    p->at += bytes;
    p->left -= bytes;
    return 0;
}

static wan_status load(const uint8_t *state, size_t size, bool in_memory) {
    struct wan_error error;
    char path[FUZZ_PATH];
    struct part part = {state, size};
    struct wan_state facts = {.size = sizeof facts};
    if (in_memory) return wan_session_load_from(session, give, &part, &error);
    int fd = fuzz_file(state, size, path);
    wan_status status = wan_session_load(session, path, &error);
    FUZZ_EXPECT(status != WAN_OK || wan_state_read(path, &facts, &error) == WAN_OK, "%s", error.message);
    close(fd);
    return status;
}

// A state that is refused leaves the session as it was, one that is taken goes on from there.
static void go_on(wan_status status) {
    struct wan_error error;
    static const float latent[LATENTS] = {1, -1, 0.5f};
    FUZZ_EXPECT((status == WAN_OK) == (wan_session_steps(session) > 0), "%d steps",
                (int)wan_session_steps(session));
    wan_status sent = wan_session_send(session, latent, &error);
    FUZZ_EXPECT(status == WAN_OK || sent == WAN_OK, "%s", error.message);
    while (wan_session_receive(session) != NULL) continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    open_all();
    wan_session_reset(session);
    uint8_t *state = fuzz_copy(data + 1, size - 1, 8);
    repair(state, size - 1, data[0]);
    go_on(load(state, size - 1, data[0] & IN_MEMORY));
    free(state);
    return 0;
}
