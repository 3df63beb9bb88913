/* tokens.c - the table of tokens, and pushing it. */
#include "tokens.h"

#include <ggx_sdk/error.h>
#include <stdio.h>

static ggx_status no_memory(ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOMEM, "the vocabulary needs more memory than it may use");
}

static ggx_status grow(vocab_tokens *t, uint64_t wanted)
{
    uint64_t wider = t->capacity ? t->capacity : 1024;
    while (wider < wanted) wider *= 2; /* wanted is at most VOCAB_IDS */
    ggx_str *text = t->host->alloc(t->host, wider * sizeof *text);
    float *score = t->host->alloc(t->host, wider * sizeof *score);
    int32_t *type = t->host->alloc(t->host, wider * sizeof *type);
    if (!text || !score || !type) return no_memory(t->error);
    if (t->count) {
        memcpy(text, t->text, (size_t)t->count * sizeof *text);
        memcpy(score, t->score, (size_t)t->count * sizeof *score);
        memcpy(type, t->type, (size_t)t->count * sizeof *type);
    }
    t->text = text;
    t->score = score;
    t->type = type;
    t->capacity = wider;
    return GGX_OK;
}

static ggx_status fill_gap(vocab_tokens *t)
{
    char *name = t->host->alloc(t->host, 24);
    if (!name) return no_memory(t->error);
    int size = snprintf(name, 24, "[PAD%llu]", (unsigned long long)t->count);
    t->text[t->count] = (ggx_str){name, (uint64_t)size};
    t->score[t->count] = t->gap_score;
    t->type[t->count++] = VOCAB_UNUSED;
    return GGX_OK;
}

ggx_status vocab_put(vocab_tokens *t, uint32_t member, uint64_t at, int64_t id, ggx_str text, float score, int32_t type)
{
    if (id < 0 || id >= VOCAB_IDS)
        return ggx_fail_at(t->error, GGX_E_MALFORMED, member, at, "token '%.*s' has id %lld; ids are from 0 to %u",
                           GGX_STR_ARGS(text), (long long)id, VOCAB_IDS - 1);
    if (t->host->canceled(t->host)) return ggx_fail(t->error, GGX_E_CANCELED, "stopped");
    ggx_status status = (uint64_t)id < t->capacity ? GGX_OK : grow(t, (uint64_t)id + 1);
    while (status == GGX_OK && t->count <= (uint64_t)id) status = fill_gap(t);
    if (status != GGX_OK) return status;
    t->text[id] = text;
    t->score[id] = score;
    t->type[id] = type;
    return GGX_OK;
}

static ggx_status push(const ggx_sink *sink, const char *key, uint32_t type, uint32_t elem, const void *data,
                       uint64_t count, ggx_error *error)
{
    const ggx_kv kv = {.struct_size = sizeof kv,
                       .type = type,
                       .elem_type = elem,
                       .key = {key, strlen(key)},
                       .count = count,
                       .data = data};
    return sink->kv(sink, &kv, error);
}

ggx_status vocab_push_text_of(const ggx_sink *sink, const char *key, ggx_str text, ggx_error *error)
{
    return push(sink, key, GGX_KV_STRING, GGX_KV_STRING, &text, 1, error);
}

ggx_status vocab_push_text(const ggx_sink *sink, const char *key, const char *text, ggx_error *error)
{
    return vocab_push_text_of(sink, key, (ggx_str){text, strlen(text)}, error);
}

ggx_status vocab_push_bool(const ggx_sink *sink, const char *key, int truth, ggx_error *error)
{
    const uint8_t value = truth != 0;
    return push(sink, key, GGX_KV_BOOL, GGX_KV_BOOL, &value, 1, error);
}

ggx_status vocab_push_array(const ggx_sink *sink, const char *key, uint32_t type, const void *data, uint64_t count,
                            ggx_error *error)
{
    return push(sink, key, GGX_KV_ARRAY, type, data, count, error);
}

ggx_status vocab_push(const vocab_tokens *t, const ggx_sink *sink, int scores)
{
    ggx_status status = vocab_push_array(sink, "tokens", GGX_KV_STRING, t->text, t->count, t->error);
    if (status == GGX_OK && scores) status = vocab_push_array(sink, "scores", GGX_KV_F32, t->score, t->count, t->error);
    return status == GGX_OK ? vocab_push_array(sink, "types", GGX_KV_I32, t->type, t->count, t->error) : status;
}

ggx_status vocab_read(const ggx_host *host, const ggx_source *source, const char *name, vocab_file *out,
                      ggx_error *error)
{
    ggx_member member = {.struct_size = sizeof member};
    const ggx_str wanted = {name, strlen(name)};
    out->text = (ggx_str){NULL, 0};
    ggx_status status = source->find(source, wanted, &out->member, error);
    if (status == GGX_E_NOTFOUND) return GGX_OK;
    if (status == GGX_OK) status = source->member(source, out->member, &member, error);
    if (status != GGX_OK) return status;
    if (member.size > VOCAB_FILE)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, out->member, GGX_NO_OFFSET,
                           "%llu bytes are more than a tokenizer's file may have, %llu",
                           (unsigned long long)member.size, (unsigned long long)VOCAB_FILE);
    char *text = host->alloc(host, member.size + 1);
    if (!text) return no_memory(error);
    status = source->read_at(source, out->member, 0, text, member.size, error);
    if (status == GGX_OK) out->text = (ggx_str){text, member.size};
    return status;
}
