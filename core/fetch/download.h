/* core/fetch/download.h - one file from a server to the disk, across broken connections and killed runs.
 *
 * Beside the file that comes to be, PATH, lie PATH.ggx-part with the bytes so far and PATH.ggx-have, the journal: which file it is (size,
 * and published digest or entity tag), and up to where its bytes are safe. A journal of another file is not believed; then the download
 * begins anew. The name is given only to bytes whose size and digest are right. */
#ifndef GGX_CORE_DOWNLOAD_H
#define GGX_CORE_DOWNLOAD_H

#include "fetch/hub.h"

#define GGX_DOWNLOAD_SEGMENT (16u << 20) /* after so many bytes they are made safe: a killed run loses at most these */

/* Fetches `file` to `path`, whose directory exists. A file that is there and has the published digest is kept as it is; one that is
 * not is replaced. `sha256` gets the digest of the bytes (all zero when git's name was compared instead). Only one process at a
 * time works on a path; others wait for it. Errors: GGX_E_INTEGRITY (nothing is kept), GGX_E_NOSPACE and GGX_E_NETWORK (what has come is
 * kept), those of ggx_range_stream. */
ggx_status ggx_download(ggx_range_client *client, const ggx_hub_file *file, const char *path, const ggx_run *run,
                        uint8_t sha256[32], ggx_error *error);

/* GGX_OK when the file at `path` has the size and the published digest; GGX_E_NOTFOUND, GGX_E_INTEGRITY. */
ggx_status ggx_download_check(const ggx_hub_file *file, const char *path, const ggx_run *run, ggx_error *error);

/* The same for a file of which no digest is published: compares the size and gives the SHA-256. */
ggx_status ggx_download_hash(const ggx_hub_file *file, const char *path, const ggx_run *run, uint8_t sha256[32],
                             ggx_error *error);

#endif
