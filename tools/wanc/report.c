// wanc report: what is in a plan, or in the plan that a model compiles to, in one of several formats.
#include "tools/report/report.h"

#include "base/cores.h"
#include "tools/wanc/wanc.h"

#include <stdio.h>
#include <string.h>

struct format {
    const char *name;
    unsigned allowed,
        otherwise; // sections: those that it can show, and those it shows where none is asked for
    bool one;      // exactly one of them
    bool (*write)(const struct report *r, unsigned sections, struct strbuf *out); // false: out of memory
};

static bool write_as_text(const struct report *r, unsigned sections, struct strbuf *out) {
    report_text(r, sections, out);
    return true;
}

static bool write_csv(const struct report *r, unsigned section, struct strbuf *out) {
    report_csv(r, section, out);
    return true;
}

static bool write_svg(const struct report *r, unsigned section, struct strbuf *out) {
    report_svg(r, section, out);
    return true;
}

static bool write_dot(const struct report *r, unsigned section, struct strbuf *out) {
    (void)section;
    report_dot(r, out);
    return true;
}

static bool write_trace(const struct report *r, unsigned section, struct strbuf *out) {
    (void)section;
    return report_trace(r, out);
}

static bool write_html(const struct report *r, unsigned section, struct strbuf *out) {
    (void)section;
    return report_html(r, out);
}

static const struct format formats[] = {
    {"text", REPORT_ALL, REPORT_ALL, false, write_as_text},
    {"json", REPORT_ALL, REPORT_ALL, false, report_json},
    {"csv", REPORT_ALL, 0, true, write_csv},
    {"html", REPORT_ALL, REPORT_ALL, false, write_html},
    {"svg", REPORT_MEMORY | REPORT_GRAPH, REPORT_MEMORY, true, write_svg},
    {"dot", REPORT_GRAPH, REPORT_GRAPH, true, write_dot},
    {"trace", REPORT_MEMORY, REPORT_MEMORY, true, write_trace},
};

static const struct format *find_format(const char *name) {
    const struct format *f = formats;
    while (name != NULL && strcmp(name, f->name) != 0) f++; // the option is one of these words
    return f;
}

static bool one_bit(unsigned set) { return set != 0 && (set & (set - 1)) == 0; }

static bool choose_sections(const struct format *f, unsigned asked, unsigned *sections, struct error *err) {
    *sections = asked ? asked : f->otherwise;
    if (*sections & ~f->allowed)
        return error_set(err, ERROR_USAGE, "report: the format %s does not show that section; it shows %s",
                         f->name,
                         f->allowed == REPORT_GRAPH    ? "--graph"
                         : f->allowed == REPORT_MEMORY ? "--memory"
                                                       : "--memory or --graph");
    return !f->one || one_bit(*sections) ||
           error_set(err, ERROR_USAGE, "report: the format %s shows one section: give one of %s", f->name,
                     f->allowed == REPORT_ALL ? "--shapes, --caches, --memory, --ops, --graph"
                                              : "--memory, --graph");
}

// A plan starts with its magic; anything else is taken for a model.
static bool is_plan(const char *path, bool *yes, struct error *err) {
    struct file_map map;
    if (!file_map_open(&map, path, 0, err)) return false;
    *yes = map.size >= sizeof PLAN_MAGIC - 1 && memcmp(map.data, PLAN_MAGIC, sizeof PLAN_MAGIC - 1) == 0;
    file_map_close(&map);
    return true;
}

// The first of the options that a plan has taken already.
static const char *compiling_option(const struct compile_options *o) {
    return o->size_count > 0           ? "latent-size"
           : o->choice.conv != NULL    ? "conv"
           : o->choice.max_error > 0   ? "max-error"
           : o->cache_dtype != IR_F32  ? "cache-type"
           : o->max_memory > 0         ? "max-memory"
           : o->bands != IR_BANDS_AUTO ? "bands"
           : o->first_as_is            ? "first"
                                       : NULL;
}

static bool compile_model(const struct wanc_options *o, struct plan *plan, struct error *err) {
    struct compile_options options = compile_options_of(o);
    struct compile_outcome outcome;
    if (!compile_to_plan(&options, plan, &outcome, err)) return false;
    if (!o->quiet) print_outcome(&options, &outcome);
    return true;
}

static bool open_plan(const struct wanc_options *o, struct plan *plan, struct error *err) {
    const struct compile_options options = compile_options_of(o);
    const char *option = compiling_option(&options);
    bool yes;
    if (!is_plan(o->files[0], &yes, err)) return false;
    if (!yes) return compile_model(o, plan, err);
    if (o->file_count > 1) return error_set(err, ERROR_USAGE, "report: a plan stands alone");
    if (option != NULL)
        return error_set(err, ERROR_USAGE, "report: --%s is for a model; %s is a plan, which has it inside",
                         option, o->files[0]);
    return plan_open(plan, o->files[0], err);
}

static bool write_report(const struct wanc_options *o, const struct plan *plan, const struct format *f,
                         unsigned sections, struct error *err) {
    struct report report;
    struct strbuf text = {0};
    bool ok = report_gather(&report, plan, o->compile.threads ? o->compile.threads : cores_available());
    if (ok) {
        ok = f->write(&report, sections, &text);
        report_free(&report);
    }
    if (!ok) error_set(err, ERROR_MEMORY, "%s: out of memory", o->files[0]);
    ok = ok && write_text(o, strbuf_text(&text), err);
    strbuf_free(&text);
    return ok;
}

bool wanc_report(const struct wanc_options *o, struct error *err) {
    struct plan plan;
    unsigned sections;
    const struct format *f = find_format(o->format);
    if (!choose_sections(f, o->sections, &sections, err) || !open_plan(o, &plan, err)) return false;
    bool ok = write_report(o, &plan, f, sections, err);
    plan_close(&plan);
    return ok;
}
