/* kernels/avx2/lattice.c - from any group of levels to the grid. See lattice.h and quants/iq/lattice.c, whose functions these are. */
#include "lattice.h"
#include "bytes.h"
#include <string.h>

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

/* Of a group's elements how many make a column: two of two bits, one of three. */
static inline uint32_t column_dims(const ggx_grid *grid)
{
    return grid->bits == 2 ? 2 : 1;
}

ggx_lattice *ggx_lattice_open(const ggx_grid *grid, void *scratch)
{
    code_lattice *lattice = scratch;
    const uint32_t bits = column_dims(grid) * grid->bits;
    if (lattice->grid == grid) return scratch; /* as the last call left it */
    lattice->grid = grid;
    lattice->used = 0;
    for (uint32_t i = 0; i < GGX_LATTICE_POINTS; i++) lattice->entries[i] = -1;
    for (uint32_t p = 0; p < grid->size; p++) {
        uint8_t levels[GGX_LATTICE_DIMS];
        for (uint32_t i = 0; i < grid->dims; i++) levels[i] = (uint8_t)ggx_grid_level(grid, p, i);
        for (uint32_t i = 0; i < grid->dims / column_dims(grid); i++)
            lattice->columns[i][p] = (uint8_t)(grid->codes[p] >> (i * bits) & ((1u << bits) - 1));
        lattice->entries[number_group(grid, levels)] = (int32_t)p;
    }
    return scratch;
}

/* What the levels of one column add to a point's squared distance. */
static __m256i table_squares(const ggx_grid *grid, const uint8_t *levels)
{
    uint8_t table[16];
    for (int c = 0; c < 16; c++) {
        int d = (c & (grid->bits == 2 ? 3 : 7)) - levels[0], e = grid->bits == 2 ? (c >> 2) - levels[1] : 0;
        table[c] = (uint8_t)(d * d + e * e);
    }
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table));
}

#define BIT_OF_EACH ((int64_t)0x8040201008040201u) /* byte k: bit k */

/* Squared distances of all points from a group, 32 points at a time. Returns the set of those below 16. */
static inline uint32_t measure_columns(const code_lattice *lattice, const __m256i *squares, uint8_t *distances,
                                       uint32_t columns)
{
    const __m256i low = _mm256_setr_epi64x(BIT_OF_EACH, 0, BIT_OF_EACH, 0);
    const __m256i high = _mm256_setr_epi64x(0, BIT_OF_EACH, 0, BIT_OF_EACH);
    __m256i seen[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (uint32_t p = 0; p < lattice->grid->size; p += 32) {
        __m256i sum = _mm256_shuffle_epi8(squares[0], load_bytes(lattice->columns[0] + p));
        for (uint32_t i = 1; i < columns; i++)
            sum = _mm256_add_epi8(sum, _mm256_shuffle_epi8(squares[i], load_bytes(lattice->columns[i] + p)));
        store_bytes(distances + p, sum);
        __m256i at = _mm256_adds_epu8(sum, _mm256_set1_epi8(112)); /* from 16 on the look-up gives 0 */
        seen[0] = _mm256_or_si256(seen[0], _mm256_shuffle_epi8(low, at));
        seen[1] = _mm256_or_si256(seen[1], _mm256_shuffle_epi8(high, at));
    }
    uint8_t bytes[64];
    uint32_t set = 0;
    store_bytes(bytes, seen[0]);
    store_bytes(bytes + 32, seen[1]);
    for (int i = 0; i < 64; i++) set |= (uint32_t)bytes[i] << (i / 32 * 8);
    return set;
}

static uint32_t measure(const code_lattice *lattice, const uint8_t *levels, uint8_t *distances)
{
    const ggx_grid *grid = lattice->grid;
    __m256i squares[4];
    for (uint32_t i = 0; i < 4; i++) squares[i] = table_squares(grid, levels + i * column_dims(grid));
    return measure_columns(lattice, squares, distances, 4);
}

/* The least distance above `last`, or 255. */
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

/* The points at no more than a distance, 64 at a time; returns how many. Most often there are few, so four are written at once,
 * whatever there is. `found` has room for four more than there are points. */
static uint32_t find_near(const uint8_t *distances, uint32_t size, int most, uint16_t *found)
{
    const __m256i limit = _mm256_set1_epi8((char)most);
    uint32_t n = 0;
    for (uint32_t p = 0; p < size; p += 64) {
        __m256i a = load_bytes(distances + p), b = load_bytes(distances + p + 32);
        uint64_t bits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(a, limit), a));
        bits |= (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(b, limit), b)) << 32;
        uint32_t count = (uint32_t)__builtin_popcountll(bits), at = 0;
        do {
            for (uint32_t k = 0; k < 4; k++, bits &= bits - 1)
                found[n + at + k] = (uint16_t)(p + (uint32_t)__builtin_ctzll(bits | 1ull << 63));
            at += 4;
        } while (at < count);
        n += count;
    }
    return n;
}

/* Appends the codes of the near points, shell after shell. */
static uint32_t append_shells(const code_lattice *lattice, const uint8_t *distances, const int *shells, uint32_t count,
                              uint16_t *list)
{
    uint16_t found[POINTS_MAX + 8], codes[4][POINTS_MAX];
    uint8_t shell_of[256] = {0};
    uint32_t used[4] = {0}, n = 0;
    const uint32_t near = count ? find_near(distances, lattice->grid->size, shells[count - 1], found) : 0;
    for (uint32_t s = 0; s < count; s++) shell_of[shells[s]] = (uint8_t)s;
    for (uint32_t i = 0; i < near; i++) {
        uint32_t shell = shell_of[distances[found[i]]];
        codes[shell][used[shell]++] = lattice->grid->codes[found[i]];
    }
    for (uint32_t s = 0; s < count; s++) {
        memcpy(list + 1 + n, codes[s], used[s] * sizeof *list);
        n += used[s];
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
        uint32_t count = 0, set = measure(lattice, levels, distances);
        int shells[4], last = -1;
        for (; count < lattice->grid->shells; set &= set - 1) {
            last = set ? __builtin_ctz(set) : find_shell(distances, lattice->grid->size, last > 15 ? last : 15);
            if (last == 255) break;
            shells[count++] = last;
        }
        uint32_t n = append_shells(lattice, distances, shells, count, list);
        list[0] = (uint16_t)n;
        *entry = -2 - (int32_t)lattice->used;
        lattice->used += 1 + n;
    }
    *near = lattice->lists + (-2 - *entry);
    return -1;
}
