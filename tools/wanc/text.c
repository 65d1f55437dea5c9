// wanc dump and passes: text out.
#include "plan/plan.h"
#include "tools/wanc/wanc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool write_text(const struct wanc_options *o, const char *text, struct error *err) {
    if (o->output == NULL || strcmp(o->output, "-") == 0) return fputs(text, stdout) >= 0;
    return file_save(o->output, text, strlen(text), err);
}

bool wanc_dump(const struct wanc_options *o, struct error *err) {
    struct plan plan;
    struct strbuf text = {0};
    if (!plan_open(&plan, o->files[0], err)) return false;
    plan_dump(&plan, &text);
    bool ok = write_text(o, strbuf_text(&text), err);
    strbuf_free(&text);
    plan_close(&plan);
    return ok;
}

bool wanc_passes(const struct wanc_options *o, struct error *err) {
    struct strbuf text = {0};
    for (int i = 0; i < pass_count; i++)
        strbuf_printf(&text, "%-20s %s\n", passes[i].name, passes[i].summary);
    bool ok = write_text(o, strbuf_text(&text), err);
    strbuf_free(&text);
    return ok;
}
