/* splits.c - sets of files as llama-gguf-split writes them: PREFIX-00001-of-00003.gguf, each a whole GGUF file with the keys split.no
 * (from 0), split.count and split.tensors.count. The first holds the key/values of the model, the tensors are spread over all. */
#include "gguf.h"

#include <ggx_sdk/checked.h>

#define TAIL_BYTES 20u /* "-00001-of-00003.gguf" */

/* The name of file `no` of `count` after the first `prefix` bytes of `like`; 0 when `like` is not named as a part of such a set. */
static int sibling_name(ggx_str like, uint64_t no, uint64_t count, char *out, size_t room)
{
    char tail[TAIL_BYTES + 24];
    uint64_t prefix = like.size > TAIL_BYTES ? like.size - TAIL_BYTES : 0;
    if (!prefix || like.size >= room) return 0;
    snprintf(tail, sizeof tail, "-%05u-of-%05u.gguf", (unsigned)no + 1, (unsigned)count);
    memcpy(out, like.data, (size_t)like.size);
    memcpy(out + prefix, tail, TAIL_BYTES);
    out[like.size] = 0;
    return 1;
}

static ggx_status check_part(const gguf_file *first, const gguf_file *part, uint64_t no, ggx_error *error)
{
    if (!(part->has & GGUF_HAS_SPLIT_COUNT) || part->split_count != first->split_count || part->split_no != no)
        return ggx_fail_at(
            error, GGX_E_MALFORMED, part->member, GGUF_HEADER_BYTES,
            "this file says it is part %llu of %llu, where part %llu of %llu should be; the set is mixed up",
            (unsigned long long)part->split_no + 1, (unsigned long long)part->split_count, (unsigned long long)no + 1,
            (unsigned long long)first->split_count);
    return GGX_OK;
}

static ggx_status check_total(const gguf_reader *r, ggx_error *error)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < r->file_count; i++) total += r->files[i].tensor_count;
    const gguf_file *first = &r->files[0];
    if ((first->has & GGUF_HAS_SPLIT_TENSORS) && first->split_tensors != total)
        return ggx_fail_at(error, GGX_E_MALFORMED, first->member, GGUF_HEADER_BYTES,
                           "split.tensors.count is %llu, but the %u files hold %llu tensors; the set is mixed up",
                           (unsigned long long)first->split_tensors, r->file_count, (unsigned long long)total);
    return GGX_OK;
}

ggx_status gguf_splits_open(gguf_reader *r, ggx_error *error)
{
    gguf_file named = r->files[0];
    char name[1024];
    ggx_member member;
    memset(&member, 0, sizeof member);
    member.struct_size = sizeof member;
    ggx_status status = r->source->member(r->source, named.member, &member, error);
    if (status != GGX_OK) return status;
    if (named.split_no >= named.split_count ||
        !sibling_name(member.name, named.split_no, named.split_count, name, sizeof name) ||
        memcmp(name, member.name.data, (size_t)member.name.size) != 0)
        return ggx_fail_at(
            error, GGX_E_MALFORMED, named.member, GGUF_HEADER_BYTES,
            "this is part %llu of %llu of a split model, and its name must end in -%05u-of-%05u.gguf so that the "
            "other parts can be found",
            (unsigned long long)named.split_no + 1, (unsigned long long)named.split_count, (unsigned)named.split_no + 1,
            (unsigned)named.split_count);
    r->merged = 1;
    r->file_count = (uint32_t)named.split_count;
    r->files = r->host->alloc(r->host, r->file_count * sizeof *r->files);
    if (!r->files) return ggx_fail(error, GGX_E_NOMEM, "no memory for a set of %u files", r->file_count);
    for (uint32_t i = 0; i < r->file_count; i++) {
        gguf_file *file = &r->files[i];
        *file = named;
        if (i == named.split_no) continue;
        memset(file, 0, sizeof *file);
        sibling_name(member.name, i, named.split_count, name, sizeof name);
        status = r->source->find(r->source, (ggx_str){name, member.name.size}, &file->member, error);
        if (status == GGX_E_NOTFOUND)
            return ggx_fail_at(error, status, named.member, GGX_NO_OFFSET,
                               "part %u of %u, %.150s, is not beside the file; all parts are needed", i + 1,
                               r->file_count, name);
        if (status == GGX_OK) status = gguf_file_start(r, file, error);
        if (status == GGX_OK) status = gguf_file_walk(r, file, NULL, 0, error);
        if (status == GGX_OK) status = check_part(&named, file, i, error);
        if (status != GGX_OK) return status;
    }
    return check_total(r, error);
}

ggx_status gguf_splits_first(const gguf_reader *r, ggx_error *error)
{
    char name[1024];
    ggx_member member;
    memset(&member, 0, sizeof member);
    member.struct_size = sizeof member;
    if (!r->files[0].split_no) return GGX_OK;
    ggx_status status = r->source->member(r->source, r->files[0].member, &member, error);
    if (status != GGX_OK) return status;
    const int named = sibling_name(member.name, 0, r->files[0].split_count, name, sizeof name);
    return ggx_fail_at(error, GGX_E_USAGE, r->files[0].member, GGX_NO_OFFSET,
                       "this is part %llu of %llu of a split model, whose keys stand in the first: %.150s",
                       (unsigned long long)r->files[0].split_no + 1, (unsigned long long)r->files[0].split_count,
                       named ? name : "name that one");
}
