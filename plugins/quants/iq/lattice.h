/* iq/lattice.h - from any group of levels to the grid: its index there, or the grid points near it.
 *
 * ggml computes the near points of all 2^16 codes once and keeps them in a global table. Here they are computed when they are first
 * asked for and remembered in the scratch memory, from one quantize call to the next: nothing is global, and no table of 600,000 entries
 * has to be carried. [pure but for the scratch memory] */
#ifndef GGX_QUANT_IQ_LATTICE_H
#define GGX_QUANT_IQ_LATTICE_H

#include "grids.h"

#define GGX_LATTICE_DIMS 8      /* most elements of a group */
#define GGX_LATTICE_POINTS 6561 /* 3^8 groups of levels, and more than 8^4 */

/* Lies at the beginning of the scratch memory; lists of near points follow, each with its length before it. */
typedef struct ggx_lattice {
    const ggx_grid *grid;
    uint32_t used; /* entries of `lists` */
    int32_t entries
        [GGX_LATTICE_POINTS]; /* of each group: index on the grid, -1 not known yet, else -2 - place of its list */
    uint8_t points[2048][GGX_LATTICE_DIMS];  /* levels of the grid's points */
    uint8_t columns[GGX_LATTICE_DIMS][2048]; /* the same by element */
    uint16_t lists[];
} ggx_lattice;

/* Bytes of scratch for one grid. */
uint64_t ggx_lattice_size(const ggx_grid *grid);

/* Prepares scratch memory of that size, unless it is prepared. */
ggx_lattice *ggx_lattice_open(const ggx_grid *grid, void *scratch);

/* Index of the group on the grid, or -1; then *near is its list: the number of near points and their indices, nearest first, of equal
 * distances the lower index first. Levels must be below grid->levels. */
int32_t ggx_lattice_find(ggx_lattice *lattice, const uint8_t *levels, const uint16_t **near);

#endif
