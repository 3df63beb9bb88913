/* core/cli/quality.h - what ggx quality found, and its page. */
#ifndef GGX_CORE_CLI_QUALITY_H
#define GGX_CORE_CLI_QUALITY_H

#include "base/text.h"
#include "execute/compare.h"

typedef struct ggx_quality_row {
    ggx_str name;
    const char *from, *type; /* types in the first and in the second model */
    ggx_difference difference;
} ggx_quality_row;

typedef struct ggx_quality {
    ggx_quality_row *rows;
    uint64_t count, elements;
    uint64_t only_first, only_second; /* tensors without a partner */
    double bits;                      /* of all elements compared, in the second model */
} ggx_quality;

/* One HTML page that needs nothing else: two plots in SVG, and the table. */
void ggx_quality_html(const ggx_quality *quality, const char *first, const char *second, ggx_text *out);

#endif
