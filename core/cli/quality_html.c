/* quality_html.c - the page of ggx quality. Names come from files, so every one is escaped. */
#include "cli/quality.h"

#include <math.h>

#define WIDTH 960
#define HEIGHT 240
#define LEFT 60
#define DECADES 7 /* of the logarithmic axis, downwards from 1 */

static void escaped(ggx_text *out, ggx_str text)
{
    for (uint64_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'' || (unsigned char)c < 32)
            ggx_text_format(out, "&#%d;", (unsigned char)c < 32 ? 63 : c);
        else
            ggx_text_bytes(out, &c, 1);
    }
}

/* Height of a value on the axis: 1 at the top, 10^-DECADES and all below at the bottom. */
static double height(double value)
{
    if (isnan(value)) return 0; /* as bad as can be */
    if (!(value > 0)) return HEIGHT;
    const double at = -log10(value) / DECADES * HEIGHT;
    return at < 0 ? 0 : at > HEIGHT ? HEIGHT : at;
}

static double relative(const ggx_difference *d)
{
    return d->relative;
}

static double turned(const ggx_difference *d)
{
    return 1 - d->cosine;
}

/* One bar for each tensor. */
static void plot(const ggx_quality *q, const char *title, double (*value)(const ggx_difference *), ggx_text *out)
{
    const double step = (double)(WIDTH - LEFT) / (double)q->count;
    ggx_text_format(out,
                    "<h2>%s</h2>\n<svg viewBox=\"0 -10 %d %d\" role=\"img\" aria-label=\"%s\">\n"
                    "<rect x=\"%d\" width=\"%d\" height=\"%d\" class=\"area\"/>\n",
                    title, WIDTH, HEIGHT + 20, title, LEFT, WIDTH - LEFT, HEIGHT);
    for (int i = 0; i <= DECADES; i++)
        ggx_text_format(out,
                        "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%d\" y=\"%.1f\">1e-%d</text>\n",
                        LEFT, WIDTH, (double)i * HEIGHT / DECADES, (double)i * HEIGHT / DECADES, LEFT - 8,
                        (double)i * HEIGHT / DECADES + 4, i);
    for (uint64_t i = 0; i < q->count; i++) {
        const double v = value(&q->rows[i].difference), top = height(v);
        ggx_text_format(out, "<rect class=\"bar\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"><title>",
                        LEFT + (double)i * step, top, step > 2 ? step - 1 : step, HEIGHT - top);
        escaped(out, q->rows[i].name);
        ggx_text_format(out, " (%s): %.4g</title></rect>\n", q->rows[i].type, v);
    }
    ggx_text_format(out, "</svg>\n");
}

static void table(const ggx_quality *q, ggx_text *out)
{
    ggx_text_format(out, "<table><tr><th>tensor<th>from<th>type<th>bits<th>RMSE<th>relative<th>max "
                         "error<th>cosine<th>not finite</tr>\n");
    for (uint64_t i = 0; i < q->count; i++) {
        const ggx_difference *d = &q->rows[i].difference;
        ggx_text_format(out, "<tr><td>");
        escaped(out, q->rows[i].name);
        ggx_text_format(out, "<td>%s<td>%s<td>%g<td>%.4g<td>%.4g<td>%.4g<td>%.6f<td>%llu</tr>\n", q->rows[i].from,
                        q->rows[i].type, d->bits, d->rmse, d->relative, d->largest, d->cosine,
                        (unsigned long long)d->odd);
    }
    ggx_text_format(out, "</table>\n");
}

void ggx_quality_html(const ggx_quality *quality, const char *first, const char *second, ggx_text *out)
{
    ggx_text_format(
        out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>ggx quality</title>\n<style>"
             "body{font:15px system-ui,sans-serif;margin:2em auto;max-width:1000px;padding:0 1em}"
             "svg{width:100%%;height:auto}svg text{font-size:11px;text-anchor:end;fill:#555}"
             "svg line{stroke:#ddd}.area{fill:#fafafa}.bar{fill:#36c}"
             "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
             "td,th{padding:2px 8px;text-align:right;border-bottom:1px solid #eee}"
             "td:first-child,th:first-child{text-align:left}</style></head><body>\n<h1>");
    escaped(out, ggx_str_of(second));
    ggx_text_format(out, "</h1>\n<p>compared with ");
    escaped(out, ggx_str_of(first));
    ggx_text_format(out, ": %llu tensors, %.3f bits per weight; %llu only in the first, %llu only in the second.</p>\n",
                    (unsigned long long)quality->count,
                    quality->elements ? quality->bits / (double)quality->elements : 0,
                    (unsigned long long)quality->only_first, (unsigned long long)quality->only_second);
    plot(quality, "RMSE relative to the weights", relative, out);
    plot(quality, "1 - cosine", turned, out);
    table(quality, out);
    ggx_text_format(out, "</body></html>\n");
}
