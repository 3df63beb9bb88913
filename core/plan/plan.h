/* core/plan/plan.h - a conversion as data: what will be written where, from what, in which tiles.
 *
 * checkpoint × recipe result × type policy → plan. Making a plan reads nothing but headers; when it stands, every output byte has
 * its place, the memory and disk it takes are known, and whatever could be refused has been. This room chooses types (types.c),
 * spreads tensors over files (shards.c), drives the writer's layout (layout.c), cuts tiles to the memory budget (tiles.c), joins plans (join.c) and prints itself (report.c). */
#ifndef GGX_CORE_PLAN_H
#define GGX_CORE_PLAN_H

#include "base/text.h"
#include "recipe/recipe.h"
#include <ggx/writer.h>

/* How a tensor's elements get to the output. */
#define GGX_MODE_COPY 1    /* the bytes as they are, in another order at most: nothing is decoded */
#define GGX_MODE_CONVERT 2 /* read as f32, pointwise operations, written as `type` */

/* --tensor-type PATTERN=TYPE */
typedef struct ggx_type_override {
    ggx_str pattern; /* glob over output names */
    ggx_str type;
} ggx_type_override;

typedef struct ggx_mixture_choice ggx_mixture_choice; /* plan/mixture.h */

/* How the tensors are spread over several files; all 0: one file. */
typedef struct ggx_shards {
    uint64_t max_bytes, max_tensors; /* of one file; of bytes, those of tensors count */
    int32_t keep;                    /* as the source's files are */
} ggx_shards;

typedef struct ggx_plan_request {
    const char *writer;                 /* name */
    const char *type;                   /* name of the tensor type, or NULL */
    const ggx_type_override *overrides; /* the first that matches wins */
    uint32_t override_count;
    int32_t pure;                             /* recipes' exceptions among matrices are ignored */
    int32_t requantize;                       /* lossy types may be made from lossy types */
    const struct ggx_mixture_result *mixture; /* its choices decide, not `type` and `overrides`; or NULL */
    const struct ggx_imatrix *imatrix;        /* or NULL; outlives the plan */
    uint64_t memory;                          /* bytes for tiles in work */
    uint32_t threads;
    ggx_shards shards;
    ggx_setting *settings;
    uint32_t setting_count;
} ggx_plan_request;

/* `twin`: plans that are carried out together read what they share once. The same box of the source in the next plan; tiles are alike. */
typedef struct ggx_plan_tensor {
    struct ggx_plan_tensor *twin;
    uint32_t plan;   /* index of its plan among those */
    int32_t is_twin; /* 1: some tensor's twin */
    ggx_str name;
    ggx_view view; /* its shape is the output's */
    const ggx_op *ops;
    const ggx_kernels **op_kernels; /* for the CAST among them, else NULL */
    uint32_t op_count;
    uint32_t mode; /* GGX_MODE_* */
    ggx_type type; /* in the output */
    int32_t type_code;
    uint32_t label;            /* 0, or 1 + the type_code that the file is to claim */
    int32_t packed;            /* 1: a source is made by a decoder */
    int32_t sequential;        /* 1: a source is GGX_ACCESS_SEQUENTIAL: one worker takes all tiles in order */
    const ggx_quant *quant;    /* of `type`; NULL for f32 and for COPY */
    const ggx_kernels *encode; /* NULL for f32 and for COPY */
    const ggx_kernels *decode; /* of the source type; NULL for f32 and for COPY */
    const char *note;          /* why the type is not the one asked for, or NULL */
    uint32_t rule_line;
    uint32_t whole_rows; /* 1: tiles may not cut rows */
    int32_t finite;      /* 1: a tile whose bytes do not decode to finite numbers is refused */
    const float
        *imatrix; /* weights of the columns, for each slab of the last two axes; or NULL. Tiles stay in one slab */
    uint64_t nbytes;
    uint32_t output; /* index of its file */
    ggx_place place;
    uint64_t at;                 /* the same, in all files one after the other */
    uint64_t tile[GGX_MAX_RANK]; /* elements of a tile on each axis; rank 0: none */
    uint64_t tile_count, first_tile;
} ggx_plan_tensor;

/* One worker's buffers. */
typedef struct ggx_tile_memory {
    uint64_t elems;       /* floats of the tile (CONVERT) */
    uint64_t stage_elems; /* capacity of the gather stage, in elements */
    uint64_t stage_bytes, decoded_bytes, out_bytes, cast_bytes, scratch_bytes, packed_bytes;
} ggx_tile_memory;
typedef struct ggx_plan {
    ggx_arena arena;
    const ggx_checkpoint *checkpoint;
    const char *recipe; /* id */
    const char *writer_name;
    const ggx_writer *writer;
    ggx_instance writer_instance;
    int32_t writer_opened;
    ggx_plan_tensor *tensors; /* in output order */
    uint64_t tensor_count;
    const ggx_kv *kvs;
    uint64_t kv_count;
    uint64_t total_size; /* bytes of all output files */
    uint32_t output_count;
    uint64_t *starts; /* of each file among all files one after the other; and the end */
    uint64_t tile_count;
    ggx_tile_memory worker;  /* buffers that serve every tile of the plan */
    uint64_t worker_memory;  /* their bytes */
    uint64_t minimum_memory; /* bytes below which --memory is refused */
    uint64_t memory;
    uint32_t workers;          /* threads that fit the memory */
    uint32_t source_count;     /* members of the source when the plan was made */
    uint64_t source_digest[2]; /* of their sizes and times */
    uint64_t digest[2];        /* of everything that decides the output bytes and the tiles */
} ggx_plan;

/* Makes the plan. `result` must live as long as the plan. Errors: GGX_E_USAGE (types, memory below the minimum), GGX_E_NOTFOUND (no plugin for
 * a type), GGX_E_UNSUPPORTED and others from the writer. */
ggx_status ggx_plan_make(ggx_plan *plan, ggx_registry *registry, const ggx_checkpoint *checkpoint,
                         const ggx_recipe_result *result, const char *recipe, const ggx_plan_request *request,
                         const ggx_run *run, ggx_error *error);
void ggx_plan_close(ggx_plan *plan);

/* Makes plans of one checkpoint ready to be carried out together, by ggx_execute: finds twins, cuts all tiles anew within `memory` for all,
 * and renews the digests. Errors: GGX_E_USAGE (memory). */
ggx_status ggx_plan_join(ggx_plan **plans, uint32_t count, const ggx_plan_request *request, ggx_error *error);

/* GGX_E_INTEGRITY when a file of the source is no longer what it was when the plan was made. */
ggx_status ggx_plan_source_check(const ggx_plan *plan, ggx_error *error);

/* The box of one tile of a tensor, counted from 0. */
void ggx_plan_tile(const ggx_plan_tensor *tensor, uint64_t tile, ggx_box *out);

/* What a worker needs for one tile of the tensor and its twins. */
void ggx_plan_tile_memory(const ggx_plan_tensor *tensor, ggx_tile_memory *out);
uint64_t ggx_tile_memory_sum(const ggx_tile_memory *memory);

/* The stages of ggx_plan_make, one file each. */
ggx_status ggx_plan_types(ggx_plan *plan, ggx_registry *registry, const ggx_recipe_result *result,
                          const ggx_plan_request *request, ggx_error *error);
ggx_status ggx_plan_shards(ggx_plan *plan, const ggx_shards *shards, int padded, ggx_error *error);
ggx_status ggx_plan_layout(ggx_plan *plan, ggx_registry *registry, const ggx_recipe_result *result,
                           const ggx_plan_request *request, const ggx_run *run, ggx_error *error);
ggx_status ggx_plan_tiles(ggx_plan **plans, uint32_t count, const ggx_plan_request *request, ggx_error *error);
ggx_status ggx_plan_digest(ggx_plan *plan, ggx_error *error);

/* The plan as JSON, and as a table for people. `disk_free` is what the output's file system has, UINT64_MAX when unknown. */
void ggx_plan_json(const ggx_plan *plan, uint64_t disk_free, ggx_str stream, ggx_text *out);
void ggx_plan_table(const ggx_plan *plan, uint64_t disk_free, ggx_text *out);

#endif
