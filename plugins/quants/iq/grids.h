/* iq/grids.h - the grids of the IQ types: of all groups of levels only these points can be stored, by their index.
 *
 * A group of elements that rounds to a point off the grid takes a grid point near it: `shells` says how many distances, counted from
 * the least, count as near. [pure] */
#ifndef GGX_QUANT_IQ_GRIDS_H
#define GGX_QUANT_IQ_GRIDS_H

#include <ggx/base.h>

typedef struct ggx_grid {
    uint32_t dims;   /* elements of a group */
    uint32_t bits;   /* of a level in a code; element 0's are the lowest */
    uint32_t levels; /* a level is below this */
    uint32_t shells;
    uint32_t size;         /* points */
    uint32_t near_total;   /* lengths of all lists of near points, and one for each list */
    const uint16_t *codes; /* ascending */
} ggx_grid;

extern const ggx_grid ggx_grid_iq2_xxs, ggx_grid_iq2_xs, ggx_grid_iq2_s, ggx_grid_iq1, ggx_grid_iq3_xxs, ggx_grid_iq3_s;

static inline int32_t ggx_grid_level(const ggx_grid *grid, uint32_t index, uint32_t element)
{
    return grid->codes[index] >> (element * grid->bits) & ((1 << grid->bits) - 1);
}

#endif
