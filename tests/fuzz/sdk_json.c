/* The JSON parser on any bytes: tokens lie inside the input, levels close as they open, what is accepted is accepted again. */
#include <ggx_sdk/json.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ggx_json_parser parser;
    ggx_json_token token;
    ggx_error error;
    int64_t depth = 0;
    uint64_t last = 0;
    char *out = malloc(size + 1);
    if (!out) return 0;
    ggx_json_init(&parser, (ggx_str){(const char *)data, size});
    for (;;) {
        ggx_status status = ggx_json_next(&parser, &token, &error);
        if (status != GGX_OK) {
            if (status != GGX_E_MALFORMED || error.offset > size || !error.text[0]) abort();
            break;
        }
        if (token.offset < last || token.offset > size || token.text.size > size - token.offset) abort();
        last = token.offset;
        depth += token.kind == GGX_JSON_OBJECT || token.kind == GGX_JSON_ARRAY;
        depth -= token.kind == GGX_JSON_OBJECT_END || token.kind == GGX_JSON_ARRAY_END;
        if (depth < 0 || depth > GGX_JSON_DEPTH) abort();
        if ((token.kind == GGX_JSON_KEY || token.kind == GGX_JSON_STRING) &&
            ggx_json_unescape(&token, out) > token.text.size)
            abort();
        if (token.kind == GGX_JSON_END) {
            if (depth) abort();
            break;
        }
    }
    free(out);
    return 0;
}
