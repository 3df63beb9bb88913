/* core/plan/imatrix.h - importance matrices: one weight for each column of a tensor's rows, measured on a text.
 *
 * An importance matrix comes as a checkpoint, through whatever reader knows the file: for a tensor N there are N.in_sum2 (sums of
 * squared activations, as many as columns, for each expert slab) and N.counts (by how much to divide, one for each slab). All of it
 * is read when it is opened; weights that are no finite numbers are refused. */
#ifndef GGX_CORE_IMATRIX_H
#define GGX_CORE_IMATRIX_H

#include "checkpoint/checkpoint.h"

typedef struct ggx_imatrix_entry {
    ggx_str name; /* of the tensor */
    const float *values;
    uint64_t count;
} ggx_imatrix_entry;

typedef struct ggx_imatrix {
    ggx_arena arena;
    const char *path;           /* as given */
    ggx_imatrix_entry *entries; /* by name */
    uint64_t entry_count;
    ggx_str dataset; /* the text it was measured on; empty: not known */
    int64_t chunks;  /* how many pieces of it; 0: not known */
} ggx_imatrix;

/* Reads the file. Errors: those of the source and the readers; GGX_E_MALFORMED for what is no importance matrix. Close it in any case. */
ggx_status ggx_imatrix_open(ggx_imatrix *imatrix, ggx_registry *registry, const char *path, const ggx_run *run,
                            ggx_error *error);
void ggx_imatrix_close(ggx_imatrix *imatrix);

/* The entry of that tensor, or NULL. */
const ggx_imatrix_entry *ggx_imatrix_find(const ggx_imatrix *imatrix, ggx_str name);

#endif
