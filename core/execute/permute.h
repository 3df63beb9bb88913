/* core/execute/permute.h - strided copies in memory, in cache-sized squares. */
#ifndef GGX_CORE_PERMUTE_H
#define GGX_CORE_PERMUTE_H

#include <ggx/tensor.h>

#define GGX_MAX_LOOPS 64

/* One loop of a copy: `count` steps, each moving both sides by their stride (in units). */
typedef struct ggx_loop {
    uint64_t count;
    int64_t from; /* stride in the source; 0 repeats */
    int64_t to;   /* stride in the destination */
} ggx_loop;

/* Copies units of `unit` bytes: for every index of the loops' product, out[sum to·i] = in[sum from·i]. No overlap. The loops' order
 * does not matter; the array may be reordered. */
void ggx_permute(void *out, const void *in, uint32_t unit, ggx_loop *loops, uint32_t loop_count);

#endif
