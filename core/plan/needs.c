/* The keys are those of the output's header below its architecture's own name, so no architecture is known here. */
#include "plan/needs.h"

#include "base/text.h"
#include <ggx_sdk/checked.h>
#include <stdio.h>

#define CACHE_BYTES 2u /* of one element */
#define LAYERS_MAX 65536u
#define BATCH 512u       /* positions that programs work on at once */
#define CACHE_STEP 256u  /* they round the context up to a multiple of that */
#define COMPUTE_BYTES 4u /* of one number of theirs */
#define WIDTHS_HELD 4u   /* of a position's vector, so many copies at a time */

static const ggx_kv *find(const ggx_plan *plan, const char *key)
{
    for (uint64_t i = 0; i < plan->kv_count; i++)
        if (ggx_str_same(plan->kvs[i].key, ggx_str_of(key))) return &plan->kvs[i];
    return NULL;
}

static const ggx_kv *find_own(const ggx_plan *plan, const char *key)
{
    char name[256];
    const ggx_kv *kv = find(plan, "general.architecture");
    if (!kv || kv->type != GGX_KV_STRING) return NULL;
    const ggx_str own = *(const ggx_str *)kv->data;
    if (own.size > 100) return NULL;
    snprintf(name, sizeof name, "%.*s.%s", (int)own.size, own.data, key);
    return find(plan, name);
}

/* Element `i` of a list, or the one value for all; 0 unless it is a whole number that is not negative. */
static int element_of(const ggx_kv *kv, uint64_t i, uint64_t *out)
{
    int64_t value = -1;
    if (!kv || !kv->count) return 0;
    if (kv->type != GGX_KV_ARRAY) i = 0;
    if (i >= kv->count) return 0;
    switch (kv->elem_type) {
    case GGX_KV_U32: value = ((const uint32_t *)kv->data)[i]; break;
    case GGX_KV_I32: value = ((const int32_t *)kv->data)[i]; break;
    case GGX_KV_I64: value = ((const int64_t *)kv->data)[i]; break;
    case GGX_KV_U16: value = ((const uint16_t *)kv->data)[i]; break;
    case GGX_KV_BOOL:
    case GGX_KV_U8: value = ((const uint8_t *)kv->data)[i]; break;
    case GGX_KV_U64:
        if (((const uint64_t *)kv->data)[i] <= INT64_MAX) value = (int64_t)((const uint64_t *)kv->data)[i];
        break;
    default: break;
    }
    *out = (uint64_t)value;
    return value >= 0;
}

static int number_of(const ggx_plan *plan, const char *key, uint64_t layer, uint64_t *out)
{
    return element_of(find_own(plan, key), layer, out);
}

/* Elements that one position takes in one layer. */
static int width_of(const ggx_plan *plan, uint64_t layer, uint64_t *out)
{
    uint64_t heads, pairs, width, key, value, both;
    if (!number_of(plan, "attention.head_count", layer, &heads)) return 0;
    if (!number_of(plan, "attention.head_count_kv", layer, &pairs)) pairs = heads;
    *out = 0;
    if (!pairs) return 1; /* a layer without attention */
    if (!number_of(plan, "attention.key_length", layer, &key)) {
        if (!heads || !number_of(plan, "embedding_length", layer, &width)) return 0;
        key = width / heads;
    }
    if (!number_of(plan, "attention.value_length", layer, &value)) value = key;
    return ggx_add_u64(key, value, &both) && ggx_mul_u64(both, pairs, out);
}

static int cache_of(const ggx_plan *plan, uint64_t layers, uint64_t context, uint64_t *out)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < layers; i++) {
        uint64_t width;
        if (!width_of(plan, i, &width) || !ggx_add_u64(sum, width, &sum)) return 0;
    }
    return ggx_mul_u64(sum, context, out) && ggx_mul_u64(*out, CACHE_BYTES, out);
}

/* Tokens of the vocabulary, whatever its kind. */
static uint64_t tokens_of(const ggx_plan *plan)
{
    uint64_t count = 0;
    if (number_of(plan, "vocab_size", 0, &count)) return count;
    for (uint64_t i = 0; i < plan->kv_count; i++) {
        const ggx_kv *kv = &plan->kvs[i];
        if (kv->type == GGX_KV_ARRAY && ggx_str_glob(kv->key, GGX_LIT("tokenizer.*.tokens"))) count = kv->count;
    }
    return count;
}

/* The widest thing that is there for every position of a batch (scores and mask of the attention, the feed-forward, the output's scores),
 * and a few copies of its vector. */
static uint64_t compute_of(const ggx_plan *plan, uint64_t context)
{
    const uint64_t batch = context < BATCH ? context : BATCH;
    const uint64_t held = context / CACHE_STEP * CACHE_STEP + (context % CACHE_STEP ? CACHE_STEP : 0);
    uint64_t heads = 0, inner = 0, width = 0, widest = tokens_of(plan), bytes;
    (void)number_of(plan, "attention.head_count", 0, &heads);
    (void)number_of(plan, "feed_forward_length", 0, &inner);
    if (!number_of(plan, "embedding_length", 0, &width)) return 0;
    if (ggx_mul_u64(heads + 1, held, &heads) && heads > widest) widest = heads;
    if (ggx_mul_u64(inner, 2, &inner) && inner > widest) widest = inner;
    if (!ggx_mul_u64(width, WIDTHS_HELD, &width) || !ggx_add_u64(widest, width, &widest)) return 0;
    return ggx_mul_u64(widest, batch, &bytes) && ggx_mul_u64(bytes, COMPUTE_BYTES, &bytes) ? bytes : 0;
}

void ggx_plan_needs(const ggx_plan *plan, uint64_t context, ggx_needs *out)
{
    uint64_t most, causal;
    memset(out, 0, sizeof *out);
    out->context = context;
    for (uint64_t i = 0; i < plan->tensor_count; i++) out->weights += plan->tensors[i].nbytes;
    if (!number_of(plan, "block_count", 0, &out->layers) || out->layers > LAYERS_MAX) {
        out->layers = 0;
        return;
    }
    if (number_of(plan, "context_length", 0, &most) && most && most < context) out->context = most;
    out->compute = compute_of(plan, out->context);
    if (number_of(plan, "attention.causal", 0, &causal) && !causal)
        out->known = 1; /* all positions at once, nothing is kept */
    else
        out->known = cache_of(plan, out->layers, out->context, &out->cache);
    if (!out->known) out->cache = 0;
}
