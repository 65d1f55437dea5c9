#include "backend/operators_page.h"

#include "base/strbuf.h"
#include "frontend/op_table.h"

#include <stdio.h>
#include <string.h>

static const char begin[] = "<!-- the table: written by run_node_tests --update -->\n";
static const char end[] = "<!-- end of the table -->\n";

static void read_page(const char *path, struct strbuf *out) {
    char block[4097];
    FILE *f = fopen(path, "r");
    for (size_t n; f != NULL && (n = fread(block, 1, sizeof block - 1, f)) > 0;) {
        block[n] = '\0';
        strbuf_add(out, block);
    }
    if (f != NULL) fclose(f);
}

static const struct operator_tally *find_tally(const struct operator_tally *list, size_t count,
                                               const char *name) {
    static const struct operator_tally none;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) return &list[i];
    }
    return &none;
}

static void print_versions(const struct op_row *row, struct strbuf *out) {
    int since = row->since > ONNX_MIN_OPSET ? row->since : ONNX_MIN_OPSET;
    if (row->until != 0) strbuf_printf(out, "%d to %d", since, row->until);
    else strbuf_printf(out, "%d on", since);
}

static void print_attributes(const struct op_row *row, struct strbuf *out) {
    const char *separator = "";
    for (const struct attr_row *a = row->attrs; a->name != NULL; a++) {
        strbuf_printf(out, "%s%s", separator, a->name);
        if (a->use == ATTR_ONLY && a->kind == ATTR_STRING) strbuf_printf(out, " (only %s)", a->text);
        else if (a->use == ATTR_ONLY) strbuf_printf(out, " (only %lld)", (long long)a->number);
        else if (a->use == ATTR_IGNORE) strbuf_add(out, " (ignored)");
        separator = ", ";
    }
}

static void print_table(const struct operator_tally *list, size_t count, struct strbuf *out) {
    strbuf_add(out, "| operator | versions | attributes | limits | tests | pass | on constants | refused |\n"
                    "|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < op_row_count; i++) {
        const struct op_row *row = &op_rows[i];
        const struct operator_tally *t = find_tally(list, count, row->type);
        strbuf_printf(out, "| `%s` | ", row->type);
        print_versions(row, out);
        strbuf_add(out, " | ");
        print_attributes(row, out);
        strbuf_printf(out, " | %s | %d | %d | %d | %d |\n", row->note ? row->note : "", t->tests, t->passed,
                      t->on_constants, t->refused);
    }
    const struct operator_tally *several = find_tally(list, count, "(several)");
    strbuf_printf(out, "| models of several operators | | | | %d | %d | %d | %d |\n", several->tests,
                  several->passed, several->on_constants, several->refused);
}

bool operators_page_check(const char *path, const struct operator_tally *tallies, size_t count, bool update) {
    struct strbuf page = {0}, wanted = {0}, table = {0};
    read_page(path, &page);
    const char *text = strbuf_text(&page), *from = strstr(text, begin), *to = strstr(text, end);
    bool ok = from != NULL && to != NULL && from < to;
    if (ok) {
        print_table(tallies, count, &table);
        strbuf_printf(&wanted, "%.*s%s%s", (int)(from - text + (long)strlen(begin)), text,
                      strbuf_text(&table), to);
    }
    if (ok && update) {
        FILE *f = fopen(path, "w");
        ok = f != NULL && fputs(strbuf_text(&wanted), f) >= 0;
        if (f != NULL) ok = fclose(f) == 0 && ok;
    } else if (ok) ok = strcmp(strbuf_text(&wanted), text) == 0;
    if (!ok) printf("not ok - the table of %s is not that of the import and of these tests\n", path);
    strbuf_free(&page);
    strbuf_free(&wanted);
    strbuf_free(&table);
    return ok;
}
