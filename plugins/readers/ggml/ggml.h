/* ggml.h - the parts of the reader of legacy GGML .bin files, shared among its files alone. */
#ifndef GGX_READER_GGML_H
#define GGX_READER_GGML_H

#include <ggx/reader.h>
#include <ggx_sdk/cursor.h>

/* One value of the header. */
typedef struct ggml_value {
    struct ggml_value *next;
    ggx_kv kv;
} ggml_value;

typedef struct ggml_header {
    ggml_value *first, *last;
} ggml_header;

/* header.c: reads the values that `fields` describes (docs/formats/ggml.md, "Reading") at the cursor, which ends behind them. The values'
 * keys point into `fields`. GGX_E_USAGE when `fields` cannot be understood, GGX_E_MALFORMED when the file does not hold them. */
ggx_status ggml_header_read(ggml_header *header, const ggx_host *host, ggx_str fields, ggx_cursor *c, ggx_error *error);

/* header.c: the integer that the field of that name holds. 0 when there is none. */
int ggml_header_integer(const ggml_header *header, ggx_str name, int64_t *out);

#endif
