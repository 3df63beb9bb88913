/* decode.c - boxes of datasets that do not lie in the file as they are: chunks, with or without filters, and data never written.
 *
 * Several threads may read at once. Each takes a slot for as long as it unpacks: two buffers of the largest chunk's size, and zlib's memory, which
 * are the host's and are taken at the slot's first use. A slot remembers what it unpacked last. */
#include "h5.h"

#include <stdatomic.h>
#include <zlib.h>

#define ZLIB_ROOM 65536u /* inflate takes 7 KiB and a window of 32 KiB */

struct h5_slot {
    atomic_flag busy;
    uint8_t *raw, *plain, *zlib; /* packed and unpacked chunk; zlib's memory */
    uint64_t zlib_used;
    const h5_dataset *dataset; /* what `plain` holds; NULL: nothing */
    uint64_t index;
};

ggx_status h5_decoder_open(h5_file *f, h5_decoder *decoder, uint64_t room, ggx_error *error)
{
    decoder->room = room;
    if (!room) return GGX_OK;
    decoder->slots = f->host->alloc(f->host, H5_SLOTS * sizeof *decoder->slots);
    if (!decoder->slots) return ggx_fail(error, GGX_E_NOMEM, "no memory to unpack chunks");
    for (uint32_t i = 0; i < H5_SLOTS; i++) atomic_flag_clear(&decoder->slots[i].busy);
    return GGX_OK;
}

static h5_slot *take_slot(h5_file *f, h5_decoder *decoder, ggx_error *error)
{
    for (uint32_t i = 0; i < H5_SLOTS; i++) {
        h5_slot *slot = &decoder->slots[i];
        if (atomic_flag_test_and_set_explicit(&slot->busy, memory_order_acquire)) continue;
        if (!slot->raw) slot->raw = f->host->alloc(f->host, decoder->room);
        if (!slot->plain) slot->plain = f->host->alloc(f->host, decoder->room);
        if (!slot->zlib) slot->zlib = f->host->alloc(f->host, ZLIB_ROOM);
        if (slot->raw && slot->plain && slot->zlib) return slot;
        atomic_flag_clear_explicit(&slot->busy, memory_order_release);
        break;
    }
    ggx_fail(error, GGX_E_NOMEM, "no memory to unpack a chunk of %llu bytes; use fewer threads",
             (unsigned long long)decoder->room);
    return NULL;
}

static voidpf take_zlib(voidpf context, uInt items, uInt size)
{
    h5_slot *slot = context;
    uint64_t bytes = ((uint64_t)items * size + 15) & ~(uint64_t)15;
    if (bytes > ZLIB_ROOM - slot->zlib_used) return Z_NULL;
    slot->zlib_used += bytes;
    return slot->zlib + (slot->zlib_used - bytes);
}

static void give_zlib(voidpf context, voidpf memory)
{
    (void)context; /* all at once, at the next chunk */
    (void)memory;
}

/* `size` bytes of slot->raw to at most `room` of slot->plain. */
static int inflate_chunk(h5_slot *slot, uint64_t *size, uint64_t room)
{
    z_stream z = {.zalloc = take_zlib, .zfree = give_zlib, .opaque = slot};
    slot->zlib_used = 0;
    if (inflateInit(&z) != Z_OK) return 0;
    z.next_in = slot->raw;
    z.avail_in = (uInt)*size;
    z.next_out = slot->plain;
    z.avail_out = (uInt)room;
    int code = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    *size = z.total_out;
    return code == Z_STREAM_END;
}

/* Byte 0 of all elements, then byte 1 of all, and so on; bytes behind the last whole element stay. */
static void unshuffle(const uint8_t *in, uint8_t *out, uint64_t size, uint32_t width)
{
    uint64_t count = size / width;
    for (uint32_t b = 0; b < width; b++)
        for (uint64_t i = 0; i < count; i++) out[i * width + b] = in[b * count + i];
    memcpy(out + count * width, in + count * width, (size_t)(size - count * width));
}

/* H5_checksum_fletcher32: over big-endian words of 16 bits. */
static uint32_t fletcher32(const uint8_t *data, uint64_t size)
{
    uint64_t a = 0, b = 0;
    for (uint64_t i = 0; i + 1 < size; i += 2) {
        a = (a + ((uint32_t)data[i] << 8 | data[i + 1])) % 65535;
        b = (b + a) % 65535;
    }
    if (size & 1) {
        a = (a + ((uint32_t)data[size - 1] << 8)) % 65535;
        b = (b + a) % 65535;
    }
    return (uint32_t)(b << 16 | a);
}

/* The library's sums are 65535 where others have 0, which is the same number; both are taken. */
static int fletcher_agrees(const uint8_t *data, uint64_t size, const uint8_t *stored)
{
    uint32_t sum = fletcher32(data, size);
    uint32_t little =
        (uint32_t)stored[0] | (uint32_t)stored[1] << 8 | (uint32_t)stored[2] << 16 | (uint32_t)stored[3] << 24;
    uint32_t low = little & 0xffff, high = little >> 16;
    if (low % 65535 == (sum & 0xffff) && high % 65535 == sum >> 16) return 1;
    /* before 1.6.3 with the bytes of each half turned round */
    low = (low >> 8 | low << 8) & 0xffff;
    high = (high >> 8 | high << 8) & 0xffff;
    return low % 65535 == (sum & 0xffff) && high % 65535 == sum >> 16;
}

static void swap_buffers(h5_slot *slot)
{
    uint8_t *other = slot->raw;
    slot->raw = slot->plain;
    slot->plain = other;
}

/* Turns slot->raw, `size` packed bytes, into slot->raw, chunk_bytes plain ones: the filters backwards. */
static ggx_status unpack(h5_file *f, const h5_decoder *decoder, h5_slot *slot, const h5_dataset *d,
                         const h5_chunk *chunk, int edge, ggx_error *error)
{
    uint64_t size = chunk->size, place = f->base + chunk->address;
    for (uint32_t i = d->filter_count; i-- > 0;) {
        if (chunk->mask >> i & 1 || (edge && d->whole_edges)) continue;
        if (d->filters[i] == H5_FILTER_DEFLATE) {
            if (!inflate_chunk(slot, &size, decoder->room))
                return ggx_fail_at(error, GGX_E_MALFORMED, f->member, place,
                                   "a chunk does not unpack; the file is damaged");
            swap_buffers(slot);
        } else if (d->filters[i] == H5_FILTER_SHUFFLE) {
            if (d->type.size < 2) continue;
            unshuffle(slot->raw, slot->plain, size, d->type.size);
            swap_buffers(slot);
        } else if (d->filters[i] == H5_FILTER_SCALE) {
            if (!h5_scale_unpack(d, slot->raw, size, slot->plain))
                return ggx_fail_at(error, GGX_E_MALFORMED, f->member, place,
                                   "a chunk is not what scale-offset packs; the file is damaged");
            size = d->chunk_bytes;
            swap_buffers(slot);
        } else {
            if (size < 4 || !fletcher_agrees(slot->raw, size - 4, slot->raw + size - 4))
                return ggx_fail_at(error, GGX_E_INTEGRITY, f->member, place,
                                   "the checksum of a chunk is wrong; the file is damaged, fetch it again");
            size -= 4;
        }
    }
    if (size != d->chunk_bytes)
        return ggx_fail_at(error, GGX_E_MALFORMED, f->member, place,
                           "a chunk unpacks to %llu bytes instead of %llu; the file is damaged",
                           (unsigned long long)size, (unsigned long long)d->chunk_bytes);
    return GGX_OK;
}

static const h5_chunk *find_chunk(const h5_dataset *d, uint64_t index)
{
    uint64_t low = 0, high = d->chunk_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (d->chunks[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < d->chunk_count && d->chunks[low].index == index ? &d->chunks[low] : NULL;
}

/* The part of a box that lies in one chunk. */
typedef struct part {
    uint64_t start[GGX_MAX_RANK]; /* in the dataset */
    uint64_t count[GGX_MAX_RANK];
    uint64_t corner[GGX_MAX_RANK]; /* of the chunk */
} part;

/* Copies rows of the part to the box: from the unpacked chunk, from the file where it lies unpacked, or from the fill value. */
static ggx_status copy_part(h5_file *f, const h5_dataset *d, const ggx_box *box, const part *p, const h5_chunk *chunk,
                            const uint8_t *plain, uint8_t *out, ggx_error *error)
{
    uint32_t rank = box->rank, width = d->type.size;
    uint64_t rows = 1, row = p->count[rank - 1];
    for (uint32_t i = 0; i + 1 < rank; i++) rows *= p->count[i];
    for (uint64_t r = 0; r < rows; r++) {
        uint64_t left = r, from = p->start[rank - 1] - p->corner[rank - 1], from_step = d->chunk[rank - 1];
        uint64_t to = p->start[rank - 1] - box->start[rank - 1], to_step = box->count[rank - 1];
        for (uint32_t i = rank - 1; i-- > 0;) {
            uint64_t at = p->start[i] + left % p->count[i];
            left /= p->count[i];
            from += (at - p->corner[i]) * from_step;
            to += (at - box->start[i]) * to_step;
            from_step *= d->chunk[i];
            to_step *= box->count[i];
        }
        uint8_t *target = out + to * width;
        if (plain) {
            memcpy(target, plain + from * width, (size_t)(row * width));
        } else if (chunk) {
            ggx_status status = f->source->read_at(f->source, f->member, f->base + chunk->address + from * width,
                                                   target, row * width, error);
            if (status != GGX_OK) return status;
        } else {
            for (uint64_t i = 0; i < row; i++) memcpy(target + i * width, d->fill, width);
        }
    }
    return GGX_OK;
}

static ggx_status read_part(h5_file *f, h5_decoder *decoder, const h5_dataset *d, const ggx_box *box, const part *p,
                            uint64_t index, uint8_t *out, ggx_error *error)
{
    const h5_chunk *chunk = find_chunk(d, index);
    if (!chunk || !d->filter_count) return copy_part(f, d, box, p, chunk, NULL, out, error);
    int edge = 0;
    for (uint32_t i = 0; i < box->rank; i++) edge |= p->corner[i] + d->chunk[i] > d->space.dims[i];
    h5_slot *slot = take_slot(f, decoder, error);
    if (!slot) return GGX_E_NOMEM;
    ggx_status status = GGX_OK;
    if (slot->dataset != d || slot->index != index) {
        slot->dataset = NULL;
        status = f->source->read_at(f->source, f->member, f->base + chunk->address, slot->raw, chunk->size, error);
        if (status == GGX_OK) status = unpack(f, decoder, slot, d, chunk, edge, error);
        swap_buffers(slot);
        if (status == GGX_OK) slot->dataset = d;
        slot->index = index;
    }
    if (status == GGX_OK) status = copy_part(f, d, box, p, chunk, slot->plain, out, error);
    atomic_flag_clear_explicit(&slot->busy, memory_order_release);
    return status;
}

ggx_status h5_box_read(h5_file *f, h5_decoder *decoder, const h5_dataset *d, const ggx_box *box, uint8_t *out,
                       ggx_error *error)
{
    uint64_t at[GGX_MAX_RANK] = {0}, elems = 0;
    uint32_t rank = box->rank;
    if (!ggx_product_u64(box->count, rank, &elems) || !elems) return GGX_OK;
    if (d->layout != H5_CHUNKED || !rank) { /* never written; a scalar has no chunks */
        for (uint64_t i = 0; i < elems; i++) memcpy(out + i * d->type.size, d->fill, d->type.size);
        return GGX_OK;
    }
    for (uint32_t i = 0; i < rank; i++) at[i] = box->start[i] / d->chunk[i];
    for (;;) {
        part p;
        uint64_t index = 0;
        for (uint32_t i = 0; i < rank; i++) {
            uint64_t end = box->start[i] + box->count[i];
            p.corner[i] = at[i] * d->chunk[i];
            p.start[i] = p.corner[i] > box->start[i] ? p.corner[i] : box->start[i];
            p.count[i] = (end - p.corner[i] < d->chunk[i] ? end : p.corner[i] + d->chunk[i]) - p.start[i];
            index = index * d->grid[i] + at[i];
        }
        if (f->host->canceled(f->host)) return ggx_fail(error, GGX_E_CANCELED, "stopped while unpacking chunks");
        ggx_status status = read_part(f, decoder, d, box, &p, index, out, error);
        if (status != GGX_OK) return status;
        uint32_t i = rank;
        while (i-- > 0) {
            if (++at[i] * d->chunk[i] < box->start[i] + box->count[i]) break;
            at[i] = box->start[i] / d->chunk[i];
            if (!i) return GGX_OK;
        }
    }
}
