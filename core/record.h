/* core/record.h - a conversion's manifest: which files went in, what was done, which files came out; all with their digests.
 *
 * One that is there already binds the conversion: inputs that it contradicts are refused before anything is written. */
#ifndef GGX_CORE_RECORD_H
#define GGX_CORE_RECORD_H

#include "flow.h"
#include "hash/manifest.h"

typedef struct ggx_record {
    const char *path; /* of the manifest */
    const ggx_conversion *wanted;
    ggx_arena arena;
    ggx_manifest_file *inputs, *outputs;
    uint64_t input_count, output_count;
} ggx_record;

/* After ggx_flow_plan: hashes the files that the plan reads (what was read for the plan, what holds tensors, the importance matrix)
 * and compares them with the manifest that is at `path`, if one is. Errors: GGX_E_INTEGRITY (another file than the manifest's, or
 * one that it does not have), GGX_E_USAGE, those of reading. Close it in any case. */
ggx_status ggx_record_open(ggx_record *record, const char *path, const ggx_flow *flow, const ggx_conversion *wanted,
                           ggx_error *error);

/* After ggx_flow_execute: hashes the output and writes the manifest. */
ggx_status ggx_record_write(ggx_record *record, const ggx_flow *flow, ggx_error *error);

void ggx_record_close(ggx_record *record);

#endif
