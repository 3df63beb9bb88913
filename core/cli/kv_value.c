/* kv_value.c - the value of --override-kv KEY=TYPE:VALUE. */
#include "cli/kv_value.h"
#include "base/text.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

static int real_of(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return *text && !*end;
}

int ggx_cli_kv_value(ggx_arena *arena, ggx_str type, const char *value, ggx_kv *kv)
{
    int64_t integer;
    double real;
    void *data = ggx_arena_alloc(arena, sizeof(ggx_str));
    if (!data) return 0;
    kv->data = data;
    if (ggx_str_same(type, GGX_LIT("int")) && ggx_str_int(ggx_str_of(value), &integer)) {
        const uint64_t size = integer < 0 ? 0u - (uint64_t)integer : (uint64_t)integer;
        if (size > UINT32_MAX) return 0;
        kv->type = GGX_KV_U32;
        *(uint32_t *)data = (uint32_t)size;
    } else if (ggx_str_same(type, GGX_LIT("float")) && real_of(value, &real) && fabs(real) <= (double)FLT_MAX) {
        kv->type = GGX_KV_F32;
        *(float *)data = (float)real;
    } else if (ggx_str_same(type, GGX_LIT("bool")) && (!strcmp(value, "true") || !strcmp(value, "false"))) {
        kv->type = GGX_KV_BOOL;
        *(uint8_t *)data = *value == 't';
    } else if (ggx_str_same(type, GGX_LIT("str"))) {
        kv->type = GGX_KV_STRING;
        *(ggx_str *)data = ggx_str_of(value);
    } else {
        return 0;
    }
    kv->elem_type = kv->type;
    kv->count = 1;
    return 1;
}
