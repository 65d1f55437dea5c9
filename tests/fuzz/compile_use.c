#include "compile_use.h"

#include "fuzz.h"
#include "passes/conv_choice.h"
#include "passes/emit.h"
#include "passes/pass.h"

bool compile_use(struct ir_module **m, struct error *err) {
    struct plan plan;
    const struct pass_options options = {.verify_each = true};
    (*m)->choice = conv_choice_new(&(*m)->arena, &(struct conv_choice_options){0});
    if (!pass_run_all(m, &options, err) || !emit_plan_open(m, 1, NULL, &plan, err)) return false;
    plan_close(&plan);
    return true;
}
