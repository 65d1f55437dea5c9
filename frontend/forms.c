#include "frontend/forms.h"

#include "frontend/names.h"

static bool add_graph(struct ir_module *m, const struct onnx_model *model, const char *name,
                      const struct import_options *opt, struct error *err) {
    struct ir_graph *g;
    return import_graph(m, model, name, opt, &g, err);
}

// The same file twice, once for each value of its flag. Which is the first step's is found out by `choose_flag`.
static bool import_flagged(struct ir_module *m, const struct onnx_model *model,
                           const struct import_ports *ports, const struct import_options *opt,
                           struct error *err) {
    struct import_options with_flag = *opt;
    m->form = "flagged";
    m->flag = clean_copy(&m->arena, ports->flag);
    ir_note(m, "flagged: input '%.100s' chooses between the first and later steps", m->flag);
    if (ports->flag_counts)
        ir_note(m,
                "warning: '%.100s' is a whole number, of which only 0 and 1 are looked at: a third behaviour "
                "is lost",
                m->flag);
    for (int i = 0; i < 2; i++) {
        with_flag.flag = i;
        if (!add_graph(m, model, i ? "flag1" : "flag0", &with_flag, err)) return false;
    }
    return true;
}

static bool import_step(struct ir_module *m, const struct onnx_model *model, bool first_as_is,
                        const struct import_options *opt, struct error *err) {
    m->form = "step";
    return (!first_as_is || add_graph(m, model, "first", opt, err)) &&
           add_graph(m, model, "steady", opt, err);
}

static bool import_pair(struct ir_module *m, const struct onnx_model *const *models,
                        const struct import_options *opt, struct error *err) {
    m->form = "pair";
    return add_graph(m, models[0], "first", opt, err) && add_graph(m, models[1], "steady", opt, err);
}

bool import_decoder(struct ir_module *m, const struct onnx_model *const *models, int count, bool first_as_is,
                    const struct import_options *opt, struct error *err) {
    struct import_ports ports;
    struct import_options step = *opt; // takes one latent frame, even if it declares any number
    step.latent_frames = 1;
    if (count == 2) return import_pair(m, models, &step, err);
    if (!import_ports_of(models[0], &ports, err)) return false;
    if (ports.flag != NULL) return import_flagged(m, models[0], &ports, &step, err);
    if (ports.videos > 1) return import_step(m, models[0], first_as_is, &step, err);
    m->form = "full";
    return add_graph(m, models[0], "full", opt, err);
}
