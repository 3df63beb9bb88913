/* Reading and writing lists of digests. */
#include "hash/manifest.h"

#include "base/json.h"
#include "hash/hash.h"
#include <ggx_sdk/error.h>

static ggx_status parse_file(const ggx_json *entry, const char *name, ggx_manifest_file *out, ggx_error *error)
{
    const ggx_json *file = ggx_json_get(entry, "name"), *bytes = ggx_json_get(entry, "bytes"),
                   *digest = ggx_json_get(entry, "sha256");
    if (!file || file->kind != GGX_JSON_STRING || !bytes || bytes->kind != GGX_JSON_INT || bytes->integer < 0 ||
        !digest || digest->kind != GGX_JSON_STRING || !ggx_hash_parse(digest->text, out->digest, 32))
        return ggx_fail(error, GGX_E_MALFORMED, "%.100s:%u: a file has a name, bytes and a sha256 of 64 digits", name,
                        entry->line);
    out->name = file->text;
    out->bytes = (uint64_t)bytes->integer;
    return GGX_OK;
}

static ggx_status parse_files(ggx_arena *arena, const ggx_json *root, const char *key, const char *name,
                              ggx_manifest_file **out, uint64_t *count, ggx_error *error)
{
    const ggx_json *list = ggx_json_get(root, key);
    *count = 0;
    if (!list || list->kind != GGX_JSON_ARRAY)
        return ggx_fail(error, GGX_E_MALFORMED, "%.100s: a manifest has a list of %s", name, key);
    *out = ggx_arena_array(arena, list->count ? list->count : 1, sizeof **out);
    if (!*out) return ggx_fail(error, GGX_E_NOMEM, "no memory for a manifest");
    for (const ggx_json *entry = list->first; entry; entry = entry->next) {
        ggx_status status = parse_file(entry, name, &(*out)[(*count)++], error);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

static ggx_status parse_json(ggx_arena *arena, ggx_str text, const char *name, ggx_manifest *out, ggx_error *error)
{
    ggx_json *root;
    ggx_status status = ggx_json_parse(arena, text, name, &root, error);
    if (status != GGX_OK) return status;
    const ggx_json *version = ggx_json_get(root, "ggx_manifest");
    if (!version || version->kind != GGX_JSON_INT || version->integer != 1)
        return ggx_fail(error, GGX_E_MALFORMED, "%.150s is not a manifest of ggx: it has no \"ggx_manifest\": 1", name);
    status = parse_files(arena, root, "inputs", name, &out->inputs, &out->input_count, error);
    if (status == GGX_OK) status = parse_files(arena, root, "outputs", name, &out->outputs, &out->output_count, error);
    return status;
}

/* "HEX  NAME" or "HEX *NAME", a line each. */
static ggx_status parse_list(ggx_arena *arena, ggx_str text, const char *name, ggx_manifest *out, ggx_error *error)
{
    uint64_t lines = 1, line = 0;
    for (uint64_t i = 0; i < text.size; i++) lines += text.data[i] == '\n';
    out->list = 1;
    out->inputs = ggx_arena_array(arena, lines, sizeof *out->inputs);
    if (!out->inputs) return ggx_fail(error, GGX_E_NOMEM, "no memory for a manifest");
    for (uint64_t at = 0; at < text.size; at++) {
        const uint64_t begin = at;
        ggx_manifest_file *file = &out->inputs[out->input_count];
        while (at < text.size && text.data[at] != '\n') at++;
        uint64_t end = at > begin && text.data[at - 1] == '\r' ? at - 1 : at;
        line++;
        if (end == begin) continue;
        ggx_str digest = {text.data + begin, end - begin < 64 ? end - begin : 64};
        if (end - begin < 67 || text.data[begin + 64] != ' ' ||
            (text.data[begin + 65] != ' ' && text.data[begin + 65] != '*') || !ggx_hash_parse(digest, file->digest, 32))
            return ggx_fail(error, GGX_E_MALFORMED,
                            "%.100s:%llu: neither a manifest of ggx nor a list of sha256sum ('DIGEST  NAME')", name,
                            (unsigned long long)line);
        file->name = ggx_arena_str(arena, (ggx_str){text.data + begin + 66, end - begin - 66});
        file->bytes = UINT64_MAX;
        if (!file->name.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for a manifest");
        out->input_count++;
    }
    return GGX_OK;
}

ggx_status ggx_manifest_parse(ggx_arena *arena, ggx_str text, const char *name, ggx_manifest *out, ggx_error *error)
{
    uint64_t at = 0;
    memset(out, 0, sizeof *out);
    while (at < text.size && strchr(" \t\r\n", text.data[at]) && text.data[at]) at++;
    if (at == text.size) return ggx_fail(error, GGX_E_MALFORMED, "%.150s is empty", name);
    return text.data[at] == '{' ? parse_json(arena, text, name, out, error) : parse_list(arena, text, name, out, error);
}

const ggx_manifest_file *ggx_manifest_find(const ggx_manifest_file *files, uint64_t count, ggx_str name)
{
    for (uint64_t i = 0; i < count; i++)
        if (ggx_str_same(files[i].name, name)) return &files[i];
    return NULL;
}

ggx_status ggx_manifest_compare(const ggx_manifest_file *known, uint64_t bytes, const uint8_t digest[32],
                                ggx_error *error)
{
    char mine[GGX_HASH_TEXT], theirs[GGX_HASH_TEXT];
    if (known->bytes != UINT64_MAX && known->bytes != bytes)
        return ggx_fail(error, GGX_E_INTEGRITY, "%.*s has %llu bytes and the manifest says %llu: it is another file",
                        GGX_STR_ARGS(known->name), (unsigned long long)bytes, (unsigned long long)known->bytes);
    if (!memcmp(known->digest, digest, 32)) return GGX_OK;
    ggx_hash_text(digest, 32, mine);
    ggx_hash_text(known->digest, 32, theirs);
    return ggx_fail(error, GGX_E_INTEGRITY, "%.*s is not the file of the manifest: its sha256 is %.16s…, not %.16s…",
                    GGX_STR_ARGS(known->name), mine, theirs);
}

void ggx_manifest_json(const ggx_manifest_file *files, uint64_t count, ggx_text *out)
{
    char text[GGX_HASH_TEXT];
    ggx_text_format(out, "[");
    for (uint64_t i = 0; i < count; i++) {
        ggx_hash_text(files[i].digest, 32, text);
        ggx_text_format(out, "%s\n  {\"name\": ", i ? "," : "");
        ggx_text_json(out, files[i].name);
        ggx_text_format(out, ", \"bytes\": %llu, \"sha256\": \"%s\"}", (unsigned long long)files[i].bytes, text);
    }
    ggx_text_format(out, "]");
}
