/* core/commit/stream_state.h - how far a streamed conversion has come: `.NAME.ggx-stream` beside the output's journal.
 *
 * 304 bytes, little-endian: "GGXSTRM2", digest of the plan (2 × u64), position (u64), SHA-256 of what was read ahead, states of the
 * stream's two hashes, 12 bytes of zeros, CRC-32C of all that. Replaced as a whole, after the journal was synced. */
#ifndef GGX_CORE_STREAM_STATE_H
#define GGX_CORE_STREAM_STATE_H

#include "commit/output.h"
#include "source/remote.h"

typedef struct ggx_stream_state_record {
    uint64_t digest[2], position;
    uint8_t ahead[32];
    uint8_t state[GGX_STREAM_STATE_BYTES];
} ggx_stream_state_record;

ggx_status ggx_stream_state_write(const char *output, const ggx_stream_state_record *record, ggx_error *error);

/* 0: there is none, or it is damaged. */
int ggx_stream_state_read(const char *output, ggx_stream_state_record *out);
void ggx_stream_state_remove(const char *output);

#endif
