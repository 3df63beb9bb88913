/* core/hash/files.h - digests of whole files, and of tensors through any reader; several at a time, one a thread. */
#ifndef GGX_CORE_HASH_FILES_H
#define GGX_CORE_HASH_FILES_H

#include "checkpoint/checkpoint.h"
#include "hash/hash.h"

typedef struct ggx_hashed {
    const ggx_source *source; /* in: the file is this member of it … */
    uint32_t member;
    uint64_t tensor; /* … or, of a checkpoint, the index of a tensor */
    uint64_t bytes;  /* out: how many were hashed */
    uint8_t digest[GGX_HASH_MAX];
} ggx_hashed;

/* Hashes each file from its first byte to its last. Errors: the first one of a file. */
ggx_status ggx_hash_files(ggx_hashed *files, uint64_t count, uint32_t kind, uint32_t threads, const ggx_run *run,
                          ggx_error *error);

/* Hashes each tensor's elements in C order, little-endian, as they are stored (a quantized type's blocks): so the same tensor
 * has the same digest in every format and layout that holds it. */
ggx_status ggx_hash_tensors(const ggx_checkpoint *checkpoint, ggx_hashed *tensors, uint64_t count, uint32_t kind,
                            uint32_t threads, const ggx_run *run, ggx_error *error);

/* One whole file as text in the arena: a key, a signature, a manifest. At most `most` bytes, else GGX_E_UNSUPPORTED. */
ggx_status ggx_read_whole(ggx_arena *arena, const char *path, uint64_t most, ggx_str *out, ggx_error *error);

#endif
