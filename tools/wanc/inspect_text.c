// An inspection as lines for people.
#include "tools/wanc/inspect.h"

#include <stdio.h>
#include <string.h>

enum { LINE_WIDTH = 100, INDENT = 12 };

// "label       text", broken between words.
static void paragraph(struct strbuf *out, const char *label, const char *text) {
    strbuf_printf(out, "%-*s", INDENT, label);
    size_t column = INDENT;
    for (const char *word = text; *word != '\0';) {
        size_t n = strcspn(word, " ");
        if (column > INDENT && column + n > LINE_WIDTH) {
            strbuf_printf(out, "\n%*s", INDENT, "");
            column = INDENT;
        }
        bool space = column > INDENT;
        strbuf_printf(out, "%s%.*s", space ? " " : "", (int)n, word);
        column += n + space;
        word += n + strspn(word + n, " ");
    }
    strbuf_add(out, "\n");
}

static void print_form(const struct inspection *in, struct strbuf *out) {
    if (in->title != NULL) paragraph(out, "form", in->title);
    else
        strbuf_printf(out, "%-12s%s, by its inputs; not proven\n", "form", in->form ? in->form : "not known");
    if (in->proof != NULL) paragraph(out, "proof", in->proof);
}

static void print_axis(const struct inspected_axis *a, struct strbuf *out) {
    bool latents = strcmp(a->port, "latents") == 0;
    strbuf_printf(out, "%s%s ", a->axis, latents ? "" : " of caches");
    if (a->size > 0) strbuf_printf(out, "%lld", (long long)a->size);
    else strbuf_printf(out, "'%s'", a->name[0] ? a->name : "?");
}

static void print_axes(const struct inspection *in, struct strbuf *out) {
    for (int open = 1; open >= 0; open--) {
        struct strbuf list = {0};
        for (size_t i = 0; i < in->axis_count; i++) {
            if ((in->axes[i].size == 0) != open) continue;
            if (list.size > 0) strbuf_add(&list, ", ");
            print_axis(&in->axes[i], &list);
        }
        paragraph(out, open ? "open" : "fixed", list.size ? strbuf_text(&list) : "nothing");
        strbuf_free(&list);
    }
    if (in->latent_height == 0) return;
    const char *why = strcmp(in->size_from, "file") == 0     ? "as in the file"
                      : strcmp(in->size_from, "option") == 0 ? "as asked for"
                                                             : "an example, since the file leaves it open";
    strbuf_printf(out, "%-12slatents of %lldx%lld, %s\n", "inspected", (long long)in->latent_height,
                  (long long)in->latent_width, why);
}

static void print_stages(const struct inspection *in, struct strbuf *out) {
    char size[48];
    strbuf_printf(out, "%-12s%-12s%12s%12s%14s%8s\n", "stages", "size", "first step", "later step",
                  "convolutions", "caches");
    for (size_t i = 0; i < in->stage_count; i++) {
        const struct inspected_stage *s = &in->stages[i];
        snprintf(size, sizeof size, "%lldx%lld", (long long)s->height, (long long)s->width);
        strbuf_printf(out, "%-12s%-12s%12lld%12lld%14d%8d\n", "", size, (long long)s->first,
                      (long long)s->steady, s->convs, s->caches);
    }
}

static const char *plural(int64_t n) { return n == 1 ? "" : "s"; }

static void print_result(const struct inspection *in, struct strbuf *out) {
    if (in->result_frames == NULL) return;
    strbuf_printf(out, "%-12s%s; %lld frame%s in the first step", "result",
                  in->result_shape ? in->result_shape : "?", (long long)in->result_first,
                  plural(in->result_first));
    if (in->first_kept) strbuf_printf(out, " (the last %d kept)", in->first_kept);
    if (in->result_steady)
        strbuf_printf(out, ", %lld in a later one, %s of T latent frames", (long long)in->result_steady,
                      in->result_frames);
    strbuf_add(out, "\n");
}

static void print_cache(const struct inspected_cache *c, size_t slot, struct strbuf *out) {
    strbuf_printf(out, "  %-3zu %s in front of '%s'", slot, c->shape, c->conv);
    if (c->input != NULL)
        strbuf_printf(out, ", input '%s' -> output '%s'", c->input, c->output ? c->output : "?");
    if (c->first == NULL) strbuf_add(out, ", zero after the first step");
    else if (strcmp(c->first, c->conv) != 0) strbuf_printf(out, ", first filled by '%s'", c->first);
    strbuf_add(out, "\n");
}

static void print_caches(const struct inspection *in, struct strbuf *out) {
    strbuf_printf(out, "%-12s%zu\n", "caches", in->cache_count);
    for (size_t i = 0; i < in->cache_count; i++) print_cache(&in->caches[i], i, out);
}

static void print_lines(const char *label, const char **lines, size_t count, struct strbuf *out) {
    if (count == 0) strbuf_printf(out, "%-12snone\n", label);
    for (size_t i = 0; i < count; i++) paragraph(out, i ? "" : label, lines[i]);
}

static void print_refused(const struct inspection *in, struct strbuf *out) {
    if (in->refused.message == NULL) return;
    strbuf_printf(out, "%-12sby %s\n", "refused", in->refused.pass);
    if (in->refused.node != NULL) strbuf_printf(out, "%-12snode '%s'\n", "", in->refused.node);
    paragraph(out, "", in->refused.message);
}

void inspection_text(const struct inspection *in, struct strbuf *out) {
    for (int i = 0; i < in->file_count; i++) onnx_facts_print(&in->files[i], out);
    print_form(in, out);
    print_axes(in, out);
    if (in->streams) {
        print_stages(in, out);
        print_result(in, out);
        print_caches(in, out);
    }
    print_lines("notes", in->notes, in->note_count, out);
    print_lines("warnings", in->warnings, in->warning_count, out);
    print_refused(in, out);
}
