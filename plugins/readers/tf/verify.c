/* verify.c - which CRCs are checked, and when.
 *
 * Reading all tensors would make opening cost what reading costs; so by default those are checked at opening that are small, up to a sum,
 * and the host reads them itself. The others go through this reader, which adds up the CRC of the parts that are asked for, in any order and
 * by any thread, and compares when all were there. Option tf.verify checks all at opening, or none. */
#include "tf.h"

#include <ggx_sdk/crc32c.h>

#define SMALL (1u << 20)
#define STEP (128u << 10)

int tf_verify_wanted(tf_reader *r, uint64_t size)
{
    if (r->verify >= 0) return r->verify;
    if (size > SMALL || size > r->verify_left) return 0;
    r->verify_left -= size;
    return 1;
}

ggx_status tf_verify_later(tf_reader *r, tf_piece *piece, ggx_error *error)
{
    piece->check = r->host->alloc(r->host, sizeof *piece->check);
    return piece->check ? GGX_OK : tf_no_memory(r->tensor_count, error);
}

ggx_status tf_verify_read(tf_reader *r, ggx_str name, const tf_piece *piece, uint64_t at, uint8_t *out, uint64_t size,
                          ggx_error *error)
{
    tf_check *c = piece->check;
    uint32_t crc = 0;
    for (uint64_t done = 0; done < size;) { /* in parts that are still in the CPU's cache when their CRC is made */
        uint64_t n = size - done < STEP ? size - done : STEP;
        ggx_status status =
            r->source->read_at(r->source, piece->member, piece->offset + at + done, out + done, n, error);
        if (status != GGX_OK) return status;
        crc = ggx_crc32c(crc, out + done, n);
        done += n;
    }
    atomic_fetch_xor(&c->crc, ggx_crc32c_before(crc, piece->size - at - size));
    if (atomic_fetch_add(&c->covered, size) + size != piece->size) return GGX_OK;
    if (ggx_crc32c_mask((uint32_t)atomic_load(&c->crc)) == piece->crc) return GGX_OK;
    return tf_verify_piece(r, name, piece, error); /* unless some bytes were read twice, and others not at all */
}

ggx_status tf_verify_piece(tf_reader *r, ggx_str name, const tf_piece *piece, ggx_error *error)
{
    uint8_t part[16384];
    uint32_t crc = 0;
    for (uint64_t at = 0; at < piece->size;) {
        uint64_t n = piece->size - at < sizeof part ? piece->size - at : sizeof part;
        ggx_status status = r->source->read_at(r->source, piece->member, piece->offset + at, part, n, error);
        if (status != GGX_OK) return status;
        crc = ggx_crc32c(crc, part, n);
        at += n;
        if (r->host->canceled(r->host)) return ggx_fail(error, GGX_E_CANCELED, "stopped while checking tensors");
    }
    if (ggx_crc32c_mask(crc) == piece->crc) return GGX_OK;
    return ggx_fail_at(error, GGX_E_INTEGRITY, piece->member, piece->offset,
                       "the CRC of tensor '%.*s' is %08x, and should be %08x; the file is damaged, fetch it again",
                       GGX_STR_ARGS(name), crc, ggx_crc32c_unmask(piece->crc));
}
