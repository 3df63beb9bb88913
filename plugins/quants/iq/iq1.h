/* iq/iq1.h - the searches of iq1_s and iq1_m, in which most of their time goes: kernels bring their own. */
#ifndef GGX_QUANT_IQ_IQ1_H
#define GGX_QUANT_IQ_IQ1_H

#include "lattice.h"

#define SUB_S 32
#define SUB_M 16

/* What the levels 0, 1, 2 stand for, with the shift up and with the shift down. */
static const float ggx_iq1_values[2][3] = {{-0.875f, 0.125f, 1.125f}, {-1.125f, -0.125f, 0.875f}};

/* The split of sorted elements into those of level 0, 1 and 2 that errs least. */
typedef struct ggx_iq1_split {
    float scale, score;
    int first, second; /* elements below `first` have level 0, below `second` level 1; -1: none was found */
    int shift; /* iq1_s: index of the values; iq1_m: bit 1 is that of the first half, bit 0 that of the second */
} ggx_iq1_split;

/* Elements' numbers in ascending order of their values; of equal ones in their own order. [pure] */
void ggx_iq1_sort(const float *x, int n, uint8_t *order);

/* Of SUB_S and of SUB_M elements. [pure] */
ggx_iq1_split ggx_iq1_split_s(const float *x, const float *weights, const uint8_t *order);
ggx_iq1_split ggx_iq1_split_m(const float *x, const float *weights, const uint8_t *order);

/* Grid index of eight levels, or of the near point that errs least, which become its levels; *off is set then. [pure but for the
 * lattice's memory] */
uint16_t ggx_iq1_place(ggx_lattice *lattice, const float *x, const float *weights, float scale, const float *values,
                       uint8_t *levels, int *off);

/* The sums of a split against the best so far. */
static inline void ggx_iq1_offer(ggx_iq1_split *best, float xq, float q2, int first, int second, int shift)
{
    if (!(q2 > 0 && xq * xq > best->score * q2)) return;
    best->scale = xq / q2;
    best->score = best->scale * xq;
    best->first = first;
    best->second = second;
    best->shift = shift;
}

#endif
