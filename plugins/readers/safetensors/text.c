/* text.c - the JSON text of a header: had from the source, stepped through with offsets in the file, strings kept. */
#include "safetensors.h"

#include <ggx_sdk/error.h>

ggx_status st_text_load(st_reader *r, uint32_t member, uint64_t offset, uint64_t size, ggx_str *out, ggx_error *error)
{
    char *copy = r->host->alloc(r->host, size);
    out->data = copy;
    out->size = size;
    if (!copy)
        return ggx_fail_at(error, GGX_E_NOMEM, member, offset,
                           "a header of %llu bytes does not fit into this reader's memory", (unsigned long long)size);
    return size ? r->source->read_at(r->source, member, offset, copy, size, error) : GGX_OK;
}

ggx_status st_string_keep(st_reader *r, const ggx_json_token *token, ggx_str *out, ggx_error *error)
{
    *out = token->text;
    if (!token->escaped) return GGX_OK;
    char *copy = r->host->alloc(r->host, token->text.size);
    if (!copy) return ggx_fail(error, GGX_E_NOMEM, "no memory for a name of %llu bytes", (unsigned long long)out->size);
    out->size = ggx_json_unescape(token, copy);
    out->data = copy;
    return GGX_OK;
}

ggx_status st_json_next(ggx_json_parser *p, ggx_json_token *token, uint32_t member, uint64_t base, ggx_error *error)
{
    ggx_status status = ggx_json_next(p, token, error);
    if (status != GGX_OK && error) {
        error->member = member;
        error->offset += base;
    }
    return status;
}

ggx_status st_json_skip(ggx_json_parser *p, ggx_json_token *token, uint32_t member, uint64_t base, ggx_error *error)
{
    if (token->kind != GGX_JSON_OBJECT && token->kind != GGX_JSON_ARRAY) return GGX_OK;
    ggx_status status = GGX_OK;
    for (uint32_t depth = p->depth; status == GGX_OK && p->depth >= depth;)
        status = st_json_next(p, token, member, base, error);
    return status;
}
