/* dataset.c - one dataset: its type, shape, fill value, filters, and where its data lie (IV.A.2.e, f, i, l). */
#include "h5.h"

typedef struct walk {
    h5_file *f;
    h5_dataset *d;
    uint8_t fill[H5_MAX_FILL];
    uint64_t fill_size;
} walk;

/* The axes of a chunk, in versions 1 to 3 of the layout message followed by the bytes of an element as if they were another axis. */
static ggx_status read_chunk_shape(ggx_cursor *c, h5_dataset *d, uint32_t axes, uint32_t width, ggx_error *error)
{
    if (c->status != GGX_OK) return c->status;
    if (axes < 2 || axes - 1 > H5_MAX_RANK || width < 1 || width > 8)
        return h5_bad(c, error, "a chunk has an impossible number of dimensions");
    for (uint32_t i = 0; i + 1 < axes; i++) {
        d->chunk[i] = ggx_cursor_uint(c, width, "a chunk's shape");
        if (c->status == GGX_OK && !d->chunk[i]) return h5_bad(c, error, "a chunk has an empty dimension");
    }
    ggx_cursor_uint(c, width, "a chunk's shape");
    d->chunk_rank = axes - 1;
    return c->status;
}

static ggx_status read_compact(walk *w, ggx_cursor *c, uint64_t size, ggx_error *error)
{
    if (c->status == GGX_OK && size > ggx_cursor_left(c))
        return h5_bad(c, error, "a compact dataset is longer than its message");
    w->d->layout = H5_COMPACT;
    w->d->address = c->at - w->f->base;
    w->d->size = size;
    return c->status;
}

/* Versions 1 and 2 give the shape a second time. */
static ggx_status read_layout_old(walk *w, ggx_cursor *c, ggx_error *error)
{
    h5_dataset *d = w->d;
    uint32_t axes = ggx_cursor_u8(c, "a layout");
    d->layout = ggx_cursor_u8(c, "a layout");
    ggx_cursor_skip(c, 5, "a layout");
    if (c->status == GGX_OK && d->layout > H5_CHUNKED) return h5_cannot(c, error, "a dataset has an unknown layout");
    if (d->layout != H5_COMPACT) d->address = h5_address(w->f, c, "a layout");
    if (d->layout == H5_CHUNKED) return read_chunk_shape(c, d, axes, 4, error);
    ggx_cursor_skip(c, 4 * (uint64_t)axes, "a layout");
    d->size = H5_NONE; /* what shape and type say */
    return d->layout == H5_COMPACT ? read_compact(w, c, ggx_cursor_u32(c, "a layout"), error) : c->status;
}

/* Version 4: five kinds of index; their own parameters matter only to who writes, but for those of a single chunk. */
static ggx_status read_index(walk *w, ggx_cursor *c, ggx_error *error)
{
    static const uint8_t parameters[] = {0, 0, 0, 1, 5, 6};
    h5_dataset *d = w->d;
    uint32_t flags = ggx_cursor_u8(c, "a layout"), axes = ggx_cursor_u8(c, "a layout");
    uint32_t width = ggx_cursor_u8(c, "a layout");
    ggx_status status = read_chunk_shape(c, d, axes, width, error);
    if (status != GGX_OK) return status;
    d->index = ggx_cursor_u8(c, "a layout");
    d->whole_edges = flags & 1;
    if (c->status == GGX_OK && (d->index < H5_INDEX_SINGLE || d->index > H5_INDEX_BTREE2))
        return h5_cannot(c, error, "a dataset's chunks have an unknown index");
    if (d->index == H5_INDEX_SINGLE && flags & 2) {
        d->single_filtered = 1;
        d->single_size = h5_length(w->f, c, "a layout");
        d->single_mask = ggx_cursor_u32(c, "a layout");
    }
    ggx_cursor_skip(c, d->index <= H5_INDEX_BTREE2 ? parameters[d->index] : 0, "a layout");
    d->address = h5_address(w->f, c, "a layout");
    return c->status;
}

static ggx_status read_layout(walk *w, ggx_cursor *c, ggx_error *error)
{
    h5_dataset *d = w->d;
    uint32_t version = ggx_cursor_u8(c, "a layout");
    d->has_layout = 1;
    d->index = H5_INDEX_BTREE1;
    if (c->status != GGX_OK) return c->status;
    if (!version || version > 5) return h5_cannot(c, error, "a layout has a version that this reader does not know");
    if (version < 3) return read_layout_old(w, c, error);
    d->layout = ggx_cursor_u8(c, "a layout");
    if (d->layout == H5_COMPACT) return read_compact(w, c, ggx_cursor_u16(c, "a layout"), error);
    if (d->layout == H5_CONTIGUOUS) {
        d->address = h5_address(w->f, c, "a layout");
        d->size = h5_length(w->f, c, "a layout");
        return c->status;
    }
    if (d->layout != H5_CHUNKED)
        return h5_cannot(c, error, "a dataset is made of others (virtual); copy the file with h5repack");
    if (version > 3) return read_index(w, c, error);
    uint32_t axes = ggx_cursor_u8(c, "a layout");
    d->address = h5_address(w->f, c, "a layout");
    return read_chunk_shape(c, d, axes, 4, error);
}

static ggx_status read_filters(h5_dataset *d, ggx_cursor *c, ggx_error *error)
{
    uint32_t version = ggx_cursor_u8(c, "a filter"), count = ggx_cursor_u8(c, "a filter");
    if (version == 1) ggx_cursor_skip(c, 6, "a filter");
    if (c->status != GGX_OK) return c->status;
    if (version < 1 || version > 2) return h5_cannot(c, error, "filters have a version that this reader does not know");
    if (count > H5_MAX_FILTERS) return h5_cannot(c, error, "a dataset has more than 8 filters");
    d->filter_count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = ggx_cursor_u16(c, "a filter");
        uint32_t name = version == 1 || id >= 256 ? ggx_cursor_u16(c, "a filter") : 0;
        ggx_cursor_skip(c, 2, "a filter"); /* flags */
        uint32_t values = ggx_cursor_u16(c, "a filter");
        if (version == 1) name = (name + 7) & ~7u;
        uint32_t kept = id != H5_FILTER_SCALE ? 0 : values < H5_SCALE_VALUES ? values : H5_SCALE_VALUES;
        ggx_cursor_skip(c, name, "a filter");
        for (uint32_t k = 0; k < kept; k++) d->scale[k] = ggx_cursor_u32(c, "a filter");
        ggx_cursor_skip(c, 4 * (uint64_t)((version == 1 ? (values + 1) & ~1u : values) - kept), "a filter");
        if (c->status != GGX_OK) return c->status;
        d->filters[i] = (uint16_t)id;
    }
    return GGX_OK;
}

static ggx_status read_fill(walk *w, ggx_cursor *c, int old, ggx_error *error)
{
    uint32_t defined = 1;
    if (!old) {
        uint32_t version = ggx_cursor_u8(c, "a fill value"), flags = ggx_cursor_u8(c, "a fill value");
        if (c->status == GGX_OK && (version < 1 || version > 3))
            return h5_cannot(c, error, "a fill value has a version that this reader does not know");
        if (version == 3) {
            defined = flags >> 5 & 1;
        } else { /* `flags` was the time of allocation */
            ggx_cursor_skip(c, 1, "a fill value");
            defined = ggx_cursor_u8(c, "a fill value") || version == 1;
        }
    }
    if (!defined || c->status != GGX_OK) return c->status;
    uint64_t size = ggx_cursor_u32(c, "a fill value");
    if (c->status != GGX_OK) return c->status;
    if (size > 0x7fffffff) size = 0; /* -1: none */
    if (size > ggx_cursor_left(c)) return h5_bad(c, error, "a fill value is longer than its message");
    w->fill_size = size;
    return size <= H5_MAX_FILL ? ggx_cursor_bytes(c, w->fill, size, "a fill value") : GGX_OK;
}

static ggx_status take_message(void *context, uint32_t type, uint32_t flags, ggx_cursor *c, ggx_error *error)
{
    walk *w = context;
    if (flags & H5_SHARED && type != H5_MSG_TYPE) {
        if (type == H5_MSG_SPACE || type == H5_MSG_FILL || type == H5_MSG_FILTERS || type == H5_MSG_LAYOUT)
            return h5_cannot(c, error,
                             "a part of a dataset's header lies in the file's shared heap, which this reader "
                             "does not know");
        return GGX_OK;
    }
    switch (type) {
    case H5_MSG_SPACE: w->d->has_space = 1; return h5_space_read(w->f, c, &w->d->space, error);
    case H5_MSG_TYPE: w->d->has_type = 1; return h5_type_read(w->f, c, flags, &w->d->type, error);
    case H5_MSG_OLD_FILL: return w->fill_size ? GGX_OK : read_fill(w, c, 1, error);
    case H5_MSG_FILL: return read_fill(w, c, 0, error);
    case H5_MSG_EXTERNAL:
        return h5_cannot(c, error, "a dataset lies in another file (external storage); copy the file with h5repack");
    case H5_MSG_LAYOUT: return read_layout(w, c, error);
    case H5_MSG_FILTERS: return read_filters(w->d, c, error);
    default: return GGX_OK;
    }
}

/* Checks the parts against each other, once all are known. */
static ggx_status finish(walk *w, ggx_error *error)
{
    h5_dataset *d = w->d;
    uint64_t elems = 0, bytes = 0;
    uint64_t place = w->f->base + d->object;
    if (!d->has_type || !d->has_space)
        return ggx_fail_at(error, GGX_E_MALFORMED, w->f->member, place,
                           "a dataset has no type or no shape; the file is damaged");
    if (d->type.kind != H5_NUMBER || d->space.null) return GGX_OK;
    if (!ggx_product_u64(d->space.dims, d->space.rank, &elems) || !ggx_mul_u64(elems, d->type.size, &bytes))
        return ggx_fail_at(error, GGX_E_MALFORMED, w->f->member, place, "the size of a dataset overflows");
    if (w->fill_size == d->type.size) memcpy(d->fill, w->fill, (size_t)w->fill_size);
    if (d->layout != H5_CHUNKED) {
        if (d->size == H5_NONE) d->size = bytes;
        if (d->address != H5_NONE && d->size < bytes)
            return ggx_fail_at(error, GGX_E_MALFORMED, w->f->member, place,
                               "a dataset of %llu bytes has room for %llu; the file is damaged",
                               (unsigned long long)bytes, (unsigned long long)d->size);
        d->size = bytes;
        uint64_t room = w->f->end - w->f->base;
        if (d->address != H5_NONE && (d->address > room || bytes > room - d->address))
            return ggx_fail_at(
                error, GGX_E_MALFORMED, w->f->member, place,
                "a dataset of %llu bytes at address %llu lies beyond the end of the file; it is cut short or "
                "damaged",
                (unsigned long long)bytes, (unsigned long long)d->address);
        return GGX_OK;
    }
    if (d->chunk_rank != d->space.rank)
        return ggx_fail_at(error, GGX_E_MALFORMED, w->f->member, place,
                           "a dataset has %u dimensions and its chunks have %u; the file is damaged", d->space.rank,
                           d->chunk_rank);
    if (!ggx_product_u64(d->chunk, d->space.rank, &elems) || !ggx_mul_u64(elems, d->type.size, &d->chunk_bytes) ||
        d->chunk_bytes > UINT32_MAX)
        return ggx_fail_at(error, GGX_E_MALFORMED, w->f->member, place,
                           "a chunk is larger than 4 GiB; the file is damaged");
    for (uint32_t i = 0; i < d->space.rank; i++)
        d->grid[i] = d->space.dims[i] / d->chunk[i] + (d->space.dims[i] % d->chunk[i] != 0);
    return GGX_OK;
}

ggx_status h5_dataset_read(h5_file *f, uint64_t address, h5_dataset *out, ggx_error *error)
{
    walk w = {.f = f, .d = out};
    memset(out, 0, sizeof *out);
    out->object = address;
    out->address = H5_NONE;
    ggx_status status = h5_object_walk(f, address, take_message, &w, error);
    return status == GGX_OK && out->has_layout ? finish(&w, error) : status;
}
