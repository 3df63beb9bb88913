/* core/execute/finite.h - are they numbers? Looks at whole tiles at the speed of memory. */
#ifndef GGX_CORE_EXECUTE_FINITE_H
#define GGX_CORE_EXECUTE_FINITE_H

#include <ggx/draft/quant.h>

#define GGX_BITS_INFINITE 0x7f800000u
/* 32768: every type of a scale holds it, and no scale is above the largest weight of its block. */
#define GGX_BITS_LARGE 0x47000000u

/* [pure] Is a magnitude, as the bits of its f32, the limit or more? With GGX_BITS_INFINITE: is a value no finite number? */
int ggx_has_magnitude(const float *values, uint64_t n, uint32_t limit);

/* [pure] The index of the first of n elements that decodes to no finite number; n when there is none. `decode` NULL: they are f32. */
uint64_t ggx_find_odd(const ggx_type *type, const ggx_kernels *decode, const void *bytes, uint64_t n);

#endif
