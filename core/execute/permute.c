/* Strided copies. The loop that is contiguous in the destination and the one that is contiguous in the source make a plane, which is
 * copied in squares that fit the first-level cache; the other loops walk over planes. */
#include "execute/permute.h"

#include <string.h>

/* `side`: of the square, measured. The strides of matrices are multiples of many cache lines, so the lines of a larger square fall into few
 * sets and drive each other out. */
#define PLANE(name, word, side)                                                                             \
    static void name(uint8_t *out_bytes, const uint8_t *in_bytes, const ggx_loop *row, const ggx_loop *col) \
    {                                                                                                       \
        word *out = (word *)(void *)out_bytes;                                                              \
        const word *in = (const word *)(const void *)in_bytes;                                              \
        for (uint64_t r0 = 0; r0 < row->count; r0 += side) {                                                \
            const uint64_t r1 = row->count - r0 < side ? row->count : r0 + side;                            \
            for (uint64_t c0 = 0; c0 < col->count; c0 += side) {                                            \
                const uint64_t c1 = col->count - c0 < side ? col->count : c0 + side;                        \
                for (uint64_t r = r0; r < r1; r++)                                                          \
                    for (uint64_t c = c0; c < c1; c++)                                                      \
                        out[(int64_t)r * row->to + (int64_t)c * col->to] =                                  \
                            in[(int64_t)r * row->from + (int64_t)c * col->from];                            \
            }                                                                                               \
        }                                                                                                   \
    }

PLANE(plane_8, uint8_t, 16)
PLANE(plane_16, uint16_t, 16)
PLANE(plane_32, uint32_t, 16)
PLANE(plane_64, uint64_t, 32)

/* A plane that is contiguous along the one loop in the source and along the other in the destination, which a transposition is, goes through
 * registers: squares of 4x4 or 8x8 are read by rows, turned, and written by rows. Four times as fast as element by element, measured. */
#ifdef __has_builtin
#if __has_builtin(__builtin_shufflevector)
#define HAS_TURNS 1
typedef uint32_t four __attribute__((vector_size(16)));
typedef uint16_t eight __attribute__((vector_size(16)));

static void turn_32(uint32_t *out, int64_t to, const uint32_t *in, int64_t from)
{
    four v[4], w[4];
    for (int i = 0; i < 4; i++) memcpy(&v[i], in + i * from, sizeof v[i]);
    for (int i = 0; i < 2; i++) {
        w[2 * i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 4, 1, 5);
        w[2 * i + 1] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 2, 6, 3, 7);
    }
    for (int i = 0; i < 2; i++) {
        v[2 * i] = __builtin_shufflevector(w[i], w[i + 2], 0, 1, 4, 5);
        v[2 * i + 1] = __builtin_shufflevector(w[i], w[i + 2], 2, 3, 6, 7);
    }
    for (int i = 0; i < 4; i++) memcpy(out + i * to, &v[i], sizeof v[i]);
}

/* Three times rows k and k + 4 are interleaved. */
static void turn_16(uint16_t *out, int64_t to, const uint16_t *in, int64_t from)
{
    eight v[8], w[8];
    for (int i = 0; i < 8; i++) memcpy(&v[i], in + i * from, sizeof v[i]);
    for (int pass = 0; pass < 3; pass++) {
        for (int i = 0; i < 4; i++) {
            w[2 * i] = __builtin_shufflevector(v[i], v[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
            w[2 * i + 1] = __builtin_shufflevector(v[i], v[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
        }
        memcpy(v, w, sizeof v);
    }
    for (int i = 0; i < 8; i++) memcpy(out + i * to, &v[i], sizeof v[i]);
}

#define TURNED(name, word, turn, step, side)                                                                \
    static void name(uint8_t *out_bytes, const uint8_t *in_bytes, const ggx_loop *row, const ggx_loop *col) \
    {                                                                                                       \
        word *out = (word *)(void *)out_bytes;                                                              \
        const word *in = (const word *)(const void *)in_bytes;                                              \
        const uint64_t rows = row->count, cols = col->count;                                                \
        const int64_t to = row->to, from = col->from;                                                       \
        for (uint64_t r0 = 0; r0 < rows; r0 += side)                                                        \
            for (uint64_t c0 = 0; c0 < cols; c0 += side)                                                    \
                for (uint64_t r = r0; r < r0 + side && r < rows; r += step)                                 \
                    for (uint64_t c = c0; c < c0 + side && c < cols; c += step) {                           \
                        word *o = out + (int64_t)r * to + (int64_t)c;                                       \
                        const word *i = in + (int64_t)r + (int64_t)c * from;                                \
                        if (rows - r >= step && cols - c >= step) {                                         \
                            turn(o, to, i, from);                                                           \
                            continue;                                                                       \
                        }                                                                                   \
                        for (int64_t k = 0; k < step && r + (uint64_t)k < rows; k++)                        \
                            for (int64_t l = 0; l < step && c + (uint64_t)l < cols; l++)                    \
                                o[k * to + l] = i[k + l * from];                                            \
                    }                                                                                       \
    }

TURNED(turned_32, uint32_t, turn_32, 4, 16)
TURNED(turned_16, uint16_t, turn_16, 8, 32)
#endif
#endif

static void plane_any(uint8_t *out, const uint8_t *in, uint32_t unit, const ggx_loop *row, const ggx_loop *col)
{
    for (uint64_t r = 0; r < row->count; r++)
        for (uint64_t c = 0; c < col->count; c++)
            memcpy(out + ((int64_t)r * row->to + (int64_t)c * col->to) * unit,
                   in + ((int64_t)r * row->from + (int64_t)c * col->from) * unit, unit);
}

static void plane(uint8_t *out, const uint8_t *in, uint32_t unit, const ggx_loop *row, const ggx_loop *col)
{
    if (col->from == 1 && col->to == 1) { /* both sides run along the same loop */
        for (uint64_t r = 0; r < row->count; r++)
            memcpy(out + (int64_t)r * row->to * unit, in + (int64_t)r * row->from * unit, (size_t)(col->count * unit));
        return;
    }
#ifdef HAS_TURNS
    if (col->to == 1 && row->from == 1 && (unit == 2 || unit == 4)) {
        (unit == 2 ? turned_16 : turned_32)(out, in, row, col);
        return;
    }
#endif
    switch (unit) {
    case 1: plane_8(out, in, row, col); break;
    case 2: plane_16(out, in, row, col); break;
    case 4: plane_32(out, in, row, col); break;
    case 8: plane_64(out, in, row, col); break;
    default: plane_any(out, in, unit, row, col);
    }
}

static uint64_t distance(int64_t stride)
{
    return stride < 0 ? (uint64_t)-stride : (uint64_t)stride;
}

/* Moves the loop with the smallest stride on one side (not 0 on the source's) to place `at`. */
static void bring_nearest(ggx_loop *loops, uint32_t at, int source_side)
{
    uint32_t best = at;
    uint64_t best_stride = UINT64_MAX;
    for (uint32_t i = 0; i <= at; i++) {
        uint64_t s = distance(source_side ? loops[i].from : loops[i].to);
        if (s && s < best_stride) {
            best = i;
            best_stride = s;
        }
    }
    ggx_loop t = loops[best];
    loops[best] = loops[at];
    loops[at] = t;
}

void ggx_permute(void *out, const void *in, uint32_t unit, ggx_loop *loops, uint32_t loop_count)
{
    static const ggx_loop once = {1, 0, 0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < loop_count; i++) {
        if (!loops[i].count) return;
        if (loops[i].count > 1) loops[n++] = loops[i];
    }
    if (n) bring_nearest(loops, n - 1, 0); /* innermost: contiguous in the destination */
    if (n > 1) bring_nearest(loops, n - 2, 1);
    const ggx_loop *col = n ? &loops[n - 1] : &once, *row = n > 1 ? &loops[n - 2] : &once;
    const uint32_t outer = n > 2 ? n - 2 : 0;
    uint64_t index[GGX_MAX_LOOPS] = {0};
    int64_t from = 0, to = 0;
    for (;;) {
        plane((uint8_t *)out + to * unit, (const uint8_t *)in + from * unit, unit, row, col);
        uint32_t l = outer;
        while (l > 0) {
            l--;
            from += loops[l].from;
            to += loops[l].to;
            if (++index[l] < loops[l].count) break;
            from -= (int64_t)loops[l].count * loops[l].from;
            to -= (int64_t)loops[l].count * loops[l].to;
            index[l] = 0;
            if (l == 0) return;
        }
        if (!outer) return;
    }
}
