/* Any bytes as YAML: what comes out is a tree within the bounds, what is refused says why. */
#include "base/text.h"
#include "base/yaml.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nodes of the tree; aborts where it is deeper or larger than promised. */
static uint64_t walk(const ggx_json *node, uint32_t depth)
{
    uint64_t nodes = 1;
    uint32_t members = 0;
    if (depth > GGX_YAML_DEPTH || node->kind < GGX_JSON_OBJECT || node->kind > GGX_JSON_NULL) abort();
    for (const ggx_json *at = node->first; at; at = at->next, members++) nodes += walk(at, depth + 1);
    if (members != node->count || nodes > GGX_YAML_NODES) abort();
    if (node->kind == GGX_JSON_STRING && (!node->text.data || node->text.data[node->text.size])) abort();
    return nodes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ggx_arena arena;
    ggx_error error = {0};
    ggx_json *root;
    ggx_arena_init(&arena, 256u << 20);
    ggx_status status = ggx_yaml_parse(&arena, (ggx_str){(const char *)data, size}, "card", 2, &root, &error);
    if (status == GGX_OK ? root && !walk(root, 0) : !error.text[0]) abort();
    ggx_arena_free(&arena);
    return 0;
}
