/* models.c - a word into ids: BPE, WordPiece, whole words. */
#include "tokenizer.h"
#include <ggx_sdk/error.h>

#define WORD_MOST 65536u /* symbols of one word: merging takes their square */

ggx_status tokenizer_push_id(tokenizer *t, uint32_t id, uint32_t **ids, uint64_t *count, uint64_t *capacity)
{
    if (*count == *capacity) {
        uint64_t wider = *capacity ? 2 * *capacity : 256;
        uint32_t *longer = wider <= VOCAB_TEXT ? t->host->alloc(t->host, wider * sizeof *longer) : NULL;
        if (!longer) return tokenizer_no_memory(t);
        if (*count) memcpy(longer, *ids, (size_t)*count * sizeof *longer);
        *ids = longer;
        *capacity = wider;
    }
    (*ids)[(*count)++] = id;
    return GGX_OK;
}

/* --- BPE ------------------------------------------------------------------------------------------------------------------------ */

static ggx_status rank(tokenizer *t, uint64_t index, ggx_str left, ggx_str right)
{
    vocab_buffer whole = {.host = t->host};
    const vocab_slot *a = vocab_map_find(&t->vocab, left), *b = vocab_map_find(&t->vocab, right), *c;
    vocab_buffer_add(&whole, left.data, left.size);
    uint64_t skip = right.size >= t->prefix.size ? t->prefix.size : 0; /* a piece that goes on loses its prefix */
    vocab_buffer_add(&whole, right.data + skip, right.size - skip);
    c = vocab_map_find(&t->vocab, vocab_buffer_str(&whole));
    if (whole.failed) return tokenizer_no_memory(t);
    if (!a || !b || !c)
        return ggx_fail(t->error, GGX_E_UNSUPPORTED, "merge %llu, '%.*s', is of tokens that are not in the vocabulary",
                        (unsigned long long)index, GGX_STR_ARGS(t->merge[index]));
    return vocab_map_put_pair(&t->ranks, a->value, b->value, (uint32_t)index, c->value) ? GGX_OK
                                                                                        : tokenizer_no_memory(t);
}

static ggx_status rank_all(tokenizer *t)
{
    ggx_status status = GGX_OK;
    const spaced_merge *spaced = t->spaced;
    vocab_buffer reversed = {.host = t->host};
    for (; spaced; spaced = spaced->next) vocab_buffer_add(&reversed, (const char *)&spaced, sizeof spaced);
    uint64_t left_over = reversed.size / sizeof spaced; /* the list has the last first */
    if (reversed.failed) return tokenizer_no_memory(t);
    for (uint64_t i = 0; i < t->merge_count && status == GGX_OK; i++) {
        ggx_str merge = t->merge[i];
        if (left_over) memcpy(&spaced, reversed.data + (left_over - 1) * sizeof spaced, sizeof spaced);
        if (left_over && spaced->index == i) {
            left_over--;
            status = rank(t, i, spaced->left, spaced->right);
            continue;
        }
        const char *space = memchr(merge.data, ' ', (size_t)merge.size);
        if (!space || memchr(space + 1, ' ', (size_t)(merge.data + merge.size - space - 1)))
            return ggx_fail(t->error, GGX_E_UNSUPPORTED, "merge %llu, '%.*s', is no pair", (unsigned long long)i,
                            GGX_STR_ARGS(merge));
        uint64_t size = (uint64_t)(space - merge.data);
        status = rank(t, i, (ggx_str){merge.data, size}, (ggx_str){space + 1, merge.size - size - 1});
    }
    t->ranked = status == GGX_OK;
    return status;
}

/* The symbols of a word. */
typedef struct word {
    uint32_t *ids;
    uint64_t count, capacity;
    int has_unk;
    uint32_t unk;
} word;

static ggx_status push(tokenizer *t, word *w, uint32_t id)
{
    if (w->count >= WORD_MOST)
        return ggx_fail(t->error, GGX_E_UNSUPPORTED, "a word of more than %u symbols", WORD_MOST);
    return tokenizer_push_id(t, id, &w->ids, &w->count, &w->capacity);
}

/* "<0x0A>" for each byte, when all are there. */
static ggx_status fall_back(tokenizer *t, word *w, ggx_str symbol, int *done)
{
    static const char hex[] = "0123456789ABCDEF";
    uint32_t ids[4];
    *done = 0;
    if (!t->byte_fallback || symbol.size > 4) return GGX_OK;
    for (uint64_t i = 0; i < symbol.size; i++) {
        uint8_t b = (uint8_t)symbol.data[i];
        const char name[] = {'<', '0', 'x', hex[b >> 4], hex[b & 15], '>'};
        const vocab_slot *s = vocab_map_find(&t->vocab, (ggx_str){name, sizeof name});
        if (!s) return GGX_OK;
        ids[i] = s->value;
    }
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; i < symbol.size && status == GGX_OK; i++) status = push(t, w, ids[i]);
    *done = 1;
    return status;
}

/* A character that the vocabulary does not have: nothing when there is no token for the unknown. */
static ggx_status push_unknown(tokenizer *t, word *w)
{
    const vocab_slot *s = t->unk.data ? vocab_map_find(&t->vocab, t->unk) : NULL;
    ggx_status status = GGX_OK;
    if (!t->unk.data) return GGX_OK;
    if (!s) return ggx_fail(t->error, GGX_E_UNSUPPORTED, "the token for the unknown is not in the vocabulary");
    if (w->has_unk && !t->fuse_unk) status = push(t, w, w->unk);
    w->has_unk = 1;
    w->unk = s->value;
    return status;
}

static ggx_status end_unknown(tokenizer *t, word *w)
{
    int had = w->has_unk;
    w->has_unk = 0;
    return had ? push(t, w, w->unk) : GGX_OK;
}

static ggx_status first_symbols(tokenizer *t, ggx_str text, word *w)
{
    ggx_status status = GGX_OK;
    for (uint64_t at = 0; at < text.size && status == GGX_OK;) {
        vocab_buffer symbol = {.host = t->host};
        uint64_t from = at;
        int done;
        vocab_code(text, &at);
        ggx_str name = {text.data + from, at - from};
        if ((from && t->prefix.size) || (at == text.size && t->suffix.size)) {
            if (from) vocab_buffer_add(&symbol, t->prefix.data, t->prefix.size);
            vocab_buffer_add(&symbol, name.data, name.size);
            if (at == text.size) vocab_buffer_add(&symbol, t->suffix.data, t->suffix.size);
            name = vocab_buffer_str(&symbol);
        }
        const vocab_slot *s = vocab_map_find(&t->vocab, name);
        if (s) {
            status = end_unknown(t, w);
            if (status == GGX_OK) status = push(t, w, s->value);
            continue;
        }
        status = fall_back(t, w, name, &done);
        if (status == GGX_OK && !done) status = push_unknown(t, w);
    }
    return status == GGX_OK ? end_unknown(t, w) : status;
}

/* Of all pairs the best, the leftmost of equals, until none is left. */
static ggx_status merge(tokenizer *t, word *w)
{
    for (;;) {
        const vocab_slot *best = NULL;
        uint64_t where = 0;
        if (t->host->canceled(t->host)) return ggx_fail(t->error, GGX_E_CANCELED, "stopped");
        for (uint64_t i = 0; i + 1 < w->count; i++) {
            const vocab_slot *s = vocab_map_find_pair(&t->ranks, w->ids[i], w->ids[i + 1]);
            if (s && (!best || s->value < best->value)) best = s, where = i;
        }
        if (!best) return GGX_OK;
        w->ids[where] = best->other;
        memmove(w->ids + where + 1, w->ids + where + 2, (size_t)(w->count - where - 2) * sizeof *w->ids);
        w->count--;
    }
}

static ggx_status bpe(tokenizer *t, ggx_str text, word *w)
{
    const vocab_slot *whole = t->ignore_merges ? vocab_map_find(&t->vocab, text) : NULL;
    ggx_status status = t->ranked ? GGX_OK : rank_all(t);
    if (status != GGX_OK) return status;
    if (whole) return push(t, w, whole->value);
    status = first_symbols(t, text, w);
    return status == GGX_OK ? merge(t, w) : status;
}

/* --- others ----------------------------------------------------------------------------------------------------------------------- */

static ggx_status unknown_word(tokenizer *t, word *w)
{
    const vocab_slot *s = t->unk.data ? vocab_map_find(&t->vocab, t->unk) : NULL;
    return s ? push(t, w, s->value)
             : ggx_fail(t->error, GGX_E_UNSUPPORTED, "the token for the unknown is not in the vocabulary");
}

/* The longest piece that fits, and on. */
static ggx_status wordpiece(tokenizer *t, ggx_str text, word *w)
{
    int64_t characters = 0;
    ggx_status status = GGX_OK;
    for (uint64_t at = 0; at < text.size; characters++) vocab_code(text, &at);
    if (characters > t->longest_word) return unknown_word(t, w);
    for (uint64_t from = 0; from < text.size && status == GGX_OK;) {
        const vocab_slot *found = NULL;
        uint64_t to = text.size;
        for (; to > from && !found; to -= !found) {
            vocab_buffer name = {.host = t->host};
            if (((uint8_t)text.data[to == text.size ? from : to] & 0xc0) == 0x80) continue; /* inside of a character */
            if (from) vocab_buffer_add(&name, t->prefix.data, t->prefix.size);
            vocab_buffer_add(&name, text.data + from, to - from);
            found = vocab_map_find(&t->vocab, vocab_buffer_str(&name));
        }
        if (!found) {
            w->count = 0;
            return unknown_word(t, w);
        }
        status = push(t, w, found->value);
        from = to;
    }
    return status;
}

ggx_status tokenizer_model(tokenizer *t, ggx_str text, uint32_t **ids, uint64_t *count, uint64_t *capacity)
{
    word w = {.ids = NULL};
    ggx_status status = GGX_OK;
    const vocab_slot *whole;
    if (t->model == MODEL_BPE || !t->model) {
        status = bpe(t, text, &w);
    } else if (t->model == MODEL_WORDPIECE) {
        status = wordpiece(t, text, &w);
    } else if (t->model == MODEL_WORDLEVEL) {
        whole = vocab_map_find(&t->vocab, text);
        status = whole ? push(t, &w, whole->value) : unknown_word(t, &w);
    } else {
        status = ggx_fail(t->error, GGX_E_UNSUPPORTED, "encoding with a unigram model is not known here");
    }
    for (uint64_t i = 0; i < w.count && status == GGX_OK; i++)
        status = tokenizer_push_id(t, w.ids[i], ids, count, capacity);
    return status;
}
