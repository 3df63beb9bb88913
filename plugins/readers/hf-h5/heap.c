/* heap.c - local, global and fractal heaps (III.D, III.E, III.G). */
#include "h5.h"

#define MAX_NAME 65535u /* the ABI's limit for a tensor's name */

ggx_status h5_local_name(h5_file *f, uint64_t heap, uint64_t offset, ggx_str *out, ggx_error *error)
{
    ggx_cursor c;
    ggx_status status = h5_file_at(f, &c, heap, H5_NONE, "a local heap", error);
    if (status == GGX_OK) status = h5_signature(&c, "HEAP", error);
    if (status != GGX_OK) return status;
    ggx_cursor_skip(&c, 4, "a local heap");
    uint64_t size = h5_length(f, &c, "a local heap");
    h5_length(f, &c, "a local heap"); /* free list */
    uint64_t data = h5_address(f, &c, "a local heap");
    if (c.status != GGX_OK) return c.status;
    if (offset >= size) return h5_bad(&c, error, "a name lies outside its heap");
    status = h5_file_at(f, &c, data, size, "the data of a local heap", error);
    if (status != GGX_OK) return status;
    ggx_cursor_skip(&c, offset, "a name");
    ggx_cursor start = c;
    uint64_t length = 0;
    while (ggx_cursor_u8(&c, "a name") && c.status == GGX_OK)
        if (++length > MAX_NAME) return h5_bad(&c, error, "a name is longer than 65535 bytes");
    if (c.status != GGX_OK) return c.status;
    char *name = f->host->alloc(f->host, length);
    if (!name) return ggx_fail(error, GGX_E_NOMEM, "the names do not fit into this reader's memory");
    out->data = name;
    out->size = length;
    return ggx_cursor_bytes(&start, name, length, "a name");
}

ggx_status h5_global_find(h5_file *f, uint64_t collection, uint32_t index, uint64_t *address, uint64_t *size,
                          ggx_error *error)
{
    ggx_cursor c;
    ggx_status status = h5_file_at(f, &c, collection, H5_NONE, "a global heap", error);
    uint64_t start = c.at;
    if (status == GGX_OK) status = h5_signature(&c, "GCOL", error);
    if (status != GGX_OK) return status;
    ggx_cursor_skip(&c, 4, "a global heap");
    uint64_t total = h5_length(f, &c, "a global heap");
    if (c.status != GGX_OK) return c.status;
    if (total > c.end - start || total < c.at - start) return h5_bad(&c, error, "a global heap has an impossible size");
    c.end = start + total;
    uint32_t head = 8 + f->length_bytes;
    while (ggx_cursor_left(&c) >= head) {
        uint32_t found = ggx_cursor_u16(&c, "a global heap");
        ggx_cursor_skip(&c, 6, "a global heap");
        uint64_t n = h5_length(f, &c, "a global heap");
        if (c.status != GGX_OK) return c.status;
        if (!found) break; /* free space to the end */
        if (n > ggx_cursor_left(&c)) return h5_bad(&c, error, "an object is longer than its heap");
        if (found == index) {
            *address = c.at - f->base;
            *size = n;
            return GGX_OK;
        }
        uint64_t padded = (n + 7) & ~(uint64_t)7;
        if (++f->steps > f->max_steps || padded > ggx_cursor_left(&c)) break;
        c.at += padded;
    }
    return h5_bad(&c, error, "a value of variable length is not in its heap");
}

ggx_status h5_fractal_open(h5_file *f, uint64_t address, h5_fractal *heap, ggx_error *error)
{
    ggx_cursor c;
    ggx_status status = h5_file_at(f, &c, address, H5_NONE, "a fractal heap", error);
    if (status == GGX_OK) status = h5_signature(&c, "FRHP", error);
    if (status != GGX_OK) return status;
    ggx_cursor_skip(&c, 1, "a fractal heap");
    heap->address = address;
    heap->id_bytes = ggx_cursor_u16(&c, "a fractal heap");
    uint32_t filters = ggx_cursor_u16(&c, "a fractal heap");
    uint32_t flags = ggx_cursor_u8(&c, "a fractal heap");
    heap->max_managed = ggx_cursor_u32(&c, "a fractal heap");
    ggx_cursor_skip(&c, f->length_bytes, "a fractal heap"); /* next huge id */
    heap->huge = h5_address(f, &c, "a fractal heap");
    /* free space, its manager, managed space, allocated, iterator, and counts and sizes of objects */
    ggx_cursor_skip(&c, 9 * (uint64_t)f->length_bytes + f->offset_bytes, "a fractal heap");
    heap->width = ggx_cursor_u16(&c, "a fractal heap");
    heap->start_size = h5_length(f, &c, "a fractal heap");
    heap->max_direct = h5_length(f, &c, "a fractal heap");
    heap->max_bits = ggx_cursor_u16(&c, "a fractal heap");
    ggx_cursor_skip(&c, 2, "a fractal heap");
    heap->root = h5_address(f, &c, "a fractal heap");
    heap->root_rows = ggx_cursor_u16(&c, "a fractal heap");
    if (c.status != GGX_OK) return c.status;
    if (filters) return h5_cannot(&c, error, "a group's heap is compressed, which this reader does not know");
    uint64_t s = heap->start_size, m = heap->max_direct;
    if (!heap->width || !s || (s & (s - 1)) || (m & (m - 1)) || m < s || !heap->max_bits || heap->max_bits > 64 ||
        heap->root_rows > 64)
        return h5_bad(&c, error, "a fractal heap has impossible measures");
    heap->checksummed = flags >> 1 & 1;
    heap->offset_bytes = (heap->max_bits + 7) / 8;
    /* H5HF: as many bytes as the largest managed object, or the largest direct block, needs */
    uint64_t longest = m < heap->max_managed ? m : heap->max_managed;
    heap->length_bytes = 1;
    while (heap->length_bytes < 8 && longest >> (8 * heap->length_bytes)) heap->length_bytes++;
    return GGX_OK;
}

/* Bytes of a block in row `row` of a doubling table. */
static uint64_t row_size(const h5_fractal *heap, uint32_t row)
{
    return row < 2 ? heap->start_size : row < 64 ? heap->start_size << (row - 1) : 0;
}

static uint32_t log2_of(uint64_t value)
{
    uint32_t n = 0;
    while (value >>= 1) n++;
    return n;
}

/* From an indirect block down to the direct block that holds the heap offset *offset, which becomes relative to it. */
static ggx_status descend(h5_file *f, const h5_fractal *heap, uint64_t *offset, uint64_t *block, uint64_t *block_size,
                          ggx_error *error)
{
    uint64_t address = heap->root;
    uint32_t rows = heap->root_rows;
    for (;;) {
        ggx_cursor c;
        uint64_t before = 0, size = 0;
        uint32_t row = 0;
        ggx_status status = h5_file_at(f, &c, address, H5_NONE, "an indirect block", error);
        if (status == GGX_OK) status = h5_signature(&c, "FHIB", error);
        if (status != GGX_OK) return status;
        for (; row < rows; row++, before += heap->width * size) {
            size = row_size(heap, row);
            if (!size || size > UINT64_MAX / 2 / heap->width)
                return h5_bad(&c, error, "a fractal heap is impossibly large");
            if (*offset - before < heap->width * size) break;
        }
        if (row == rows) return h5_bad(&c, error, "an object lies outside its heap");
        *offset -= before;
        uint64_t column = *offset / size;
        *offset -= column * size;
        ggx_cursor_skip(
            &c, 1 + f->offset_bytes + heap->offset_bytes + (row * (uint64_t)heap->width + column) * f->offset_bytes,
            "an indirect block");
        address = h5_address(f, &c, "an indirect block");
        if (c.status != GGX_OK) return c.status;
        if (address == H5_NONE) return h5_bad(&c, error, "an object lies in a block that is not there");
        if (size <= heap->max_direct) {
            *block = address;
            *block_size = size;
            return GGX_OK;
        }
        uint32_t first = log2_of(heap->start_size) + log2_of(heap->width), own = log2_of(size);
        if (own < first) return h5_bad(&c, error, "a fractal heap has impossible measures");
        rows = own - first + 1;
    }
}

static uint64_t read_uint(const uint8_t *bytes, uint32_t count)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < count; i++) v |= (uint64_t)bytes[i] << (8 * i);
    return v;
}

typedef struct huge_search {
    uint64_t id, address, size;
    uint32_t offset_bytes, length_bytes;
    int found;
} huge_search;

/* III.G, type 1: address, length, id. The other types are of heaps with filters, or of ids that hold the place. */
static ggx_status match_huge(void *context, const uint8_t *record, uint32_t size, uint32_t type, ggx_error *error)
{
    huge_search *s = context;
    if (type != 1 || size != s->offset_bytes + 2 * s->length_bytes)
        return ggx_fail(error, GGX_E_UNSUPPORTED,
                        "large objects lie in a B-tree of a kind that this reader does not know");
    if (read_uint(record + s->offset_bytes + s->length_bytes, s->length_bytes) != s->id) return GGX_OK;
    s->address = read_uint(record, s->offset_bytes);
    s->size = read_uint(record + s->offset_bytes, s->length_bytes);
    s->found = 1;
    return GGX_OK;
}

static ggx_status find_huge(h5_file *f, const h5_fractal *heap, const uint8_t *id, uint32_t id_bytes, uint64_t *address,
                            uint64_t *size, ggx_error *error)
{
    huge_search s = {.offset_bytes = f->offset_bytes, .length_bytes = f->length_bytes};
    uint32_t width = id_bytes - 1 < f->length_bytes ? id_bytes - 1 : f->length_bytes;
    s.id = read_uint(id + 1, width);
    ggx_status status = heap->huge == H5_NONE ? GGX_OK : h5_btree2_walk(f, heap->huge, match_huge, &s, error);
    if (status == GGX_OK && !s.found)
        return ggx_fail_at(error, GGX_E_MALFORMED, f->member, f->base + heap->address,
                           "a large object is not in its heap; the file is damaged");
    *address = s.address;
    *size = s.size;
    return status;
}

ggx_status h5_fractal_find(h5_file *f, const h5_fractal *heap, const uint8_t *id, uint32_t id_bytes, uint64_t *address,
                           uint64_t *size, ggx_error *error)
{
    uint32_t kind = id[0] >> 4 & 3;
    uint64_t block = heap->root, block_size = heap->start_size;
    if (kind == 1) return find_huge(f, heap, id, id_bytes, address, size, error);
    if (kind || id_bytes < 1 + heap->offset_bytes + heap->length_bytes)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, f->member, f->base + heap->address,
                           "a heap holds an object inside its id, which this reader does not know");
    uint64_t offset = read_uint(id + 1, heap->offset_bytes);
    *size = read_uint(id + 1 + heap->offset_bytes, heap->length_bytes);
    if (block == H5_NONE)
        return ggx_fail_at(error, GGX_E_MALFORMED, f->member, f->base + heap->address,
                           "an object lies in an empty heap");
    if (heap->root_rows) {
        ggx_status status = descend(f, heap, &offset, &block, &block_size, error);
        if (status != GGX_OK) return status;
    }
    if (offset >= block_size || *size > block_size - offset)
        return ggx_fail_at(error, GGX_E_MALFORMED, f->member, f->base + heap->address,
                           "an object goes beyond its block; the file is damaged");
    *address = block + offset;
    return GGX_OK;
}
