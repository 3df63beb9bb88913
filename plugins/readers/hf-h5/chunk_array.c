/* chunk_array.c - the two arrays that index chunks in new files: fixed arrays, for shapes that cannot grow, and extensible arrays, for those
 * with one axis that can ("Fixed Array Index" and "Extensible Array Index" in the specification's appendix; H5FA, H5EA in the library). */
#include "h5.h"

typedef struct array {
    h5_chunk_sink *sink;
    uint32_t filtered, entry_bytes, page_bits;
    uint32_t axis;                /* the one that grows, extensible arrays: it varies slowest */
    uint64_t counts[H5_MAX_RANK]; /* chunks on each axis at its maximum, in the array's order of axes */
    uint64_t count;               /* elements */
    /* extensible */
    uint32_t max_bits, index_elems, min_elems, min_pointers, offset_bytes;
} array;

static ggx_status read_client(array *a, ggx_cursor *c, ggx_error *error)
{
    uint32_t client = 0;
    ggx_cursor_skip(c, 1, "a chunk array"); /* version */
    client = ggx_cursor_u8(c, "a chunk array");
    if (c->status != GGX_OK) return c->status;
    a->filtered = client;
    if (client > 1 || client != (a->sink->d->filter_count > 0))
        return h5_bad(c, error, "a chunk array is of another kind than its dataset");
    a->entry_bytes = ggx_cursor_u8(c, "a chunk array");
    uint32_t least = a->sink->f->offset_bytes + (client ? 5 : 0), most = a->sink->f->offset_bytes + (client ? 12 : 0);
    if (c->status == GGX_OK && (a->entry_bytes < least || a->entry_bytes > most))
        return h5_bad(c, error, "a chunk array has entries of an impossible size");
    return c->status;
}

static void count_chunks(array *a)
{
    const h5_dataset *d = a->sink->d;
    for (uint32_t i = 0; i < d->space.rank; i++) {
        uint32_t from = i == 0 ? a->axis : i <= a->axis ? i - 1 : i;
        uint64_t max = d->space.max[from];
        a->counts[i] = max / d->chunk[from] + (max % d->chunk[from] != 0);
    }
}

/* Entry number `n`, at the cursor. */
static ggx_status take_entry(array *a, ggx_cursor *c, uint64_t n, ggx_error *error)
{
    const h5_dataset *d = a->sink->d;
    uint64_t scaled[H5_MAX_RANK], size = 0;
    uint32_t mask = 0, rank = d->space.rank;
    uint64_t address = h5_address(a->sink->f, c, "a chunk array");
    if (a->filtered) {
        size = ggx_cursor_uint(c, a->entry_bytes - a->sink->f->offset_bytes - 4, "a chunk array");
        mask = ggx_cursor_u32(c, "a chunk array");
    }
    if (c->status != GGX_OK) return c->status;
    for (uint32_t i = rank; i-- > 0;) {
        uint32_t to = i == 0 ? a->axis : i <= a->axis ? i - 1 : i;
        uint64_t count = i ? a->counts[i] : H5_NONE;
        if (!count) return GGX_OK;
        scaled[to] = n % count;
        n /= count;
    }
    return h5_chunk_take(a->sink, scaled, address, size, mask, error);
}

static ggx_status take_run(array *a, ggx_cursor *c, uint64_t first, uint64_t run, ggx_error *error)
{
    for (uint64_t i = 0; i < run && first + i < a->count; i++) {
        ggx_status status = take_entry(a, c, first + i, error);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

/* `run` entries in pages of 2^page_bits, each followed by a checksum. `used` (NULL: all) says at bit `bit` and on which pages were written. */
static ggx_status take_pages(array *a, ggx_cursor *c, uint64_t first, uint64_t run, const ggx_cursor *used,
                             uint64_t bit, ggx_error *error)
{
    uint64_t page = (uint64_t)1 << a->page_bits;
    for (uint64_t done = 0; done < run && first + done < a->count; done += page, bit++) {
        uint64_t n = run - done < page ? run - done : page, bytes = n * a->entry_bytes + 4, at = c->at;
        ggx_cursor flag = *used;
        ggx_cursor_skip(&flag, bit / 8, "a chunk array");
        uint8_t flags = ggx_cursor_u8(&flag, "a chunk array");
        if (flag.status != GGX_OK) return flag.status;
        if (++a->sink->f->steps > a->sink->f->max_steps) return h5_bad(c, error, "a chunk array has too many pages");
        ggx_status status = flags & 0x80u >> bit % 8 ? take_run(a, c, first + done, n, error) : GGX_OK;
        if (status != GGX_OK) return status;
        c->at = at;
        ggx_cursor_skip(c, bytes, "a chunk array");
    }
    return c->status;
}

ggx_status h5_fixed_array_walk(h5_chunk_sink *sink, ggx_error *error)
{
    array a = {.sink = sink};
    h5_file *f = sink->f;
    ggx_cursor c;
    ggx_status status = h5_file_at(f, &c, sink->d->address, H5_NONE, "a fixed array", error);
    if (status == GGX_OK) status = h5_signature(&c, "FAHD", error);
    if (status == GGX_OK) status = read_client(&a, &c, error);
    if (status != GGX_OK) return status;
    a.page_bits = ggx_cursor_u8(&c, "a fixed array");
    a.count = h5_length(f, &c, "a fixed array");
    uint64_t block = h5_address(f, &c, "a fixed array");
    if (c.status != GGX_OK || block == H5_NONE) return c.status;
    if (a.page_bits > 32) return h5_bad(&c, error, "a fixed array has pages of an impossible size");
    count_chunks(&a);
    status = h5_file_at(f, &c, block, H5_NONE, "a fixed array's data", error);
    if (status == GGX_OK) status = h5_signature(&c, "FADB", error);
    ggx_cursor_skip(&c, 2 + f->offset_bytes, "a fixed array's data");
    if (status != GGX_OK || c.status != GGX_OK) return status != GGX_OK ? status : c.status;
    uint64_t page = (uint64_t)1 << a.page_bits;
    if (a.count <= page) return take_run(&a, &c, 0, a.count, error);
    ggx_cursor used = c;
    uint64_t pages = a.count / page + (a.count % page != 0);
    ggx_cursor_skip(&c, (pages + 7) / 8 + 4, "a fixed array's data"); /* which pages were written, and a checksum */
    return c.status == GGX_OK ? take_pages(&a, &c, 0, a.count, &used, 0, error) : c.status;
}

/* One data block of `run` entries. */
static ggx_status take_block(array *a, uint64_t address, uint64_t first, uint64_t run, const ggx_cursor *used,
                             uint64_t bit, ggx_error *error)
{
    ggx_cursor c;
    if (address == H5_NONE || first >= a->count) return GGX_OK;
    ggx_status status = h5_file_at(a->sink->f, &c, address, H5_NONE, "an extensible array's data", error);
    if (status == GGX_OK) status = h5_signature(&c, "EADB", error);
    ggx_cursor_skip(&c, 2 + a->sink->f->offset_bytes + a->offset_bytes, "an extensible array's data");
    if (status != GGX_OK || c.status != GGX_OK) return status != GGX_OK ? status : c.status;
    if (run <= (uint64_t)1 << a->page_bits) return take_run(a, &c, first, run, error);
    ggx_cursor_skip(&c, 4, "an extensible array's data"); /* checksum of the head */
    if (!used) return h5_bad(&c, error, "an extensible array has pages where none can be");
    return take_pages(a, &c, first, run, used, bit, error);
}

/* Super block `u` covers 2^(u/2) data blocks of min_elems * 2^((u+1)/2) entries. */
static uint64_t blocks_of(uint32_t u)
{
    return (uint64_t)1 << u / 2;
}

static uint64_t elems_of(const array *a, uint32_t u)
{
    return (uint64_t)a->min_elems << (u + 1) / 2;
}

static ggx_status take_super_block(array *a, uint64_t address, uint32_t u, uint64_t first, ggx_error *error)
{
    ggx_cursor c;
    if (address == H5_NONE) return GGX_OK;
    ggx_status status = h5_file_at(a->sink->f, &c, address, H5_NONE, "an extensible array's super block", error);
    if (status == GGX_OK) status = h5_signature(&c, "EASB", error);
    ggx_cursor_skip(&c, 2 + a->sink->f->offset_bytes + a->offset_bytes, "an extensible array's super block");
    if (status != GGX_OK || c.status != GGX_OK) return status != GGX_OK ? status : c.status;
    uint64_t page = (uint64_t)1 << a->page_bits, elems = elems_of(a, u), bitmap = 0;
    ggx_cursor used = c;
    if (elems > page) bitmap = (elems / page + 7) / 8;
    ggx_cursor_skip(&c, blocks_of(u) * bitmap, "an extensible array's super block");
    for (uint64_t i = 0; i < blocks_of(u) && first + i * elems < a->count; i++) {
        uint64_t block = h5_address(a->sink->f, &c, "an extensible array's super block");
        if (c.status != GGX_OK) return c.status;
        status = take_block(a, block, first + i * elems, elems, &used, i * (elems / page), error);
        if (status != GGX_OK) return status;
    }
    return c.status;
}

static ggx_status read_extensible(array *a, ggx_cursor *c, uint64_t *block, ggx_error *error)
{
    h5_file *f = a->sink->f;
    ggx_status status = h5_signature(c, "EAHD", error);
    if (status == GGX_OK) status = read_client(a, c, error);
    if (status != GGX_OK) return status;
    a->max_bits = ggx_cursor_u8(c, "an extensible array");
    a->index_elems = ggx_cursor_u8(c, "an extensible array");
    a->min_elems = ggx_cursor_u8(c, "an extensible array");
    a->min_pointers = ggx_cursor_u8(c, "an extensible array");
    a->page_bits = ggx_cursor_u8(c, "an extensible array");
    ggx_cursor_skip(c, 4 * (uint64_t)f->length_bytes, "an extensible array"); /* numbers and sizes of blocks */
    a->count = h5_length(f, c, "an extensible array");                        /* the highest index set, and one */
    ggx_cursor_skip(c, f->length_bytes, "an extensible array");
    *block = h5_address(f, c, "an extensible array");
    a->offset_bytes = (a->max_bits + 7) / 8;
    uint32_t m = a->min_elems, p = a->min_pointers;
    if (c->status == GGX_OK &&
        (!m || m & (m - 1) || p < 2 || p & (p - 1) || a->max_bits > 64 || a->max_bits < 8 || a->page_bits > 32))
        return h5_bad(c, error, "an extensible array has impossible measures");
    return c->status;
}

static uint32_t log2_of(uint32_t value)
{
    uint32_t n = 0;
    while (value >>= 1) n++;
    return n;
}

ggx_status h5_extensible_array_walk(h5_chunk_sink *sink, ggx_error *error)
{
    array a = {.sink = sink};
    h5_file *f = sink->f;
    ggx_cursor c;
    uint64_t block = H5_NONE;
    while (a.axis + 1 < sink->d->space.rank && sink->d->space.max[a.axis] != H5_NONE) a.axis++;
    count_chunks(&a);
    ggx_status status = h5_file_at(f, &c, sink->d->address, H5_NONE, "an extensible array", error);
    if (status == GGX_OK) status = read_extensible(&a, &c, &block, error);
    if (status != GGX_OK || block == H5_NONE) return status;
    status = h5_file_at(f, &c, block, H5_NONE, "an extensible array's index", error);
    if (status == GGX_OK) status = h5_signature(&c, "EAIB", error);
    ggx_cursor_skip(&c, 2 + f->offset_bytes, "an extensible array's index");
    if (status == GGX_OK && c.status == GGX_OK) { /* the index block's own entries; there is room for all */
        ggx_cursor own = c;
        status = take_run(&a, &own, 0, a.index_elems, error);
        ggx_cursor_skip(&c, a.index_elems * (uint64_t)a.entry_bytes, "an extensible array's index");
    }
    /* then addresses: of the data blocks of the first super blocks, which have no blocks of their own, then of super blocks */
    uint32_t direct = 2 * log2_of(a.min_pointers), last = 1 + a.max_bits - log2_of(a.min_elems);
    uint64_t first = a.index_elems;
    for (uint32_t u = 0; u < last && first < a.count && status == GGX_OK && c.status == GGX_OK; u++) {
        uint64_t elems = elems_of(&a, u);
        for (uint64_t i = 0; u < direct && i < blocks_of(u) && status == GGX_OK && c.status == GGX_OK; i++) {
            uint64_t address = h5_address(f, &c, "an extensible array's index");
            if (c.status == GGX_OK) status = take_block(&a, address, first + i * elems, elems, NULL, 0, error);
        }
        if (u >= direct) {
            uint64_t address = h5_address(f, &c, "an extensible array's index");
            if (c.status == GGX_OK) status = take_super_block(&a, address, u, first, error);
        }
        first += elems * blocks_of(u);
    }
    return status != GGX_OK ? status : c.status;
}
