/* Making and closing a plan, and the digest by which parts and interrupted runs know that they work on the same one. */
#include "plan/plan.h"

#include "checkpoint/decoded.h"
#include "hash/digest.h"
#include "source/open.h"
#include <ggx_sdk/error.h>

#define PLAN_MEMORY (1ull << 30)

static ggx_status digest_emitted(const ggx_emit *emit, uint32_t output, uint64_t offset, const void *data,
                                 uint64_t size, ggx_error *error)
{
    ggx_digest *digest = emit->context;
    (void)error;
    ggx_digest_u64(digest, output);
    ggx_digest_u64(digest, offset);
    ggx_digest_bytes(digest, data, size);
    return GGX_OK;
}

static void digest_piece(ggx_digest *d, const ggx_piece *p, uint32_t rank)
{
    ggx_digest_u64(d, p->tensor);
    ggx_digest_u64(d, p->offset);
    for (uint32_t a = 0; a < rank; a++) {
        ggx_digest_u64(d, p->start[a]);
        ggx_digest_u64(d, p->count[a]);
        ggx_digest_u64(d, p->axis[a].first);
        for (uint32_t f = 0; f < p->axis[a].factor_count; f++) {
            ggx_digest_u64(d, p->axis[a].factors[f].size);
            ggx_digest_u64(d, (uint64_t)p->axis[a].factors[f].stride);
        }
    }
    if (p->tensor != GGX_CONST_TENSOR) return;
    ggx_digest_bytes(d, p->values + p->offset, ggx_piece_span(p, rank) * sizeof *p->values);
}

static void digest_tensor(ggx_digest *d, const ggx_plan_tensor *t, const ggx_checkpoint *c)
{
    ggx_digest_u64(d, t->mode);
    ggx_digest_u64(d, t->at);
    ggx_digest_bytes(d, &t->type.name, sizeof t->type.name);
    for (uint32_t a = 0; a < t->view.rank; a++) ggx_digest_u64(d, t->tile[a]);
    for (uint32_t i = 0; i < t->op_count; i++) {
        ggx_digest_u64(d, t->ops[i].kind);
        ggx_digest_bytes(d, &t->ops[i].value, sizeof t->ops[i].value);
        ggx_digest_bytes(d, t->ops[i].type.data, t->ops[i].type.size);
        ggx_digest_u64(d, t->ops[i].axis);
        if (t->ops[i].factors)
            ggx_digest_bytes(d, t->ops[i].factors, t->view.shape[t->ops[i].axis] * sizeof *t->ops[i].factors);
        for (uint32_t p = 0; t->ops[i].measure && p < t->ops[i].measure->over.piece_count; p++)
            digest_piece(d, &t->ops[i].measure->over.pieces[p], t->ops[i].measure->over.rank);
    }
    if (t->imatrix) {
        uint64_t weights = t->view.shape[t->view.rank - 1];
        for (uint32_t a = 0; a + 2 < t->view.rank; a++) weights *= t->view.shape[a];
        ggx_digest_bytes(d, t->imatrix, weights * sizeof *t->imatrix);
    }
    for (uint32_t i = 0; i < t->view.piece_count; i++) {
        const ggx_piece *p = &t->view.pieces[i];
        digest_piece(d, p, t->view.rank);
        if (p->tensor == GGX_CONST_TENSOR) continue;
        const ggx_tensor *source = &c->tensors[p->tensor];
        ggx_digest_bytes(d, source->name.data, source->name.size);
        ggx_digest_u64(d, source->member);
        ggx_digest_u64(d, source->offset);
        const ggx_decoded *decoded = ggx_decoded_at(c, p->tensor);
        if (decoded) ggx_digest_bytes(d, decoded->digest, sizeof decoded->digest);
    }
}

/* Sizes and times of the files that the plan was made from. Not the inode: another machine may see the same file under another one. */
static ggx_status digest_source(const ggx_plan *plan, ggx_digest *d, ggx_error *error)
{
    const ggx_source *source = plan->checkpoint->source;
    for (uint32_t i = 0; i < plan->source_count; i++) {
        uint64_t identity[3] = {0};
        ggx_status status = ggx_source_identity(source, i, identity, error);
        if (status != GGX_OK) return status;
        ggx_digest_u64(d, identity[0]);
        ggx_digest_u64(d, identity[1]);
    }
    return GGX_OK;
}

ggx_status ggx_plan_source_check(const ggx_plan *plan, ggx_error *error)
{
    ggx_digest now = GGX_DIGEST_START;
    ggx_status status = digest_source(plan, &now, error);
    if (status != GGX_OK) return status;
    if (now.a == plan->source_digest[0] && now.b == plan->source_digest[1]) return GGX_OK;
    return ggx_fail(error, GGX_E_INTEGRITY, "the input was changed while it was read; convert it again");
}

/* Everything that decides the output's bytes and how they are cut into tiles: the header as rendered, each tensor's views and
 * operations, and which files the source consists of. */
ggx_status ggx_plan_digest(ggx_plan *plan, ggx_error *error)
{
    ggx_digest d = GGX_DIGEST_START;
    ggx_digest_bytes(&d, GGX_VERSION, sizeof GGX_VERSION);
    ggx_emit emit = {sizeof emit, 0, &d, digest_emitted};
    ggx_status status = plan->writer->render(plan->writer_instance.self, &emit, error);
    if (status != GGX_OK) return status;
    for (uint64_t i = 0; i < plan->tensor_count; i++) digest_tensor(&d, &plan->tensors[i], plan->checkpoint);
    plan->source_count = plan->checkpoint->source->count(plan->checkpoint->source);
    status = digest_source(plan, &d, error);
    if (status != GGX_OK) return status;
    ggx_digest files = GGX_DIGEST_START;
    status = digest_source(plan, &files, error);
    if (status != GGX_OK) return status;
    plan->source_digest[0] = files.a;
    plan->source_digest[1] = files.b;
    plan->digest[0] = d.a;
    plan->digest[1] = d.b;
    return GGX_OK;
}

ggx_status ggx_plan_make(ggx_plan *plan, ggx_registry *registry, const ggx_checkpoint *checkpoint,
                         const ggx_recipe_result *result, const char *recipe, const ggx_plan_request *request,
                         const ggx_run *run, ggx_error *error)
{
    memset(plan, 0, sizeof *plan);
    ggx_arena_init(&plan->arena, PLAN_MEMORY);
    plan->checkpoint = checkpoint;
    plan->recipe = recipe;
    ggx_status status = ggx_plan_types(plan, registry, result, request, error);
    if (status == GGX_OK) status = ggx_plan_layout(plan, registry, result, request, run, error);
    if (status == GGX_OK) status = ggx_plan_tiles(&plan, 1, request, error);
    if (status == GGX_OK) status = ggx_plan_digest(plan, error);
    if (status != GGX_OK) ggx_plan_close(plan);
    return status;
}

void ggx_plan_close(ggx_plan *plan)
{
    if (plan->writer_opened && plan->writer->close) plan->writer->close(plan->writer_instance.self);
    if (plan->writer) ggx_instance_close(&plan->writer_instance);
    plan->writer_opened = 0;
    plan->writer = NULL;
    ggx_arena_free(&plan->arena);
}
