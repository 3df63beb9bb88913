/* iq/lattice.c - from any group of levels to the grid. See lattice.h. */
#include "lattice.h"
#include <string.h>

#define DISTANCES 256 /* squared distances are below: 4 dimensions of 7², 8 of 2² */

static uint32_t count_groups(const ggx_grid *grid)
{
    uint32_t n = 1;
    for (uint32_t i = 0; i < grid->dims; i++) n *= grid->levels;
    return n;
}

static uint32_t number_group(const ggx_grid *grid, const uint8_t *levels)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < grid->dims; i++) n = n * grid->levels + levels[i];
    return n;
}

uint64_t ggx_lattice_size(const ggx_grid *grid)
{
    return sizeof(ggx_lattice) + grid->near_total * sizeof(uint16_t);
}

ggx_lattice *ggx_lattice_open(const ggx_grid *grid, void *scratch)
{
    ggx_lattice *lattice = scratch;
    if (lattice->grid == grid) return scratch; /* as the last call left it */
    lattice->grid = grid;
    lattice->used = 0;
    uint32_t groups = count_groups(grid);
    for (uint32_t i = 0; i < groups; i++) lattice->entries[i] = -1;
    for (uint32_t p = 0; p < grid->size; p++) {
        for (uint32_t i = 0; i < grid->dims; i++)
            lattice->columns[i][p] = lattice->points[p][i] = (uint8_t)ggx_grid_level(grid, p, i);
        lattice->entries[number_group(grid, lattice->points[p])] = (int32_t)p;
    }
    return lattice;
}

/* Squared distances of all points from a group, and how many points are at each. */
static void measure(const ggx_lattice *lattice, const uint8_t *levels, uint8_t *distances, uint16_t *counts)
{
    uint32_t size = lattice->grid->size;
    memset(distances, 0, size);
    memset(counts, 0, DISTANCES * sizeof *counts);
    for (uint32_t i = 0; i < lattice->grid->dims; i++) {
        const uint8_t *column = lattice->columns[i];
        for (uint32_t p = 0; p < size; p++) {
            int32_t d = column[p] - levels[i];
            distances[p] = (uint8_t)(distances[p] + d * d);
        }
    }
    for (uint32_t p = 0; p < size; p++) counts[distances[p]]++;
}

/* Appends the list of points in the first shells, sorted by counting. */
static int32_t list_near(ggx_lattice *lattice, const uint8_t *levels)
{
    uint8_t distances[2048];
    uint16_t counts[DISTANCES], *list = lattice->lists + lattice->used;
    measure(lattice, levels, distances, counts);
    uint32_t total = 0, limit = 0;
    for (uint32_t shells = 0; limit < DISTANCES && shells < lattice->grid->shells; limit++) {
        if (!counts[limit]) continue;
        uint32_t here = counts[limit];
        counts[limit] = (uint16_t)(1 + total); /* where the shell begins */
        total += here;
        shells++;
    }
    list[0] = (uint16_t)total;
    for (uint32_t p = 0; p < lattice->grid->size; p++)
        if (distances[p] < limit) list[counts[distances[p]]++] = (uint16_t)p;
    int32_t entry = -2 - (int32_t)lattice->used;
    lattice->used += 1 + total;
    return entry;
}

int32_t ggx_lattice_find(ggx_lattice *lattice, const uint8_t *levels, const uint16_t **near)
{
    int32_t *entry = &lattice->entries[number_group(lattice->grid, levels)];
    if (*entry >= 0) return *entry;
    if (*entry == -1) *entry = list_near(lattice, levels);
    *near = lattice->lists + (-2 - *entry);
    return -1;
}
