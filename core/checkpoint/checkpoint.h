/* core/checkpoint/checkpoint.h - a checkpoint: the tensors and key/values that a reader found in a source, every one checked.
 *
 * Whatever a reader pushes is untrusted: names, shapes, extents and key/values are checked here once, so that the later stages
 * can rely on them. This room picks the reader (probing) and reads boxes of tensors; it knows no format. */
#ifndef GGX_CORE_CHECKPOINT_H
#define GGX_CORE_CHECKPOINT_H

#include "base/arena.h"
#include "host/instance.h"
#include "host/registry.h"
#include <ggx/reader.h>

typedef struct ggx_checkpoint {
    ggx_arena arena;
    ggx_source *source; /* borrowed */
    const ggx_reader *reader;
    const char *reader_name; /* NUL-terminated */
    ggx_instance instance;
    ggx_tensor *tensors; /* in the file's order; `stride` always filled in, names unique and NUL-terminated */
    uint64_t tensor_count, tensor_capacity;
    ggx_kv *kvs; /* in the file's order; keys unique and NUL-terminated, strings NUL-terminated */
    uint64_t kv_count, kv_capacity;
    uint32_t *tensor_index, *kv_index; /* open-addressing hash tables, entries are index + 1 */
    uint64_t tensor_slots, kv_slots;
    ggx_registry *registry;             /* borrowed */
    const struct ggx_checkpoint *base;  /* of an overlay (decoded.h), of one with other names; else NULL */
    const struct ggx_decoded **decoded; /* for each tensor; NULL: the reader's own */
    uint8_t *hidden;                    /* 1: packed into a decoded one */
    int32_t opened;                     /* 1: the reader's open was called, so close is owed */
} ggx_checkpoint;

/* The same checkpoint with other names: names[i] for tensor i, NUL-terminated; GGX_E_MALFORMED when two are the same. Lives in the arena, as
 * names must; nothing to close, and `base` must live longer. */
ggx_status ggx_checkpoint_rename(ggx_arena *arena, const ggx_checkpoint *base, const ggx_str *names,
                                 ggx_checkpoint **out, ggx_error *error);

/* Opens the source with the named reader, or with the one that probes best when `reader` is NULL, and indexes it. Errors: those of
 * the reader; GGX_E_UNSUPPORTED when nobody knows the file, or two know it equally well (the candidates and scores are named). */
ggx_status ggx_checkpoint_open(ggx_checkpoint *checkpoint, ggx_registry *registry, ggx_source *source,
                               const char *reader, ggx_setting *settings, uint32_t setting_count, const ggx_run *run,
                               ggx_error *error);
void ggx_checkpoint_close(ggx_checkpoint *checkpoint);

/* A checkpoint of key/values alone: what the vocabulary plugin of that name reads from the source's files. GGX_E_NOTFOUND with
 * *absent = 1: none of its files is there; other errors as above. */
ggx_status ggx_checkpoint_vocab(ggx_checkpoint *checkpoint, ggx_registry *registry, ggx_source *source, ggx_str plugin,
                                ggx_setting *settings, uint32_t setting_count, const ggx_run *run, int *absent,
                                ggx_error *error);

/* Index of the tensor with that name, or UINT64_MAX. */
uint64_t ggx_checkpoint_find(const ggx_checkpoint *checkpoint, ggx_str name);

/* The key/value with that key, or NULL. */
const ggx_kv *ggx_checkpoint_kv(const ggx_checkpoint *checkpoint, ggx_str key);

/* [any] Reads `size` bytes of a RAW tensor's extent at `offset` bytes from its element 0. */
ggx_status ggx_checkpoint_read(const ggx_checkpoint *checkpoint, uint64_t tensor, uint64_t offset, void *out,
                               uint64_t size, ggx_error *error);

/* One reader's answer to a probe. */
typedef struct ggx_probe_result {
    const char *reader;
    int32_t score;
} ggx_probe_result;

/* Asks all readers, best first. `results` has room for `capacity`; returns how many answered above 0. */
uint32_t ggx_checkpoint_probe(ggx_registry *registry, const ggx_source *source, ggx_probe_result *results,
                              uint32_t capacity, ggx_error *error);

#endif
