/* core/diff.h - what a file holds against what a recipe would make of its source: key by key, tensor by tensor. */
#ifndef GGX_CORE_DIFF_H
#define GGX_CORE_DIFF_H

#include "execute/compare.h"
#include "flow.h"

/* How an entry of the file stands to what the recipe makes. */
enum {
    GGX_DIFF_SAME,
    GGX_DIFF_TYPE,    /* differs as much as the type, or the choice of it, explains */
    GGX_DIFF_CHANGED, /* differs by more */
    GGX_DIFF_SHAPE,   /* a tensor of another shape */
    GGX_DIFF_MISSING, /* not in the file */
    GGX_DIFF_EXTRA,   /* only in the file */
    GGX_DIFF_STATES
};

typedef struct ggx_diff_tensor {
    ggx_str name;      /* in the file */
    ggx_str source;    /* the first of the source's tensors that it is made from; empty: none */
    uint32_t sources;  /* how many there are */
    uint32_t state;    /* GGX_DIFF_* */
    const char *type;  /* in the file, or "" */
    uint32_t measured; /* 1: `difference` holds; 0 for whole numbers, which are only compared */
    uint32_t wanted_rank, found_rank;
    const uint64_t *wanted_shape, *found_shape; /* or NULL */
    ggx_difference difference;
} ggx_diff_tensor;

typedef struct ggx_diff_key {
    ggx_str key;
    uint32_t state;
    const ggx_kv *wanted, *found; /* or NULL */
} ggx_diff_key;

typedef struct ggx_diff {
    ggx_diff_tensor *tensors; /* in the recipe's order, then those that are only in the file */
    uint64_t tensor_count;
    ggx_diff_key *keys;
    uint64_t key_count;
    uint64_t tensor_states[GGX_DIFF_STATES], key_states[GGX_DIFF_STATES];
    const char *recipe, *type; /* that the source was read with; type "" when none was given or could be told */
} ggx_diff;

/* Compares two opened flows. `wanted` is the conversion that is supposed to have made `file`: its recipe, type and settings count; without
 * a type the one that most of the file's weights have is taken. Reads both once, in bounded memory. Lives in the arena and as long as both
 * flows. Errors: those of recipes and of reading; GGX_E_UNSUPPORTED when no writer makes such files. */
ggx_status ggx_models_diff(ggx_arena *arena, ggx_flow *source, const ggx_flow *file, const ggx_conversion *wanted,
                           const ggx_run *run, ggx_diff *out, ggx_error *error);

/* How many entries differ by more than the type explains. */
uint64_t ggx_diff_count(const ggx_diff *diff);

#endif
