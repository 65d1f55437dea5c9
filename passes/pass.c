// The one wrapper that every pass runs through: skip, run, verify, print, time, and tag a failure with the
// pass.
#include "passes/pass.h"

#include "passes/conv_node.h"
#include "passes/pass_effect.h"

#include <string.h>
#include <time.h>

const struct pass passes[] = {
#define PASS(name, summary) {#name, summary, pass_##name},
#include "passes/passes.def"
#undef PASS
};
const int pass_count = sizeof passes / sizeof *passes;

static bool listed(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *p = list; p != NULL && *p != 0;) {
        size_t word = strcspn(p, ", ");
        if (word == n && strncmp(p, name, n) == 0) return true;
        p += word + (p[word] != 0);
    }
    return false;
}

static const struct pass *find(const char *name, size_t length) {
    for (int i = 0; i < pass_count; i++) {
        if (strlen(passes[i].name) == length && strncmp(passes[i].name, name, length) == 0) return &passes[i];
    }
    return NULL;
}

static bool check_names(const char *list, const char *option, struct error *err) {
    for (const char *p = list; p != NULL && *p != 0;) {
        size_t word = strcspn(p, ", ");
        bool all = word == 3 && strncmp(p, "all", 3) == 0;
        if (word > 0 && !all && find(p, word) == NULL) {
            return error_set(err, ERROR_USAGE, "%s: no pass is named '%.*s'; see `wanc passes`", option,
                             (int)word, p);
        }
        p += word + (p[word] != 0);
    }
    return true;
}

// The text must say everything: printed, parsed and printed again it is the same.
static bool round_trip(struct ir_module **m, struct error *err) {
    struct strbuf before = {0}, after = {0};
    ir_print(*m, &before);
    struct ir_module *parsed = ir_parse(strbuf_text(&before), "<print>", *m, err);
    bool ok = parsed != NULL;
    if (ok) {
        ir_print(parsed, &after);
        ok = strcmp(strbuf_text(&before), strbuf_text(&after)) == 0;
        if (!ok) error_set(err, ERROR_INTERNAL, "printing and parsing the IR changes it");
        ir_module_free(parsed);
    }
    strbuf_free(&before);
    strbuf_free(&after);
    return ok;
}

static bool verify(struct ir_module **m, const struct pass_options *o, struct error *err) {
    struct strbuf context = {0};
    bool ok = ir_verify(*m, &context, err) && round_trip(m, err);
    if (!ok && context.size > 0 && o->out != NULL) fputs(strbuf_text(&context), o->out);
    strbuf_free(&context);
    return ok;
}

static bool run(const struct pass *p, struct ir_module **m, const struct pass_options *o, struct error *err) {
    if (listed(o->skip, p->name)) return true;
    struct timespec from, to;
    bool progress = false;
    clock_gettime(CLOCK_MONOTONIC, &from);
    bool ok = p->run(*m, &progress, err);
    clock_gettime(CLOCK_MONOTONIC, &to);
    if (ok && o->verify_each) ok = verify(m, o, err);
    if (!ok) return error_prefix(err, "pass %s", p->name);
    pass_effect_record(*m, p->name, progress);
    if (o->timings && o->out) {
        double s = (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
        fprintf(o->out, "%-20s %8.3f s%s\n", p->name, s, progress ? "" : "  (no change)");
    }
    if (o->out && (listed(o->print_after, p->name) || listed(o->print_after, "all"))) {
        struct strbuf text = {0};
        ir_print(*m, &text);
        fprintf(o->out, "# after %s\n%s", p->name, strbuf_text(&text));
        strbuf_free(&text);
    }
    return true;
}

// Convolutions of frames in a module that comes from text: to the passes they are what an earlier pass has made.
static bool check_convs(const struct ir_module *m, struct error *err) {
    for (const struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) {
            bool conv = n->op == IR_FRAME_CONV || n->op == IR_STREAM_CONV;
            if (conv && ir_attr_find(n, IR_KEY_ALGORITHM) != NULL && !conv_node_check(n, err)) return false;
        }
    }
    return true;
}

static bool check_options(const struct pass_options *o, struct error *err) {
    return check_names(o->skip, "--skip", err) && check_names(o->print_after, "--print-after", err) &&
           check_names(o->stop_after, "--stop-after", err);
}

bool pass_run_all(struct ir_module **m, const struct pass_options *options, struct error *err) {
    if (!check_options(options, err) || !check_convs(*m, err)) return false;
    pass_effect_record(*m, "import", true);
    for (int i = 0; i < pass_count; i++) {
        if (!run(&passes[i], m, options, err)) return false;
        if (options->stop_after && strcmp(options->stop_after, passes[i].name) == 0) break;
    }
    return true;
}

bool pass_run_named(struct ir_module **m, const char *names, const struct pass_options *options,
                    struct error *err) {
    if (!check_options(options, err) || !check_names(names, "--passes", err) || !check_convs(*m, err))
        return false;
    for (const char *p = names; *p != 0;) {
        size_t word = strcspn(p, ", ");
        if (word > 0 && !run(find(p, word), m, options, err)) return false;
        p += word + (p[word] != 0);
    }
    return true;
}
