/* verify.c - which CRCs are checked when a checkpoint is opened, and the check of a V2 checkpoint's tensor.
 *
 * The host reads most tensors itself, so only here can their CRC be compared. Reading all of them would make opening cost what
 * reading costs; so by default those are checked that are small, up to a sum. Option tf.verify says otherwise. */
#include "tf.h"

#include <ggx_sdk/crc32c.h>

#define SMALL (1u << 20)

int tf_verify_wanted(tf_reader *r, uint64_t size)
{
    if (r->verify >= 0) return r->verify;
    if (size > SMALL || size > r->verify_left) return 0;
    r->verify_left -= size;
    return 1;
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
