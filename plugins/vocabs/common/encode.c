/* encode.c - text into ids, through all steps. */
#include "tokenizer.h"
#include <ggx_sdk/error.h>

#define LOOKED_FOR 8192u /* added tokens */

/* --- added tokens ------------------------------------------------------------------------------------------------------------- */

/* Is what stands at the ends of the match no word that goes on? */
static int stands_alone(tokenizer *t, ggx_str text, uint64_t from, uint64_t to, ggx_status *status)
{
    uint64_t at = from, next = to;
    while (at && ((uint8_t)text.data[at - 1] & 0xc0) == 0x80) at--;
    if (at) at--;
    if (from && tokenizer_in_class(t, CLASS_WORD, vocab_code(text, &at), status)) return 0;
    return to == text.size || !tokenizer_in_class(t, CLASS_WORD, vocab_code(text, &next), status);
}

/* The token that begins here: the longest. */
static const added_token *token_at(const tokenizer *t, ggx_str text, uint64_t at, int normalized)
{
    const added_token *best = NULL;
    for (uint64_t i = 0; i < t->added_count; i++) {
        const added_token *a = &t->added[i];
        ggx_str wanted = normalized ? a->normal : a->content;
        if (a->normalized != normalized || !wanted.size || wanted.size > text.size - at) continue;
        if (text.data[at] != wanted.data[0] || memcmp(text.data + at, wanted.data, (size_t)wanted.size)) continue;
        ggx_str longest = best ? (normalized ? best->normal : best->content) : (ggx_str){NULL, 0};
        if (!best || wanted.size > longest.size) best = a;
    }
    return best;
}

static uint64_t white_before(ggx_str text, uint64_t at, uint64_t least)
{
    while (at > least) {
        uint64_t back = at - 1, next;
        while (back > least && ((uint8_t)text.data[back] & 0xc0) == 0x80) back--;
        next = back;
        if (!vocab_white(vocab_code(text, &next)) || next != at) break;
        at = back;
    }
    return at;
}

static ggx_status split_added(tokenizer *t, const piece *of, int normalized, pieces *out)
{
    ggx_str text = of->text;
    uint64_t begun = 0;
    ggx_status status = GGX_OK;
    for (uint64_t at = 0; at < text.size && status == GGX_OK;) {
        const added_token *a = token_at(t, text, at, normalized);
        uint64_t from = at, to = at + (a ? (normalized ? a->normal.size : a->content.size) : 1);
        at = to;
        if (!a || (a->single_word && !stands_alone(t, text, from, to, &status))) continue;
        if (a->lstrip) from = white_before(text, from, begun);
        for (uint64_t next = to; a->rstrip && next < text.size && vocab_white(vocab_code(text, &next));) to = next;
        if (from < begun) from = begun;
        if (from > begun) pieces_add(out, (piece){{text.data + begun, from - begun}, of->first && !begun, -1});
        if (to > from) pieces_add(out, (piece){{text.data + from, to - from}, of->first && !from, a->id});
        begun = to;
    }
    if (begun < text.size) pieces_add(out, (piece){{text.data + begun, text.size - begun}, of->first && !begun, -1});
    return out->failed ? tokenizer_no_memory(t) : status;
}

static ggx_status prepare_added(tokenizer *t)
{
    ggx_status status = GGX_OK;
    if (t->added_count > LOOKED_FOR)
        return ggx_fail(t->error, GGX_E_UNSUPPORTED, "more than %u added tokens", LOOKED_FOR);
    for (uint64_t i = 0; i < t->added_count && status == GGX_OK; i++) {
        added_token *a = &t->added[i];
        if (!a->normalized || a->normal.data) continue;
        if (a->content.size > ADDED_LONGEST)
            return ggx_fail(t->error, GGX_E_UNSUPPORTED, "an added token of more than %u bytes", ADDED_LONGEST);
        status = tokenizer_normalize(t, t->normalizer, a->content, &a->normal);
    }
    return status;
}

ggx_status tokenizer_extract(tokenizer *t, ggx_str text, pieces *out)
{
    pieces raw = {.host = t->host};
    const piece whole = {text, 1, -1};
    ggx_status status = prepare_added(t);
    if (status == GGX_OK) status = split_added(t, &whole, 0, &raw);
    for (uint64_t i = 0; i < raw.count && status == GGX_OK; i++) {
        piece one = raw.items[i];
        if (one.added >= 0) {
            pieces_add(out, one);
            continue;
        }
        status = tokenizer_normalize(t, t->normalizer, one.text, &one.text);
        if (status == GGX_OK) status = split_added(t, &one, 1, out);
    }
    return out->failed ? tokenizer_no_memory(t) : status;
}

/* --- what stands around ----------------------------------------------------------------------------------------------------------- */

static ggx_status push_around(tokenizer *t, const part *p, const ggx_str *texts, uint32_t count, uint32_t **ids,
                              uint64_t *all, uint64_t *capacity)
{
    ggx_status status = GGX_OK;
    for (uint32_t i = 0; i < count && status == GGX_OK; i++) {
        const vocab_slot *s = vocab_map_find(&p->ids, texts[i]);
        status = s ? tokenizer_push_id(t, s->value, ids, all, capacity)
                   : tokenizer_unknown(t, "special token of the post-processor", texts[i]);
    }
    return status;
}

static ggx_status post_process(tokenizer *t, const part *p, uint32_t **ids, uint64_t *count)
{
    uint32_t *around = NULL;
    uint64_t all = 0, capacity = 0;
    ggx_status status = GGX_OK;
    if (!p || vocab_is(p->type, "ByteLevel")) return GGX_OK;
    if (vocab_is(p->type, "Sequence")) {
        for (const part *c = p->children; c && status == GGX_OK; c = c->next) status = post_process(t, c, ids, count);
        return status;
    }
    if (!vocab_is(p->type, "TemplateProcessing") && !vocab_is(p->type, "RobertaProcessing") &&
        !vocab_is(p->type, "BertProcessing"))
        return tokenizer_unknown(t, "post-processor", p->type);
    status = push_around(t, p, p->before, p->before_count, &around, &all, &capacity);
    for (uint64_t i = 0; p->has_sequence && i < *count && status == GGX_OK; i++)
        status = tokenizer_push_id(t, (*ids)[i], &around, &all, &capacity);
    if (status == GGX_OK) status = push_around(t, p, p->after, p->after_count, &around, &all, &capacity);
    *ids = around;
    *count = all;
    return status;
}

ggx_status tokenizer_encode(tokenizer *t, ggx_str text, int special, uint32_t **ids, uint64_t *count)
{
    pieces all = {.host = t->host};
    uint64_t capacity = 0;
    *ids = NULL;
    *count = 0;
    ggx_status status = tokenizer_extract(t, text, &all);
    if (status == GGX_OK) status = tokenizer_split(t, t->splitter, &all);
    for (uint64_t i = 0; i < all.count && status == GGX_OK; i++)
        status = all.items[i].added >= 0 ? tokenizer_push_id(t, (uint32_t)all.items[i].added, ids, count, &capacity)
                                         : tokenizer_model(t, all.items[i].text, ids, count, &capacity);
    return status == GGX_OK && special ? post_process(t, t->post, ids, count) : status;
}
