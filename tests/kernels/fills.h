/* fills.h - inputs for kernels, from seeds, and the means to compare what came out.
 *
 * Made of integer and exactly rounded float operations, so a seed gives the same floats on every machine. Linked into test_kernels
 * and built as a library that oracle.py loads: both see the same inputs. */
#ifndef GGX_TESTS_KERNELS_FILLS_H
#define GGX_TESTS_KERNELS_FILLS_H

#include <ggx/base.h>

#define FILL_GUARD 0xa5u /* the byte around outputs, which nothing may change */

/* Name of fill `index`, or NULL beyond the last. */
GGX_EXPORT const char *fill_name(uint32_t index);

/* 1 when the fill has neither NaN nor infinity. */
GGX_EXPORT int fill_is_finite(uint32_t index);

GGX_EXPORT void fill_floats(uint32_t index, uint64_t seed, float *out, uint64_t n);

/* An importance matrix of n columns: 1: all above 0, over three decades. 2: also single zeros and runs of 256 zeros. */
GGX_EXPORT void fill_imatrix(uint32_t kind, uint64_t seed, float *out, uint64_t n);

/* Any bytes. */
GGX_EXPORT void fill_bytes(uint64_t seed, uint8_t *out, uint64_t n);

/* FNV-1a, 64 bits. Of floats, every NaN counts as the same one. */
GGX_EXPORT uint64_t digest_bytes(const uint8_t *bytes, uint64_t n);
GGX_EXPORT uint64_t digest_floats(const float *floats, uint64_t n);

GGX_EXPORT int has_nonfinite(const float *x, uint64_t n);

/* Number of groups of `group_bytes` that differ. Of two groups that differ, those made from `group_elems` floats of `in` with a NaN or
 * an infinity among them are counted in *nonfinite instead; `in` may be NULL. */
GGX_EXPORT uint64_t count_differences(const uint8_t *a, const uint8_t *b, uint64_t groups, uint64_t group_bytes,
                                      const float *in, uint64_t group_elems, uint64_t *nonfinite);

/* Number of floats that differ in their bits; with `nan_same`, all NaNs are the same. */
GGX_EXPORT uint64_t count_float_differences(const float *a, const float *b, uint64_t n, int nan_same);

/* 1 when all n bytes are FILL_GUARD. */
GGX_EXPORT int guard_is_whole(const uint8_t *bytes, uint64_t n);

#endif
