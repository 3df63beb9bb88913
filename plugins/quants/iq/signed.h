/* iq/signed.h - the search that iq2 and iq3 types share: magnitudes on a grid, signs apart. */
#ifndef GGX_QUANT_IQ_SIGNED_H
#define GGX_QUANT_IQ_SIGNED_H

#include "lattice.h"

#define GGX_REFIT_OFF 0 /* groups that were off the grid */
#define GGX_REFIT_ANY 1 /* all groups, when any was off the grid or no trial won */
#define GGX_REFIT_ALL 2 /* all groups */

/* What tells the types apart. */
typedef struct ggx_signed {
    const ggx_grid *grid;
    int32_t sub;    /* elements of a sub-block, each with a scale: 16 or 32 */
    int32_t parity; /* 1: seven signs of eight are stored, so the number of minuses must be even */
    int32_t reach;  /* scales tried on either side of the first */
    float step;     /* from one to the next */
    float epsilon;  /* a sub-block without a magnitude of at least this is zero */
    int32_t refit;  /* GGX_REFIT_*: what is taken to the grid again for the scale that won */
    int32_t narrow; /* 1: the first scale is ggx_search_positive's */
} ggx_signed;

/* One sub-block as it will be stored. */
typedef struct ggx_signed_sub {
    float scale;       /* >= 0 but for NaN */
    int32_t zero;      /* 1: all zero; scale, indices and signs are 0 */
    uint16_t index[8]; /* of each group: its grid point */
    uint8_t signs[4];  /* of each eight elements: set bits are minus; with `parity`, seven bits */
} ggx_signed_sub;

/* A sub-block on its way. */
typedef struct ggx_signed_work {
    const ggx_signed *type;
    ggx_lattice *lattice;
    const float *weights;
    int dims, groups;
    float x[32];     /* magnitudes; where parity forced a sign, one is negative */
    float roots[32]; /* of the weights: the distance to a grid point counts less steeply than the error */
} ggx_signed_work;

/* Takes group k to the grid for a scale: its nearest levels if they are on the grid, else the near point that errs least. Returns
 * whether they were. Kernels bring their own. [pure but for the lattice's memory] */
int ggx_signed_place(const ggx_signed_work *s, int k, float inverse, float scale, uint8_t *levels);

/* Tries the scales around highest/divisor; returns the best, else `scale`. With it come its levels, and which groups were on the grid.
 * Most of the time goes here: kernels bring their own. [pure but for the lattice's memory] */
float ggx_signed_try(const ggx_signed_work *s, float scale, float divisor, uint8_t *levels, uint8_t *on_grid);

/* The two sums of which the best scale for these levels is the quotient. [pure] */
void ggx_signed_sum(const ggx_signed_work *s, const uint8_t *levels, float *sum_xq, float *sum_q2);

/* x and weights have type->sub elements. [pure but for the lattice's memory] */
void ggx_signed_search(const ggx_signed *type, ggx_lattice *lattice, const float *x, const float *weights,
                       ggx_signed_sub *out);

#endif
