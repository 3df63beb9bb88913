/* kernels/common/super.h - as many super-blocks of 256 as there are lanes, made ready for searches: a sub-block in each lane, or a
 * super-block in each lane. Header-only. */
#ifndef GGX_KERNELS_SUPER_H
#define GGX_KERNELS_SUPER_H

#include "lanes.h"
#include <string.h>

#define SUPER_ELEMS 256
#define SUBS_MAX 16 /* sub-blocks of a super-block: 16 of 16 elements, or 8 of 32 */

/* Sub-blocks are numbered through all super-blocks; LANES of them in order are a group. There are as many groups as a super-block has
 * sub-blocks. */
typedef struct super_chunk {
    const float *x[LANES];       /* of each super-block; beyond `count` the last one again */
    const float *imatrix[LANES]; /* the columns of each, when there is an importance matrix */
    int count;                   /* super-blocks that are meant */
    int sub, subs;               /* elements of a sub-block, sub-blocks of a super-block; 2^shift of these */
    int shift;
} super_chunk;

/* The super-blocks from number `at` on, of `total`. */
static inline void open_chunk(super_chunk *c, const float *in, uint64_t at, uint64_t total, uint64_t cols,
                              const float *imatrix)
{
    c->count = total - at < LANES ? (int)(total - at) : LANES;
    for (int k = 0; k < LANES; k++) {
        uint64_t b = at + (uint64_t)(k < c->count ? k : c->count - 1);
        c->x[k] = in + b * SUPER_ELEMS;
        if (imatrix) c->imatrix[k] = imatrix + b % (cols / SUPER_ELEMS) * SUPER_ELEMS;
    }
    c->subs = SUPER_ELEMS / c->sub;
    c->shift = c->subs == SUBS_MAX ? 4 : 3;
}

/* Groups that hold a sub-block which is meant. */
static inline int count_groups(const super_chunk *c)
{
    return (c->count * c->subs + LANES - 1) / LANES;
}

/* Element i of each sub-block of a group, from the super-blocks in `from`. `sub`: the chunk's, for the compiler to know. What lies two
 * groups further on is asked for already: a search takes too long for the CPU to see that the input is read in order. */
static inline void gather_group(const super_chunk *c, const float *const *from, int sub, int group, lanes *to)
{
    const uintptr_t line = 64, ahead = (uintptr_t)(2 * LANES * sub) * sizeof(float);
    const float *runs[LANES];
    for (int k = 0; k < LANES; k++) {
        int at = group * LANES + k;
        runs[k] = from[(at >> c->shift)] + (at & (c->subs - 1)) * sub;
        for (uintptr_t i = 0; i < (uintptr_t)sub * sizeof(float); i += line)
            __builtin_prefetch(
                (const void *)((uintptr_t)runs[k] + ahead + i)); /* which beyond the input's end does nothing */
    }
    lanes_gather(runs, sub, to);
}

/* Sum of squares of each super-block, front to back. */
static inline lanes sum_power(const super_chunk *c)
{
    lanes sum = f_zero(), tile[VEC];
    const float *runs[LANES];
    for (int i = 0; i < SUPER_ELEMS; i += VEC) {
        for (int k = 0; k < LANES; k++) runs[k] = c->x[k] + i;
        lanes_gather(runs, VEC, tile);
        for (int k = 0; k < VEC; k++) sum = f_add(sum, f_mul(tile[k], tile[k]));
    }
    return sum;
}

/* One value for each sub-block of the chunk, in order. */
typedef struct sub_values {
    float v[SUBS_MAX * LANES];
} sub_values;

/* Sub-block s of every super-block in to[s]. */
static inline void turn_values(const super_chunk *c, const sub_values *from, lanes *to)
{
    float run[LANES];
    for (int s = 0; s < c->subs; s++) {
        for (int k = 0; k < LANES; k++) run[k] = from->v[k * c->subs + s];
        to[s] = f_load(run);
    }
}

/* Levels, whole numbers 0 … 255 in lanes, to one row of bytes for each super-block, `stride` apart. */
static inline void put_levels(const super_chunk *c, int group, const ilanes *levels, uint8_t *rows, size_t stride)
{
    int32_t tile[LANES];
    uint8_t *to[LANES];
    for (int k = 0; k < LANES; k++) {
        int at = group * LANES + k;
        to[k] = rows + (size_t)(at >> c->shift) * stride + (at & (c->subs - 1)) * c->sub;
    }
    for (int i = 0; i < c->sub; i += 4) {
        ilanes low = i_or(levels[i], i_shl(levels[i + 1], 8)), high = i_or(levels[i + 2], i_shl(levels[i + 3], 8));
        i_store(tile, i_or(low, i_shl(high, 16)));
        for (int k = 0; k < LANES; k++) memcpy(to[k] + i, &tile[k], sizeof tile[k]);
    }
}

/* Marks the super-blocks of the group's marked lanes. */
static inline void mark_supers(const super_chunk *c, int group, mask lane_mask, uint32_t *supers)
{
    uint32_t bits = m_bits(lane_mask);
    for (int k = 0; bits; k++, bits >>= 1)
        if (bits & 1) *supers |= 1u << ((group * LANES + k) >> c->shift);
}

#endif
