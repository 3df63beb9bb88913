/* kernels/avx2/lattice.c - from any group of levels to the grid. See lattice.h and quants/iq/lattice.c, whose functions these are. */
#include "lattice.h"
#include "bytes.h"

GGX_STATIC_ASSERT(sizeof(code_lattice) + 64 <= sizeof(ggx_lattice),
                  "what reads beyond a list stays in the scratch memory");

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
    code_lattice *lattice = scratch;
    lattice->grid = grid;
    lattice->used = 0;
    for (uint32_t i = 0; i < GGX_LATTICE_POINTS; i++) lattice->entries[i] = -1;
    for (uint32_t p = 0; p < grid->size; p++) {
        uint8_t levels[GGX_LATTICE_DIMS];
        for (uint32_t i = 0; i < grid->dims; i++)
            lattice->columns[i][p] = levels[i] = (uint8_t)ggx_grid_level(grid, p, i);
        lattice->entries[number_group(grid, levels)] = (int32_t)p;
    }
    return scratch;
}

/* Squared distances of all points from a group, 32 points at a time: those of an element are looked up by its level. */
static void measure(const code_lattice *lattice, const uint8_t *levels, uint8_t *distances)
{
    const ggx_grid *grid = lattice->grid;
    __m256i squares[GGX_LATTICE_DIMS];
    for (uint32_t i = 0; i < grid->dims; i++) {
        uint8_t table[16] = {0};
        for (int l = 0; l < 8; l++) table[l] = (uint8_t)((l - levels[i]) * (l - levels[i]));
        squares[i] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table));
    }
    for (uint32_t p = 0; p < grid->size; p += 32) {
        __m256i sum = _mm256_setzero_si256();
        for (uint32_t i = 0; i < grid->dims; i++)
            sum = _mm256_add_epi8(sum, _mm256_shuffle_epi8(squares[i], load_bytes(lattice->columns[i] + p)));
        store_bytes(distances + p, sum);
    }
}

/* The least distance above `last`, or 255; `last` is -1 at first. */
static uint8_t find_shell(const uint8_t *distances, uint32_t size, int last)
{
    __m256i least = _mm256_set1_epi8((char)255), floor = _mm256_set1_epi8((char)(last + 1));
    for (uint32_t p = 0; p < size; p += 32) {
        __m256i d = load_bytes(distances + p);
        __m256i above = _mm256_cmpeq_epi8(_mm256_max_epu8(d, floor), d);
        least = _mm256_min_epu8(least, _mm256_or_si256(d, _mm256_xor_si256(above, _mm256_set1_epi8(-1))));
    }
    uint8_t bytes[32], found = 255;
    store_bytes(bytes, least);
    for (int i = 0; i < 32; i++) found = bytes[i] < found ? bytes[i] : found;
    return found;
}

/* Appends the codes of the points at one distance. */
static uint32_t append_shell(const code_lattice *lattice, const uint8_t *distances, uint8_t distance, uint16_t *list,
                             uint32_t n)
{
    const ggx_grid *grid = lattice->grid;
    for (uint32_t p = 0; p < grid->size; p += 32) {
        __m256i equal = _mm256_cmpeq_epi8(load_bytes(distances + p), _mm256_set1_epi8((char)distance));
        for (uint32_t bits = (uint32_t)_mm256_movemask_epi8(equal); bits; bits &= bits - 1)
            list[++n] = grid->codes[p + (uint32_t)__builtin_ctz(bits)];
    }
    return n;
}

int32_t ggx_lattice_find(ggx_lattice *scratch, const uint8_t *levels, const uint16_t **near)
{
    code_lattice *lattice = (code_lattice *)(void *)scratch;
    int32_t *entry = &lattice->entries[number_group(lattice->grid, levels)];
    if (*entry >= 0) return *entry;
    if (*entry == -1) {
        uint8_t distances[POINTS_MAX];
        uint16_t *list = lattice->lists + lattice->used;
        uint32_t n = 0;
        int last = -1;
        measure(lattice, levels, distances);
        for (uint32_t shell = 0; shell < lattice->grid->shells; shell++) {
            last = find_shell(distances, lattice->grid->size, last);
            if (last == 255) break;
            n = append_shell(lattice, distances, (uint8_t)last, list, n);
        }
        list[0] = (uint16_t)n;
        *entry = -2 - (int32_t)lattice->used;
        lattice->used += 1 + n;
    }
    *near = lattice->lists + (-2 - *entry);
    return -1;
}
