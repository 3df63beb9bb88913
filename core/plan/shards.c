/* Which of several files each tensor goes to: as many as are allowed by number or by bytes, or as the source's files have them. */
#include "plan/plan.h"

#include <ggx_sdk/error.h>

#define PADDING 32u      /* what formats round payloads up to */
#define FILES_MAX 99999u /* names have five digits */

/* Tools that split finished files count payloads as they lie there, converters as they are. */
static ggx_status cut_shards(ggx_plan *plan, const ggx_shards *s, int padded, ggx_error *error)
{
    uint64_t bytes = 0, tensors = 0, file = 0;
    for (uint64_t i = 0; i < plan->tensor_count; i++) {
        ggx_plan_tensor *t = &plan->tensors[i];
        const uint64_t size = t->nbytes + (padded ? (PADDING - t->nbytes % PADDING) % PADDING : 0);
        if (tensors && ((s->max_tensors && tensors >= s->max_tensors) ||
                        (s->max_bytes && (size > s->max_bytes || bytes > s->max_bytes - size)))) {
            file++;
            bytes = tensors = 0;
        }
        if (file >= FILES_MAX)
            return ggx_fail(error, GGX_E_USAGE, "this would be more than %u files; allow larger ones", FILES_MAX);
        bytes = size > UINT64_MAX - bytes ? UINT64_MAX : bytes + size;
        tensors++;
        t->output = (uint32_t)file;
    }
    return GGX_OK;
}

/* The source's file in which the tensor begins; UINT32_MAX for one that is computed. */
static uint32_t member_of(const ggx_plan *plan, const ggx_plan_tensor *t)
{
    const uint64_t first = t->view.piece_count ? t->view.pieces[0].tensor : GGX_CONST_TENSOR;
    return first == GGX_CONST_TENSOR ? UINT32_MAX : plan->checkpoint->tensors[first].member;
}

/* A tensor that does not lie in the source goes to the file of the one before it. */
static ggx_status keep_shards(ggx_plan *plan, ggx_error *error)
{
    uint32_t file = 0, last = UINT32_MAX;
    for (uint64_t i = 0; i < plan->tensor_count; i++) {
        const uint32_t member = member_of(plan, &plan->tensors[i]);
        for (uint64_t k = 0; last != UINT32_MAX && member != last && k < i; k++)
            if (member != UINT32_MAX && member_of(plan, &plan->tensors[k]) == member)
                return ggx_fail(error, GGX_E_USAGE,
                                "--keep-split: tensor '%.*s' comes from a file of the source that is done already; use "
                                "--split-max-size",
                                GGX_STR_ARGS(plan->tensors[i].name));
        if (member != UINT32_MAX) {
            if (last != UINT32_MAX && member != last) file++;
            last = member;
        }
        plan->tensors[i].output = file;
    }
    return GGX_OK;
}

ggx_status ggx_plan_shards(ggx_plan *plan, const ggx_shards *s, int padded, ggx_error *error)
{
    if (!s->keep && !s->max_bytes && !s->max_tensors) return GGX_OK;
    if (s->keep && (s->max_bytes || s->max_tensors))
        return ggx_fail(error, GGX_E_USAGE, "--keep-split, or --split-max-size and --split-max-tensors, not both");
    if (!(plan->writer->flags & GGX_WRITER_SPLITS))
        return ggx_fail(error, GGX_E_USAGE, "writer %s makes one file, not several", plan->writer_name);
    return s->keep ? keep_shards(plan, error) : cut_shards(plan, s, padded, error);
}
