/* The record of a stream. */
#include "commit/stream_state.h"
#include "base/bytes.h"

#include "commit/files.h"
#include "commit/names.h"
#include <fcntl.h>
#include <ggx_sdk/crc32c.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <unistd.h>

#define RECORD_BYTES 304
#define MAGIC "GGXSTRM2"
#define SUFFIX ".ggx-stream"

_Static_assert(8 + 16 + 8 + 32 + GGX_STREAM_STATE_BYTES + 12 + 4 == RECORD_BYTES, "the record's parts");

ggx_status ggx_stream_state_write(const char *output, const ggx_stream_state_record *r, ggx_error *error)
{
    uint8_t bytes[RECORD_BYTES] = {0};
    char *path = ggx_output_beside(output, SUFFIX);
    if (!path) return ggx_fail(error, GGX_E_NOMEM, "out of memory");
    memcpy(bytes, MAGIC, 8);
    ggx_le_put(bytes + 8, r->digest[0], 8);
    ggx_le_put(bytes + 16, r->digest[1], 8);
    ggx_le_put(bytes + 24, r->position, 8);
    memcpy(bytes + 32, r->ahead, 32);
    memcpy(bytes + 64, r->state, GGX_STREAM_STATE_BYTES);
    ggx_le_put(bytes + RECORD_BYTES - 4, ggx_crc32c(0, bytes, RECORD_BYTES - 4), 4);
    ggx_status status = ggx_write_file(path, (ggx_str){(const char *)bytes, sizeof bytes}, error);
    free(path);
    return status;
}

int ggx_stream_state_read(const char *output, ggx_stream_state_record *r)
{
    uint8_t bytes[RECORD_BYTES + 1];
    char *path = ggx_output_beside(output, SUFFIX);
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    const int64_t n = fd >= 0 ? ggx_read_some(fd, 0, bytes, sizeof bytes) : -1;
    if (fd >= 0) close(fd);
    free(path);
    if (n != RECORD_BYTES || memcmp(bytes, MAGIC, 8) != 0 ||
        ggx_le_get(bytes + RECORD_BYTES - 4, 4) != ggx_crc32c(0, bytes, RECORD_BYTES - 4))
        return 0;
    r->digest[0] = ggx_le_get(bytes + 8, 8);
    r->digest[1] = ggx_le_get(bytes + 16, 8);
    r->position = ggx_le_get(bytes + 24, 8);
    memcpy(r->ahead, bytes + 32, 32);
    memcpy(r->state, bytes + 64, GGX_STREAM_STATE_BYTES);
    return 1;
}

void ggx_stream_state_remove(const char *output)
{
    char *path = ggx_output_beside(output, SUFFIX);
    if (path) (void)unlink(path);
    free(path);
}
