/* made.c - what mixtures can see of the tensors and key/values that a recipe made. */
#include "base/text.h"
#include "recipe/model.h"

static ggx_status check_call(ggx_eval *eval, const ggx_node *node, const ggx_value *args)
{
    if (!eval->made)
        return GGX_NODE_FAIL(eval, node, "%s() is for headers and mixtures: the outputs are not known yet",
                             node->function->name);
    if (args->kind == GGX_VALUE_STR) return GGX_OK;
    return GGX_NODE_FAIL(eval, node, "%s() needs a string, not %s", node->function->name, ggx_value_kind(args));
}

static ggx_status call_header(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count,
                              ggx_value *out)
{
    (void)count;
    ggx_status status = check_call(eval, node, args);
    for (uint64_t i = 0; status == GGX_OK && i < eval->made->kv_count; i++)
        if (ggx_str_same(eval->made->kvs[i].key, args->text)) return ggx_kv_value(eval, node, &eval->made->kvs[i], out);
    return status;
}

static ggx_status call_made(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count, ggx_value *out)
{
    (void)count;
    ggx_status status = check_call(eval, node, args);
    if (status == GGX_OK) status = ggx_eval_work(eval, node, eval->made->tensor_count / 16);
    int found = 0;
    for (uint64_t i = 0; status == GGX_OK && !found && i < eval->made->tensor_count; i++)
        found = ggx_str_same(eval->made->tensors[i].name, args->text);
    *out = ggx_value_bool(found);
    return status;
}

const ggx_function ggx_made_functions[] = {
    {"header", 1, 1, call_header},
    {"made", 1, 1, call_made},
    {NULL, 0, 0, NULL},
};
