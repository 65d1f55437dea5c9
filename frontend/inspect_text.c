// The facts of a file, as lines for people.
#include "frontend/inspect.h"

enum { LINE_WIDTH = 100, SHOWN_AXES = 12 };

// "[1,16,T,height,width]", with a question mark for an open dimension that has no name.
static void print_dims(const struct onnx_port *p, struct strbuf *out) {
    strbuf_add(out, "[");
    for (int i = 0; i < p->rank && i < SHOWN_AXES; i++) {
        if (i > 0) strbuf_add(out, ",");
        if (p->dims[i].size > 0) strbuf_printf(out, "%lld", (long long)p->dims[i].size);
        else strbuf_printf(out, "%.60s", p->dims[i].name[0] ? p->dims[i].name : "?");
    }
    strbuf_add(out, p->rank > SHOWN_AXES ? ",...]" : "]");
}

static void print_ports(const char *title, size_t count, const struct onnx_port *ports, struct strbuf *out) {
    for (size_t i = 0; i < count; i++) {
        const struct onnx_port *p = &ports[i];
        strbuf_printf(out, "%-12s%.100s: %s", i ? "" : title, p->name, p->type ? p->type : "not a tensor");
        if (p->rank >= 0) print_dims(p, out);
        else if (p->type != NULL) strbuf_add(out, " of unknown shape");
        strbuf_add(out, "\n");
    }
}

static void print_operators(const struct onnx_facts *f, struct strbuf *out) {
    strbuf_printf(out, "%-12s%zu:", "operators", f->node_count);
    size_t line_start = out->size;
    for (size_t i = 0; i < f->operator_count; i++) {
        if (out->size - line_start > LINE_WIDTH - 24) {
            strbuf_printf(out, "\n%-12s", "");
            line_start = out->size;
        }
        strbuf_printf(out, " %.60s %llu%s", f->operators[i].name, (unsigned long long)f->operators[i].count,
                      i + 1 < f->operator_count ? "," : "");
    }
    strbuf_add(out, "\n");
}

static void print_weights(const struct onnx_facts *f, struct strbuf *out) {
    char text[32];
    strbuf_printf(out, "%-12s%zu tensors, %s", "weights", f->weight_count,
                  format_bytes(text, f->weight_bytes));
    for (size_t i = 0; i < f->weight_types; i++)
        strbuf_printf(out, "%s%s %s", i ? ", " : ": ", f->weights[i].name,
                      format_bytes(text, f->weights[i].count));
    strbuf_add(out, "\n");
    for (size_t i = 0; i < f->external_count; i++)
        strbuf_printf(out, "%-12sin %.200s, %s\n", "", f->external[i].name,
                      format_bytes(text, f->external[i].count));
}

static void print_unsupported(const struct onnx_facts *f, struct strbuf *out) {
    if (f->missing_count == 0) strbuf_printf(out, "%-12snone\n", "unsupported");
    else
        strbuf_printf(out, "%-12s%zu operator%s\n", "unsupported", f->missing_count,
                      f->missing_count == 1 ? "" : "s");
    for (const struct onnx_missing *m = f->missing; m != NULL; m = m->next) {
        strbuf_add(out, "  ");
        unsupported_print(m, out);
        strbuf_add(out, "\n");
    }
}

void onnx_facts_print(const struct onnx_facts *f, struct strbuf *out) {
    strbuf_printf(out, "%-12s%s\n", "model", f->path);
    strbuf_printf(out, "%-12s%.60s %.60s\n", "producer", f->producer, f->producer_version);
    strbuf_printf(out, "%-12sIR version %lld, opset %lld\n", "format", (long long)f->ir_version,
                  (long long)f->opset);
    print_ports("inputs", f->input_count, f->inputs, out);
    print_ports("outputs", f->output_count, f->outputs, out);
    print_operators(f, out);
    print_weights(f, out);
    print_unsupported(f, out);
}
