/* ggx_sdk/crc32c.h - CRC-32C (Castagnoli; RFC 3720, appendix B.4), which SSTables, TensorFlow checkpoints and TFRecords carry. */
#ifndef GGX_SDK_CRC32C_H
#define GGX_SDK_CRC32C_H

#include <stdint.h>

/* Continues `crc`, which is 0 for the first bytes. */
uint32_t ggx_crc32c(uint32_t crc, const void *data, uint64_t size);

/* The same without any CPU's instruction: what tests compare with. */
uint32_t ggx_crc32c_portable(uint32_t crc, const void *data, uint64_t size);

/* What bytes of this CRC add to that of a run in which `size` more follow: the CRC of a whole is the xor, over its parts in any order, of
 * ggx_crc32c_before(CRC of the part, bytes behind it). */
uint32_t ggx_crc32c_before(uint32_t crc, uint64_t size);

/* LevelDB stores a CRC rotated and moved by a constant, so that the CRC of bytes that hold CRCs is no special value
 * (util/crc32c.h). */
static inline uint32_t ggx_crc32c_mask(uint32_t crc)
{
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static inline uint32_t ggx_crc32c_unmask(uint32_t masked)
{
    uint32_t rotated = masked - 0xa282ead8u;
    return (rotated >> 17) | (rotated << 15);
}

#endif
