/* chunk.c - where the chunks of a dataset lie: version 1 B-trees (III.A.1), single and implicit indexes, version 2 B-trees. */
#include "h5.h"

#include <stdlib.h>

#define BTREE1_LEVELS 16u

ggx_status h5_chunk_take(h5_chunk_sink *sink, const uint64_t *scaled, uint64_t address, uint64_t size, uint32_t mask,
                         ggx_error *error)
{
    h5_dataset *d = sink->d;
    uint64_t index = 0;
    if (++sink->f->steps > sink->f->max_steps)
        return ggx_fail(error, GGX_E_MALFORMED, "a dataset has more chunks than a file of this size can");
    if (address == H5_NONE) return GGX_OK;
    for (uint32_t i = 0; i < d->space.rank; i++) {
        if (scaled[i] >= d->grid[i]) return GGX_OK; /* left over from before the dataset was made smaller */
        index = index * d->grid[i] + scaled[i];     /* fits: the grid has no more elements than the dataset */
    }
    if (!d->filter_count) size = d->chunk_bytes;
    uint64_t room = sink->f->end - sink->f->base;
    if (!size || size > UINT32_MAX || address > room || size > room - address)
        return ggx_fail_at(
            error, GGX_E_MALFORMED, sink->f->member, sink->f->base + d->object,
            "a chunk of %llu bytes at address %llu lies beyond the end of the file; it is cut short or damaged",
            (unsigned long long)size, (unsigned long long)address);
    if (d->chunk_count == sink->room) {
        uint64_t more = sink->room ? 2 * sink->room : 16;
        h5_chunk *chunks = sink->f->host->alloc(sink->f->host, more * sizeof *chunks);
        if (!chunks) return ggx_fail(error, GGX_E_NOMEM, "the list of chunks does not fit into this reader's memory");
        if (d->chunk_count) memcpy(chunks, d->chunks, (size_t)d->chunk_count * sizeof *chunks);
        d->chunks = chunks;
        sink->room = more;
    }
    d->chunks[d->chunk_count++] = (h5_chunk){index, address, (uint32_t)size, mask};
    return GGX_OK;
}

static ggx_status walk_btree1(h5_chunk_sink *sink, uint64_t address, uint32_t level, ggx_error *error)
{
    h5_dataset *d = sink->d;
    ggx_cursor c;
    uint64_t scaled[H5_MAX_RANK];
    ggx_status status = h5_file_at(sink->f, &c, address, H5_NONE, "a B-tree of chunks", error);
    if (status == GGX_OK) status = h5_signature(&c, "TREE", error);
    if (status != GGX_OK) return status;
    uint32_t type = ggx_cursor_u8(&c, "a B-tree of chunks"), own = ggx_cursor_u8(&c, "a B-tree of chunks");
    uint32_t count = ggx_cursor_u16(&c, "a B-tree of chunks");
    if (c.status == GGX_OK && (type != 1 || own >= level))
        return h5_bad(&c, error, "a B-tree of chunks has a wrong node");
    ggx_cursor_skip(&c, 2 * (uint64_t)sink->f->offset_bytes, "a B-tree of chunks");
    for (uint32_t n = 0; n < count && c.status == GGX_OK; n++) {
        uint64_t size = ggx_cursor_u32(&c, "a chunk's key");
        uint32_t mask = ggx_cursor_u32(&c, "a chunk's key");
        for (uint32_t i = 0; i < d->space.rank; i++) {
            uint64_t start = ggx_cursor_u64(&c, "a chunk's key");
            scaled[i] = start / d->chunk[i];
            if (c.status == GGX_OK && !own && start % d->chunk[i])
                return h5_bad(&c, error, "a chunk lies between two others");
        }
        ggx_cursor_skip(&c, 8, "a chunk's key"); /* the bytes of an element as an axis: 0 */
        uint64_t child = h5_address(sink->f, &c, "a B-tree of chunks");
        if (c.status != GGX_OK) break;
        status = own ? walk_btree1(sink, child, own, error) : h5_chunk_take(sink, scaled, child, size, mask, error);
        if (status != GGX_OK) return status;
    }
    return c.status;
}

static uint64_t read_uint(const uint8_t *bytes, uint32_t count)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < count; i++) v |= (uint64_t)bytes[i] << (8 * i);
    return v;
}

static ggx_status take_record(void *context, const uint8_t *record, uint32_t size, uint32_t type, ggx_error *error)
{
    h5_chunk_sink *sink = context;
    uint64_t scaled[H5_MAX_RANK], bytes = 0, address = read_uint(record, sink->f->offset_bytes);
    uint32_t rank = sink->d->space.rank, tail = 8 * rank, mask = 0;
    uint32_t fixed = sink->f->offset_bytes + tail + (type == 11 ? 4 : 0);
    if ((type != 10 && type != 11) || size < fixed || (type == 11 && (size == fixed || size > fixed + 8)) ||
        (type == 10) != !sink->d->filter_count)
        return ggx_fail(error, GGX_E_MALFORMED, "chunks lie in a B-tree of another kind; the file is damaged");
    if (type == 11) {
        bytes = read_uint(record + sink->f->offset_bytes, size - fixed);
        mask = (uint32_t)read_uint(record + size - tail - 4, 4);
    }
    for (uint32_t i = 0; i < rank; i++) scaled[i] = read_uint(record + size - tail + 8 * i, 8);
    return h5_chunk_take(sink, scaled, address, bytes, mask, error);
}

/* One after the other, all there. */
static ggx_status walk_implicit(h5_chunk_sink *sink, ggx_error *error)
{
    h5_dataset *d = sink->d;
    uint64_t scaled[H5_MAX_RANK] = {0}, total = 0;
    if (!ggx_product_u64(d->grid, d->space.rank, &total)) total = H5_NONE;
    for (uint64_t n = 0; n < total; n++) {
        uint64_t at = 0;
        for (uint32_t i = 0; i < d->space.rank; i++) {
            uint64_t most = d->space.max[i] / d->chunk[i] + (d->space.max[i] % d->chunk[i] != 0);
            if (d->space.max[i] == H5_NONE || !ggx_mul_u64(at, most, &at) || !ggx_add_u64(at, scaled[i], &at))
                return ggx_fail(error, GGX_E_MALFORMED,
                                "chunks without an index have no fixed number; the file is damaged");
        }
        if (!ggx_mul_u64(at, d->chunk_bytes, &at) || !ggx_add_u64(at, d->address, &at)) at = H5_NONE - 1;
        ggx_status status = h5_chunk_take(sink, scaled, at, d->chunk_bytes, 0, error);
        if (status != GGX_OK) return status;
        for (uint32_t i = d->space.rank; i-- > 0;) {
            if (++scaled[i] < d->grid[i]) break;
            scaled[i] = 0;
        }
    }
    return GGX_OK;
}

static int compare(const void *left, const void *right)
{
    const h5_chunk *a = left, *b = right;
    return a->index < b->index ? -1 : a->index > b->index;
}

ggx_status h5_chunks_read(h5_file *f, h5_dataset *d, ggx_error *error)
{
    static const uint64_t origin[H5_MAX_RANK] = {0};
    h5_chunk_sink sink = {f, d, 0};
    uint64_t total = 0;
    ggx_status status = GGX_OK;
    if (!ggx_product_u64(d->grid, d->space.rank, &total) || !total || d->address == H5_NONE) return GGX_OK;
    switch (d->index) {
    case H5_INDEX_SINGLE:
        status = h5_chunk_take(&sink, origin, d->address, d->single_filtered ? d->single_size : d->chunk_bytes,
                               d->single_filtered ? d->single_mask : UINT32_MAX, error);
        break;
    case H5_INDEX_IMPLICIT: status = walk_implicit(&sink, error); break;
    case H5_INDEX_FIXED: status = h5_fixed_array_walk(&sink, error); break;
    case H5_INDEX_EXTENSIBLE: status = h5_extensible_array_walk(&sink, error); break;
    case H5_INDEX_BTREE2: status = h5_btree2_walk(f, d->address, take_record, &sink, error); break;
    default: status = walk_btree1(&sink, d->address, BTREE1_LEVELS, error); break;
    }
    if (status != GGX_OK) return status;
    if (d->chunk_count > 1) qsort(d->chunks, (size_t)d->chunk_count, sizeof *d->chunks, compare);
    for (uint64_t i = 1; i < d->chunk_count; i++)
        if (d->chunks[i].index == d->chunks[i - 1].index)
            return ggx_fail_at(error, GGX_E_MALFORMED, f->member, f->base + d->object,
                               "a chunk of a dataset lies in two places; the file is damaged");
    return GGX_OK;
}
