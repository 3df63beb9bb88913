/* type.c - data types (IV.A.2.d) and data spaces (IV.A.2.b). */
#include "h5.h"

#define CLASS_INTEGER 0
#define CLASS_FLOAT 1
#define CLASS_STRING 3
#define CLASS_COMPOUND 6
#define CLASS_ENUM 8
#define CLASS_VLEN 9

/* The floating-point formats that have a name: by size, position and width of exponent and mantissa, and bias. */
static const struct {
    char name[8];
    uint8_t size, exponent_at, exponent, mantissa_at, mantissa;
    uint32_t bias;
} floats[] = {
    {"f64", 8, 52, 11, 0, 52, 1023}, {"f32", 4, 23, 8, 0, 23, 127},  {"f16", 2, 10, 5, 0, 10, 15},
    {"bf16", 2, 7, 8, 0, 7, 127},    {"f8_e5m2", 1, 2, 5, 0, 2, 15}, {"f8_e4m3", 1, 3, 4, 0, 3, 7},
};
#define FLOAT_COUNT (sizeof floats / sizeof floats[0])

static ggx_status read_integer(ggx_cursor *c, uint32_t bits, h5_type *out)
{
    uint32_t offset = ggx_cursor_u16(c, "a data type"), precision = ggx_cursor_u16(c, "a data type");
    char name[4] = {bits & 8 ? 'i' : 'u', (char)('0' + out->size), 0, 0};
    if (out->size == 2) memcpy(name + 1, "16", 2);
    if (out->size == 4) memcpy(name + 1, "32", 2);
    if (out->size == 8) memcpy(name + 1, "64", 2);
    if (out->size == 1) name[1] = '8';
    out->big = bits & 1;
    out->kind = H5_ODD_NUMBER;
    if (offset || precision != 8 * out->size || (out->size != 1 && out->size != 2 && out->size != 4 && out->size != 8))
        return c->status; /* some bits of an integer */
    out->kind = H5_NUMBER;
    out->type = ggx_type_make(name, 1, out->size);
    return c->status;
}

static ggx_status read_float(ggx_cursor *c, uint32_t bits, h5_type *out)
{
    uint32_t offset = ggx_cursor_u16(c, "a data type"), precision = ggx_cursor_u16(c, "a data type");
    uint32_t exponent_at = ggx_cursor_u8(c, "a data type"), exponent = ggx_cursor_u8(c, "a data type");
    uint32_t mantissa_at = ggx_cursor_u8(c, "a data type"), mantissa = ggx_cursor_u8(c, "a data type");
    uint32_t bias = ggx_cursor_u32(c, "a data type");
    out->big = bits & 1;
    out->kind = H5_ODD_NUMBER;
    if (bits & 0x40 || offset || precision != 8 * out->size) return c->status; /* VAX order, or padding */
    for (size_t i = 0; i < FLOAT_COUNT; i++)
        if (floats[i].size == out->size && floats[i].exponent_at == exponent_at && floats[i].exponent == exponent &&
            floats[i].mantissa_at == mantissa_at && floats[i].mantissa == mantissa && floats[i].bias == bias) {
            out->kind = H5_NUMBER;
            out->type = ggx_type_make(floats[i].name, 1, out->size);
        }
    return c->status;
}

static ggx_status read_type(ggx_cursor *c, uint32_t depth, h5_type *out, ggx_error *error);

static void skip_name(ggx_cursor *c, int padded)
{
    uint64_t start = c->at;
    while (ggx_cursor_u8(c, "a member's name") && c->status == GGX_OK) continue;
    if (padded && (c->at - start) % 8) ggx_cursor_skip(c, 8 - (c->at - start) % 8, "a member's name");
}

/* A pair of floats, as numpy's complex numbers are written; other compounds are no tensors. */
static ggx_status read_compound(ggx_cursor *c, uint32_t version, uint32_t bits, uint32_t depth, h5_type *out,
                                ggx_error *error)
{
    h5_type part[2];
    if ((bits & 0xffff) != 2 || depth > 1) return c->status;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t offset_bytes = out->size < 256 ? 1 : out->size < 65536 ? 2 : 3;
        skip_name(c, version < 3);
        uint64_t offset = ggx_cursor_uint(c, version < 3 ? 4 : offset_bytes, "a compound's member");
        if (version == 1) ggx_cursor_skip(c, 28, "a compound's member");
        ggx_status status = read_type(c, depth + 1, &part[i], error);
        if (status != GGX_OK) return status;
        if (offset != i * (uint64_t)part[0].size) return GGX_OK;
    }
    if (part[0].kind != H5_NUMBER || part[0].type.name[0] != 'f' || !ggx_type_same(&part[0].type, &part[1].type) ||
        part[0].big != part[1].big || out->size != 2 * part[0].size || (part[0].size != 4 && part[0].size != 8))
        return GGX_OK;
    out->kind = H5_NUMBER;
    out->big = part[0].big;
    out->type = ggx_type_make(part[0].size == 4 ? "c64" : "c128", 1, out->size);
    return GGX_OK;
}

/* h5py writes numpy's bool as an enumeration FALSE 0, TRUE 1 over int8; other enumerations are their numbers. */
static ggx_status read_enum(ggx_cursor *c, uint32_t version, uint32_t bits, uint32_t depth, h5_type *out,
                            ggx_error *error)
{
    static const char truth[] = "FALSE\0TRUE";
    uint32_t count = bits & 0xffff;
    h5_type base;
    ggx_status status = read_type(c, depth + 1, &base, error);
    if (status != GGX_OK || base.kind != H5_NUMBER || base.size != out->size) return status;
    *out = base;
    if (count != 2 || base.size != 1) return GGX_OK;
    char names[16] = {0};
    uint64_t start = c->at;
    skip_name(c, version < 3);
    uint64_t middle = c->at;
    skip_name(c, version < 3);
    uint64_t end = c->at;
    if (c->status != GGX_OK || end - start > sizeof names + 8) return c->status;
    uint32_t values = ggx_cursor_u16(c, "an enumeration");
    c->at = start;
    ggx_cursor_bytes(c, names, 6, "an enumeration");
    c->at = middle;
    ggx_cursor_bytes(c, names + 6, 5, "an enumeration");
    if (c->status == GGX_OK && !memcmp(names, truth, sizeof truth) && values == 0x100)
        out->type = ggx_type_make("bool", 1, 1);
    return c->status;
}

static ggx_status read_type(ggx_cursor *c, uint32_t depth, h5_type *out, ggx_error *error)
{
    memset(out, 0, sizeof *out);
    uint32_t head = ggx_cursor_u8(c, "a data type"), version = head >> 4, class = head & 15;
    uint32_t bits = (uint32_t)ggx_cursor_uint(c, 3, "a data type");
    out->size = ggx_cursor_u32(c, "a data type");
    if (c->status != GGX_OK) return c->status;
    if (!version || version > 5) return h5_cannot(c, error, "a data type has a version that this reader does not know");
    if (!out->size) return h5_bad(c, error, "a data type has no size");
    if (depth > 2) return GGX_OK;
    switch (class) {
    case CLASS_INTEGER: return read_integer(c, bits, out);
    case CLASS_FLOAT: return read_float(c, bits, out);
    case CLASS_STRING:
        out->kind = H5_STRING;
        out->pad = bits & 15;
        return GGX_OK;
    case CLASS_COMPOUND: return read_compound(c, version, bits, depth, out, error);
    case CLASS_ENUM: return read_enum(c, version, bits, depth, out, error);
    case CLASS_VLEN:
        if ((bits & 15) == 1) out->kind = H5_VLEN_STRING;
        return GGX_OK;
    default: return GGX_OK;
    }
}

typedef struct committed {
    h5_type *type;
    int found;
} committed;

static ggx_status take_committed(void *context, uint32_t type, uint32_t flags, ggx_cursor *c, ggx_error *error)
{
    committed *t = context;
    if (type != H5_MSG_TYPE || t->found) return GGX_OK;
    if (flags & H5_SHARED) return h5_bad(c, error, "a committed data type refers to another");
    t->found = 1;
    return read_type(c, 0, t->type, error);
}

/* IV.A.2, shared messages: only types that were committed under a name. */
static ggx_status read_shared(h5_file *f, ggx_cursor *c, h5_type *out, ggx_error *error)
{
    committed t = {out, 0};
    uint32_t version = ggx_cursor_u8(c, "a shared data type"), kind = ggx_cursor_u8(c, "a shared data type");
    if (version == 1) ggx_cursor_skip(c, 6, "a shared data type");
    if (c->status == GGX_OK && version == 3 && kind != 2)
        return h5_cannot(c, error, "a data type lies in the file's shared heap, which this reader does not know");
    uint64_t address = h5_address(f, c, "a shared data type");
    if (c->status != GGX_OK) return c->status;
    if (version < 1 || version > 3) return h5_cannot(c, error, "a shared data type has an unknown version");
    ggx_status status = h5_object_walk(f, address, take_committed, &t, error);
    if (status == GGX_OK && !t.found) return h5_bad(c, error, "a shared data type is not where it should be");
    return status;
}

ggx_status h5_type_read(h5_file *f, ggx_cursor *c, uint32_t flags, h5_type *out, ggx_error *error)
{
    memset(out, 0, sizeof *out);
    return flags & H5_SHARED ? read_shared(f, c, out, error) : read_type(c, 0, out, error);
}

ggx_status h5_space_read(h5_file *f, ggx_cursor *c, h5_space *out, ggx_error *error)
{
    uint64_t none = f->length_bytes == 8 ? UINT64_MAX : ((uint64_t)1 << (8 * f->length_bytes)) - 1, total;
    memset(out, 0, sizeof *out);
    uint32_t version = ggx_cursor_u8(c, "a data space");
    out->rank = ggx_cursor_u8(c, "a data space");
    uint32_t flags = ggx_cursor_u8(c, "a data space");
    uint32_t kind = ggx_cursor_u8(c, "a data space"); /* reserved in version 1 */
    if (version == 1) ggx_cursor_skip(c, 4, "a data space");
    if (c->status != GGX_OK) return c->status;
    if (version < 1 || version > 2)
        return h5_cannot(c, error, "a data space has a version that this reader does not know");
    if (out->rank > H5_MAX_RANK) return h5_bad(c, error, "a data space has more than 32 dimensions");
    out->null = version == 2 && kind == 2;
    for (uint32_t i = 0; i < out->rank; i++) out->dims[i] = out->max[i] = h5_length(f, c, "a data space");
    for (uint32_t i = 0; i < out->rank && flags & 1; i++) {
        uint64_t max = h5_length(f, c, "a data space");
        out->max[i] = max == none ? H5_NONE : max;
        if (c->status == GGX_OK && out->max[i] < out->dims[i])
            return h5_bad(c, error, "a dimension exceeds its maximum");
    }
    if (c->status == GGX_OK && (!ggx_product_u64(out->dims, out->rank, &total) || total > INT64_MAX))
        return h5_bad(c, error, "the product of a data space's dimensions overflows");
    return c->status;
}
