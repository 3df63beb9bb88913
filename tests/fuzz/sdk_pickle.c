/* The pickle machine on any bytes, with every global allowed; what comes out is walked with bounds. */
#include <ggx_sdk/pickle.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct arena {
    ggx_host host;
    void *blocks[BLOCKS];
    size_t count, bytes;
} arena;

typedef struct input {
    const uint8_t *data;
    size_t size;
} input;

static void *take(const ggx_host *host, uint64_t size) GGX_NOEXCEPT
{
    arena *a = host->context;
    if (a->count == BLOCKS || size > (16u << 20) - a->bytes) return NULL;
    void *block = calloc(1, size ? (size_t)size : 1);
    if (block) a->blocks[a->count++] = block;
    a->bytes += size;
    return block;
}

static int32_t never(const ggx_host *host) GGX_NOEXCEPT
{
    (void)host;
    return 0;
}

static ggx_status copy(void *context, uint64_t offset, void *out, uint64_t size, ggx_error *error)
{
    const input *in = context;
    (void)error;
    if (offset > in->size || size > in->size - offset) abort();
    memcpy(out, in->data + offset, (size_t)size);
    return GGX_OK;
}

static int64_t any_role(void *context, ggx_str module, ggx_str name)
{
    (void)context;
    return 1 + (int64_t)((module.size + name.size) % 20);
}

static void walk(const ggx_pickle_value *v, uint32_t depth, uint32_t *steps)
{
    if (!v || depth > 64 || !*steps) return;
    --*steps;
    if (v->kind > GGX_PICKLE_PERSID) abort();
    if (v->kind < GGX_PICKLE_TUPLE || v->kind == GGX_PICKLE_GLOBAL) return;
    for (uint64_t i = 0; i < v->count; i++) walk(v->items[i], depth + 1, steps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static arena a;
    input in = {data, size};
    ggx_error error;
    ggx_pickle_value *root = NULL;
    uint32_t steps = 100000;
    a.count = a.bytes = 0;
    a.host = (ggx_host){.struct_size = sizeof(ggx_host), .context = &a, .alloc = take, .canceled = never};
    ggx_pickle p = {.host = &a.host, .context = &in, .read = copy, .role = any_role, .end = size};
    if (ggx_pickle_load(&p, &root, &error) == GGX_OK) {
        if (!root || p.at > size) abort();
        walk(root, 0, &steps);
        (void)ggx_pickle_get(root, "key");
    } else if (!error.text[0]) {
        abort();
    }
    for (size_t i = 0; i < a.count; i++) free(a.blocks[i]);
    return 0;
}
