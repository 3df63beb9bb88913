/* scale.c - filter 6, scale-offset: integers less their minimum, or floats times a power of ten less theirs, in as few bits as they need.
 *
 * 4 bytes number of bits, 1 byte 8, 8 bytes minimum, all little-endian, 8 bytes unused; then the values, bit by bit from the highest on, without
 * padding. All bits set stands for the fill value. With as many bits as the type has, the elements lie there as they are. Source: HDF5 1.14,
 * src/H5Zscaleoffset.c (H5Z__filter_scaleoffset, H5Z__scaleoffset_decompress, the postdecompress macros). */
#include "h5.h"

#define HEADER 21u
#define KIND_FLOAT 0 /* decimal scale; HDF5 has never written a binary one */
#define KIND_INTEGER 2
#define MAX_SCALE 22 /* the largest power of ten that a double holds exactly */

/* What the filter's parameters say, as HDF5 numbers them. */
enum { P_KIND, P_SCALE, P_COUNT, P_CLASS, P_SIZE, P_SIGN, P_ORDER, P_HAS_FILL, P_FILL };

static uint64_t little(const uint8_t *b, uint32_t bytes)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < bytes; i++) v |= (uint64_t)b[i] << (8 * i);
    return v;
}

/* An element as the file's type has it. */
static void put(const h5_dataset *d, uint8_t *out, uint64_t bits)
{
    for (uint32_t i = 0; i < d->type.size; i++)
        out[d->type.big ? d->type.size - 1 - i : i] = (uint8_t)(bits >> (8 * i));
}

/* `bits` bits from bit `at` on, the highest first. */
static uint64_t take(const uint8_t *in, uint64_t at, uint32_t bits)
{
    uint64_t v = 0;
    while (bits) {
        uint32_t left = 8 - (uint32_t)(at & 7), n = bits < left ? bits : left;
        v = v << n | ((uint64_t)in[at >> 3] >> (left - n) & ((1u << n) - 1));
        at += n;
        bits -= n;
    }
    return v;
}

/* The number of a float of 4 or 8 bytes: packed ÷ 10^scale + minimum, in the type's own precision. */
static uint64_t scaled(uint64_t packed, uint32_t size, double power, uint64_t minimum)
{
    uint64_t bits = 0;
    if (size == 4) {
        uint32_t low = (uint32_t)minimum;
        float least, value;
        memcpy(&least, &low, 4);
        value = (float)(int32_t)packed / (float)power + least;
        memcpy(&low, &value, 4);
        return low;
    }
    double least, value;
    memcpy(&least, &minimum, 8);
    value = (double)(int64_t)packed / power + least;
    memcpy(&bits, &value, 8);
    return bits;
}

static double power_of_ten(int32_t scale)
{
    double power = 1;
    for (int32_t i = 0; i < (scale < 0 ? -scale : scale); i++) power *= 10;
    return scale < 0 ? 1 / power : power;
}

/* Whether the parameters are those of this dataset, and of a kind that is read. */
int h5_scale_is_known(const h5_dataset *d)
{
    const uint32_t *p = d->scale;
    int is_float = d->type.type.name[0] == 'f';
    int32_t scale = (int32_t)p[P_SCALE];
    if (p[P_SIZE] != d->type.size || p[P_ORDER] != d->type.big || d->type.type.name[0] == 'c') return 0;
    if (p[P_KIND] == KIND_FLOAT)
        return is_float && p[P_CLASS] == 1 && (d->type.size == 4 || d->type.size == 8) && scale >= -MAX_SCALE &&
               scale <= MAX_SCALE;
    return p[P_KIND] == KIND_INTEGER && p[P_CLASS] == 0 && !is_float;
}

/* Unpacks `size` bytes to chunk_bytes of `out`; 0: they are not what the filter writes. */
int h5_scale_unpack(const h5_dataset *d, const uint8_t *in, uint64_t size, uint8_t *out)
{
    const uint32_t width = d->type.size;
    const uint64_t count = d->chunk_bytes / width;
    if (size < HEADER || d->scale[P_COUNT] != count) return 0;
    const uint64_t bits = little(in, 4), minimum = little(in + 5, 8),
                   fill = d->scale[P_FILL] | (uint64_t)d->scale[P_FILL + 1] << 32;
    const uint64_t all = bits ? UINT64_MAX >> (64 - (bits < 64 ? bits : 64)) : 0;
    if (in[4] != 8 || bits > 8 * width || count > (size - HEADER) * 8 / (bits ? bits : 1)) return 0;
    if (bits ==
        8 * width) { /* in the order of the machine that wrote; convert-on-read is HDF5's, and so is little-endian */
        for (uint64_t i = 0; i < count; i++) put(d, out + i * width, little(in + HEADER + i * width, width));
        return 1;
    }
    const double power = power_of_ten(d->scale[P_KIND] == KIND_FLOAT ? (int32_t)d->scale[P_SCALE] : 0);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t v = take(in + HEADER, i * bits, (uint32_t)bits);
        if (bits && d->scale[P_HAS_FILL] && v == all)
            v = fill;
        else if (d->scale[P_KIND] == KIND_FLOAT)
            v = scaled(v, width, power, minimum);
        else
            v += minimum;
        put(d, out + i * width, v);
    }
    return 1;
}
