/* core/cli/kv_value.h - values of key/values as the command line has them, of four types: int, float, bool, str. */
#ifndef GGX_CLI_KV_VALUE_H
#define GGX_CLI_KV_VALUE_H

#include "base/arena.h"
#include <ggx/tensor.h>

/* Fills type, count and data (in the arena; a str keeps pointing to `value`) of `kv`: an int becomes u32 without its sign, a float f32. 0: it
 * is no value of that type, or there is no memory. */
int ggx_cli_kv_value(ggx_arena *arena, ggx_str type, const char *value, ggx_kv *kv);

#endif
