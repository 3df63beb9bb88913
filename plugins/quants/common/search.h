/* common/search.h - the searches for a block's scale: which scale (and minimum) loses least when the elements are rounded.
 *
 * These are the algorithms of ggml's ggml-quants.c (MIT), step for step: their bytes depend on the order of every operation, so
 * sums have one accumulator and nothing is contracted or reassociated. `n` <= 32 elements. [pure] */
#ifndef GGX_QUANTS_SEARCH_H
#define GGX_QUANTS_SEARCH_H

#include <stdint.h>

/* Below this, a group of elements counts as all zero. */
#define GGX_GROUP_EPSILON 1e-15f

/* x ≈ scale * (level - nmax), levels 0 … 2*nmax-1. The element of largest magnitude starts out at level 0 (so the scale has the
 * sign opposite to it), then 18 scales around that are tried. `weights` NULL: x². Returns the scale. */
float ggx_search_symmetric(int n, int nmax, const float *x, const float *weights, uint8_t *levels);

/* How ggx_search_affine goes about it. */
typedef struct ggx_affine {
    int32_t nmax;     /* highest level */
    int32_t steps;    /* number of scales tried after the first, less one */
    float first;      /* offset to nmax of the first one */
    float step;       /* from one to the next */
    int32_t absolute; /* 1: the error is |difference|, 0: its square */
} ggx_affine;

/* x ≈ scale * level - *min, levels 0 … nmax, *min >= 0: for each scale tried, the least-squares line is fitted. `weights` has n
 * entries. Returns the scale. */
float ggx_search_affine(const ggx_affine *how, int n, const float *x, const float *weights, uint8_t *levels,
                        float *min);

/* x ≈ scale * level for x >= 0, levels 0 … nmax: scales around max/nmax, then single levels moved while that helps. Quantizes the
 * scales of sub-blocks. Returns the scale. */
float ggx_search_positive(int n, int nmax, const float *x, const float *weights, uint8_t *levels);

#endif
