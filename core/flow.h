/* core/flow.h - the pipeline: from what the user named to a finished file. */
#ifndef GGX_CORE_FLOW_H
#define GGX_CORE_FLOW_H

#include "commit/output.h"
#include "plan/mixture.h"

/* What the user wants. Strings are borrowed for the flow's life; 0 and NULL mean "not given". */
typedef struct ggx_conversion {
    const char *input;       /* file, directory or prefix */
    const char *called;      /* the model's name, or "" for none; NULL: of where it lies */
    const char *output;      /* file to be made; NULL when only a plan is wanted */
    const char *reader;      /* NULL: by probing */
    const char *writer;      /* NULL: by the output's extension; "NAME-TYPE" is writer NAME and type TYPE */
    const char *recipe;      /* id, file, or "none"; NULL: the best that matches, else none */
    const char *recommended; /* without `recipe`: the one to take where it makes such files; or NULL */
    const char *type;
    const char *portion; /* part of the model to be made a file of, or NULL: the model itself */
    const char *compat;  /* the reference whose bytes are meant, PROGRAM@VERSION, or NULL: the default */
    const char *base;    /* folder of the model that an adapter is for */
    const ggx_type_override *overrides;
    uint32_t override_count;
    int32_t pure;
    const char *output_type, *embedding_type; /* --output-tensor-type, --token-embedding-type */
    int32_t leave_output, requantize;
    const char *imatrix; /* file */
    const char *via;     /* type that quantized tensors are rounded through first */
    const char *layout;
    const char *metadata; /* JSON file: key/values that go before those of the model's card */
    const ggx_kv *kvs;    /* --override-kv */
    uint64_t kv_count;
    ggx_setting *settings; /* -O */
    uint32_t setting_count;
    uint64_t memory;     /* bytes */
    uint64_t sync_bytes; /* bytes of output between two entries in the journal */
    uint32_t threads;
    uint32_t part, parts;
    int32_t header_only;                   /* --vocab-only: the recipe's header and no tensors */
    int32_t replace;                       /* 1: the output takes the place of the input */
    int32_t stream;                        /* --stream: convert while a remote model arrives */
    int32_t keep;                          /* --keep: with `stream`, leave a copy of the model in the cache */
    uint32_t timeout;                      /* seconds after which a server counts as silent; 0: the usual */
    const char *sha256;                    /* of a single remote file, or NULL */
    const struct ggx_catalog_entry *entry; /* of the catalogue, that `input` is the name of; or NULL */
    ggx_shards shards;                     /* --split-max-size, --split-max-tensors, --keep-split */
} ggx_conversion;

#define GGX_FLOWS_MAX 32u /* outputs of one model in one go */

typedef struct ggx_flow {
    ggx_registry *registry; /* borrowed */
    const ggx_run *run;
    ggx_source *source;
    ggx_checkpoint checkpoint;
    const ggx_checkpoint *model; /* that one, or another flow's */
    ggx_arena arena;             /* recipe and its result */
    ggx_recipe_result result;
    const char *recipe;   /* id, or "none" */
    ggx_mixture *mixture; /* NULL: the type is plain */
    ggx_mixture_result mixed;
    ggx_imatrix imatrix;
    const char *writer, *type; /* resolved */
    ggx_plan plan;
    ggx_output output;
    ggx_run quiet_run; /* what the output is given */
    uint64_t resumed;  /* tiles that an earlier run had done */
    int32_t has_checkpoint, has_plan, has_imatrix;
    int32_t leads_back; /* 1: the recipe leads from a file that it made to the source */
} ggx_flow;

/* Opens the model and makes the plans of `count` conversions of it, which ggx_flow_execute carries out together. What the conversions
 * share is that of the first. */
ggx_status ggx_flow_prepare(ggx_flow *flows, ggx_registry *registry, const ggx_conversion *wanted, uint32_t count,
                            const ggx_run *run, ggx_error *error);

/* Its steps, for whoever needs one alone. Opens the input as a checkpoint: source, reader, index. */
ggx_status ggx_flow_open(ggx_flow *flow, ggx_registry *registry, const ggx_conversion *wanted, const ggx_run *run,
                         ggx_error *error);

/* After ggx_flow_open: recipe and plan. Nothing is written. */
ggx_status ggx_flow_plan(ggx_flow *flow, const ggx_conversion *wanted, ggx_error *error);

/* The first half of that, for whoever only looks: writer, recipe and mixture; flow->result holds what would be written. */
ggx_status ggx_flow_apply(ggx_flow *flow, const ggx_conversion *wanted, ggx_error *error);

/* The second half: the plan of flow->result, which may have been changed meanwhile. */
ggx_status ggx_flow_lay_out(ggx_flow *flow, const ggx_conversion *wanted, ggx_error *error);

/* After the first: the checkpoint that the result's views count in, decoded tensors on top. */
const ggx_checkpoint *ggx_flow_laid(const ggx_flow *flow);

/* Instead of ggx_flow_open: another output of what `opened` reads, which must stay open longer. */
void ggx_flow_share(ggx_flow *flow, const ggx_flow *opened);

/* After ggx_flow_plan of each: makes the plans of several flows of one model fit to be carried out together. */
ggx_status ggx_flow_join(ggx_flow *flows, const ggx_conversion *wanted, uint32_t count, ggx_error *error);

/* After that: executes them, reading the model once, and commits the outputs. Of one flow, the same without ggx_flow_join. */
ggx_status ggx_flow_execute(ggx_flow *flows, const ggx_conversion *wanted, uint32_t count, ggx_error *error);

/* Instead of ggx_flow_execute, for one flow with a remote model: converts it while it arrives (docs/streaming.md). After a broken
 * connection or Ctrl-C what was done stays, and the next run goes on there. */
ggx_status ggx_flow_stream(ggx_flow *flow, const ggx_conversion *wanted, ggx_error *error);

/* Whether the plan can stream, or why not: a line, or a value of JSON. Of a model on this machine, whether it could from a server. */
void ggx_flow_stream_report(const ggx_flow *flow, const ggx_conversion *wanted, int json, ggx_text *out);

void ggx_flow_close(ggx_flow *flow);

#endif
