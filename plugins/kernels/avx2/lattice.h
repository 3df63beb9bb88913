/* kernels/avx2/lattice.h - quants/iq/lattice.h as it suits place.c: the lists of near points hold their codes, not their indices, and may
 * be read eight at a time, also beyond their ends. It lies in the same scratch memory and is smaller. */
#ifndef GGX_KERNELS_AVX2_LATTICE_H
#define GGX_KERNELS_AVX2_LATTICE_H

#include "../../quants/iq/lattice.h"

#define POINTS_MAX 2048

typedef struct code_lattice {
    const ggx_grid *grid;
    uint32_t used; /* entries of `lists` */
    int32_t entries
        [GGX_LATTICE_POINTS]; /* of each group: index on the grid, -1 not known yet, else -2 - place of its list */
    uint8_t columns[GGX_LATTICE_DIMS / 2]
                   [POINTS_MAX]; /* levels of the grid's points, by two elements or, of three bits, by one */
    uint16_t lists[];            /* of near points: their number, their codes */
} code_lattice;

#endif
