/* kernels/avx2/place.c - for iq2 and iq3: a group of magnitudes to the grid, for one scale. */
#include "../../quants/iq/signed.h"
#include "lattice.h"
#include "points.h"

static inline int place(const ggx_signed_work *s, const float *x, const float *roots, float inverse, float scale,
                        uint8_t *levels, int dims)
{
    __m256 v = dims == 8 ? _mm256_loadu_ps(x) : _mm256_castps128_ps256(_mm_loadu_ps(x));
    v = _mm256_sub_ps(_mm256_mul_ps(_mm256_set1_ps(inverse), v), _mm256_set1_ps(1));
    __m256i l = round_levels(_mm256_mul_ps(_mm256_set1_ps(0.5f), v), (int)s->type->grid->levels - 1);
    put_levels(levels, l, dims);
    const code_lattice *lattice = (const code_lattice *)(const void *)s->lattice;
    int32_t entry = lattice->entries[number_group(l, dims)];
    const uint16_t *near;
    if (entry >= 0) return 1;
    if (entry == -1)
        (void)ggx_lattice_find(s->lattice, levels, &near);
    else
        near = lattice->lists + (-2 - entry);
    const __m256 odd = dims == 8 ? _mm256_setr_ps(1, 3, 5, 7, 1, 3, 5, 7) : _mm256_setr_ps(1, 3, 5, 7, 9, 11, 13, 15);
    put_levels(levels, unpack_code(pick_point(near, x, roots, scale, odd, dims), dims), dims);
    return 0;
}

int ggx_signed_place(const ggx_signed_work *s, int k, float inverse, float scale, uint8_t *levels)
{
    int at = k * s->dims;
    if (s->dims == 8) return place(s, s->x + at, s->roots + at, inverse, scale, levels + at, 8);
    return place(s, s->x + at, s->roots + at, inverse, scale, levels + at, 4);
}
