/* vocabs.c - what recipes see of vocabulary plugins, of whole text files, and of the outputs on their way; digests of lists. */
#include "base/text.h"
#include "hash/hash.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>

#define CALL(name)                                                                                             \
    static ggx_status call_##name(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count, \
                                  ggx_value *out)
#define UNUSED_CALL ((void)eval, (void)node, (void)args, (void)count, (void)out)

/* One that was asked for. Its key/values live until the evaluation is closed. */
typedef struct ggx_vocabulary {
    ggx_str plugin;
    int absent; /* none of the plugin's files is there */
    ggx_checkpoint kvs;
    struct ggx_vocabulary *next;
} ggx_vocabulary;

void ggx_vocabularies_close(ggx_eval *eval)
{
    for (ggx_vocabulary *v = eval->vocabularies; v; v = v->next)
        if (!v->absent) ggx_checkpoint_close(&v->kvs);
    eval->vocabularies = NULL;
}

static ggx_status find_vocabulary(ggx_eval *eval, const ggx_node *node, ggx_str plugin, ggx_vocabulary **out)
{
    const ggx_recipe_env *env = eval->env;
    ggx_error inner = {0};
    for (*out = eval->vocabularies; *out; *out = (*out)->next)
        if (ggx_str_same((*out)->plugin, plugin)) return GGX_OK;
    ggx_vocabulary *v = ggx_arena_alloc(&eval->arena, sizeof *v);
    if (!v || !(v->plugin = ggx_arena_str(&eval->arena, plugin)).data || !env->checkpoint->registry)
        return GGX_NODE_FAIL(eval, node, "no memory for a vocabulary");
    ggx_status status = ggx_checkpoint_vocab(&v->kvs, env->checkpoint->registry, env->checkpoint->source, plugin,
                                             env->settings, env->setting_count, env->run, &v->absent, &inner);
    if (status != GGX_OK && !v->absent && inner.member != GGX_NO_MEMBER)
        return ggx_fail_at(eval->error, status, inner.member, inner.offset, "%s", inner.text);
    if (status != GGX_OK && !v->absent)
        return ggx_origin_fail(node->origin, node->offset, eval->error, status, "vocabulary %.*s: %s",
                               GGX_STR_ARGS(plugin), inner.text);
    v->next = eval->vocabularies;
    *out = eval->vocabularies = v;
    return GGX_OK;
}

/* What a plugin's key holds; null when it has no such key, or none of its files is there. */
CALL(vocab)
{
    UNUSED_CALL;
    ggx_vocabulary *v;
    for (int i = 0; i < 2; i++)
        if (args[i].kind != GGX_VALUE_STR)
            return GGX_NODE_FAIL(eval, node, "vocab() needs strings, not %s", ggx_value_kind(&args[i]));
    ggx_status status = find_vocabulary(eval, node, args[0].text, &v);
    if (status != GGX_OK || v->absent) return status;
    return ggx_kv_value(eval, node, ggx_checkpoint_kv(&v->kvs, args[1].text), out);
}

/* The bytes of a file beside the model; null when it is not there. */
CALL(text)
{
    UNUSED_CALL;
    ggx_str text;
    if (args->kind != GGX_VALUE_STR)
        return GGX_NODE_FAIL(eval, node, "text() needs a string, not %s", ggx_value_kind(args));
    ggx_status status = ggx_eval_file(eval, node, args->text, &text);
    if (status == GGX_OK && text.data) *out = ggx_value_text(text);
    return status;
}

/* SHA-256 of the strings of a list, each with a line's end behind it. */
CALL(digest)
{
    UNUSED_CALL;
    ggx_hash hash;
    uint8_t digest[GGX_HASH_MAX];
    char *text;
    if (args->kind != GGX_VALUE_LIST)
        return GGX_NODE_FAIL(eval, node, "digest() needs a list, not %s", ggx_value_kind(args));
    ggx_hash_begin(&hash, GGX_HASH_SHA256, 0);
    for (uint64_t i = 0; i < args->count; i++) {
        const ggx_value *item = &args->at.items[i];
        if (item->kind != GGX_VALUE_STR)
            return GGX_NODE_FAIL(eval, node, "digest() needs strings, not %s", ggx_value_kind(item));
        ggx_hash_update(&hash, item->text.data, item->text.size);
        ggx_hash_update(&hash, "\n", 1);
    }
    uint32_t size = ggx_hash_end(&hash, digest);
    ggx_status status = ggx_eval_bytes(eval, node, GGX_HASH_TEXT, &text);
    if (status == GGX_OK) status = ggx_eval_work(eval, node, args->count / 16);
    if (status != GGX_OK) return status;
    ggx_hash_text(digest, size, text);
    *out = ggx_value_text((ggx_str){text, 2ull * size});
    return GGX_OK;
}

/* SHA-256 of a string's bytes. */
CALL(sha256)
{
    UNUSED_CALL;
    uint8_t digest[GGX_HASH_MAX];
    char *text;
    ggx_hash hash;
    if (args->kind != GGX_VALUE_STR)
        return GGX_NODE_FAIL(eval, node, "sha256() needs a string, not %s", ggx_value_kind(args));
    ggx_hash_begin(&hash, GGX_HASH_SHA256, 0);
    ggx_hash_update(&hash, args->text.data, args->text.size);
    uint32_t size = ggx_hash_end(&hash, digest);
    ggx_status status = ggx_eval_bytes(eval, node, GGX_HASH_TEXT, &text);
    if (status == GGX_OK) status = ggx_eval_work(eval, node, args->text.size / 16);
    if (status != GGX_OK) return status;
    ggx_hash_text(digest, size, text);
    *out = ggx_value_text((ggx_str){text, 2ull * size});
    return GGX_OK;
}

/* How many elements the outputs have whose names match. */
CALL(elements)
{
    UNUSED_CALL;
    uint64_t sum = 0;
    if (args->kind != GGX_VALUE_STR)
        return GGX_NODE_FAIL(eval, node, "elements() needs a string, not %s", ggx_value_kind(args));
    if (!eval->made) return GGX_NODE_FAIL(eval, node, "elements() is for headers: the outputs are not known yet");
    ggx_status status = ggx_eval_work(eval, node, eval->made->tensor_count);
    for (uint64_t i = 0; i < eval->made->tensor_count && status == GGX_OK; i++) {
        const ggx_recipe_tensor *t = &eval->made->tensors[i];
        uint64_t n = 1;
        if (!ggx_str_glob(t->name, args->text)) continue;
        for (uint32_t axis = 0; axis < t->view.rank; axis++) n *= t->view.shape[axis]; /* a view's product is checked */
        if (n > INT64_MAX - sum) return GGX_NODE_FAIL(eval, node, "elements: more than an integer holds");
        sum += n;
    }
    *out = ggx_value_int((int64_t)sum);
    return status;
}

const ggx_function ggx_vocab_functions[] = {
    {"digest", 1, 1, call_digest},
    {"elements", 1, 1, call_elements},
    {"model_parts", 2, 2, ggx_call_model_parts},
    {"sha256", 1, 1, call_sha256},
    {"text", 1, 1, call_text},
    {"title", 1, 1, ggx_call_title},
    {"vocab", 2, 2, call_vocab},
    {NULL, 0, 0, NULL},
};
