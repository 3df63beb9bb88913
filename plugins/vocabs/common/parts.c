/* parts.c - reading a tokenizer.json: its steps, its model, its added tokens. */
#include "tokenizer.h"
#include <ggx_sdk/error.h>

#define MERGES_MOST (4u << 20)

void tokenizer_init(tokenizer *t, const ggx_host *host, ggx_error *error)
{
    *t = (tokenizer){.host = host, .error = error, .longest_word = 100};
    t->vocab.host = t->ranks.host = t->added_ids.host = host;
}

ggx_status tokenizer_no_memory(const tokenizer *t)
{
    return ggx_fail(t->error, GGX_E_NOMEM, "the vocabulary needs more memory than it may use");
}

ggx_status tokenizer_unknown(const tokenizer *t, const char *what, ggx_str type)
{
    return ggx_fail(t->error, GGX_E_UNSUPPORTED, "the tokenizer's %s '%.*s' is not known here", what,
                    GGX_STR_ARGS(type));
}

/* --- steps ------------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *key;
    size_t place; /* of an int */
} flags[] = {
    {"invert", offsetof(part, invert)},
    {"split", offsetof(part, split)},
    {"use_regex", offsetof(part, use_regex)},
    {"add_prefix_space", offsetof(part, add_prefix_space)},
    {"individual_digits", offsetof(part, individual)},
    {"lowercase", offsetof(part, lowercase)},
    {"strip_accents", offsetof(part, strip_accents)},
    {"clean_text", offsetof(part, clean_text)},
    {"handle_chinese_chars", offsetof(part, han)},
    {"strip_left", offsetof(part, left)},
    {"strip_right", offsetof(part, right)},
    {"cleanup", offsetof(part, cleanup)},
};

static const struct {
    const char *key;
    size_t place; /* of a ggx_str */
} texts[] = {
    {"type", offsetof(part, type)},         {"content", offsetof(part, content)},
    {"prepend", offsetof(part, content)},   {"replacement", offsetof(part, content)},
    {"delimiter", offsetof(part, content)}, {"prefix", offsetof(part, content)},
    {"str_rep", offsetof(part, content)},   {"prepend_scheme", offsetof(part, scheme)},
    {"pattern", offsetof(part, pattern)},
};

static ggx_status read_children(tokenizer *t, vocab_walk *outer, part *p)
{
    vocab_walk list;
    part **last = &p->children;
    ggx_status status = GGX_OK;
    while (*last) last = &(*last)->next;
    for (vocab_walk_into(&list, outer); status == GGX_OK && vocab_walk_next(&list);) {
        status = tokenizer_read_part(t, &list, last);
        if (status == GGX_OK && *last) last = &(*last)->next;
    }
    return status == GGX_OK ? list.status : status;
}

/* {"String": text} or {"Regex": text} */
static ggx_status read_pattern(vocab_walk *outer, part *p)
{
    vocab_walk fields;
    for (vocab_walk_into(&fields, outer); vocab_walk_next(&fields);) {
        p->is_regex = vocab_walk_is(&fields, "Regex");
        p->pattern = vocab_walk_text(&fields);
    }
    return fields.status;
}

static ggx_status add_around(tokenizer *t, ggx_str **list, uint32_t *count, ggx_str text)
{
    ggx_str *longer = t->host->alloc(t->host, (*count + 1ull) * sizeof *longer);
    if (!longer) return tokenizer_no_memory(t);
    if (*count) memcpy(longer, *list, *count * sizeof *longer);
    longer[(*count)++] = text;
    *list = longer;
    return *count <= 64 ? GGX_OK : ggx_fail(t->error, GGX_E_UNSUPPORTED, "a post-processor has more than 64 tokens");
}

/* "single": [{"SpecialToken": {"id": text}}, {"Sequence": {…}}, …] */
static ggx_status read_template(tokenizer *t, vocab_walk *outer, part *p)
{
    vocab_walk list, item, fields;
    ggx_status status = GGX_OK;
    for (vocab_walk_into(&list, outer); status == GGX_OK && vocab_walk_next(&list);) {
        if (list.value.kind != GGX_JSON_OBJECT) continue;
        for (vocab_walk_into(&item, &list); status == GGX_OK && vocab_walk_next(&item);) {
            ggx_str id = {NULL, 0};
            int sequence = vocab_walk_is(&item, "Sequence");
            p->has_sequence |= (uint32_t)sequence;
            if (sequence || item.value.kind != GGX_JSON_OBJECT) continue;
            for (vocab_walk_into(&fields, &item); vocab_walk_next(&fields);)
                if (vocab_walk_is(&fields, "id")) id = vocab_walk_text(&fields);
            status = fields.status;
            if (status == GGX_OK && id.data)
                status = p->has_sequence ? add_around(t, &p->after, &p->after_count, id)
                                         : add_around(t, &p->before, &p->before_count, id);
        }
        if (status == GGX_OK) status = item.status;
    }
    return status == GGX_OK ? list.status : status;
}

/* "special_tokens": {text: {"ids": [id]}}; of several ids the first is kept. */
static ggx_status read_template_ids(tokenizer *t, vocab_walk *outer, part *p)
{
    vocab_walk all, fields, ids;
    for (vocab_walk_into(&all, outer); vocab_walk_next(&all);) {
        if (all.value.kind != GGX_JSON_OBJECT) continue;
        ggx_str text = all.key;
        for (vocab_walk_into(&fields, &all); vocab_walk_next(&fields);) {
            if (!vocab_walk_is(&fields, "ids") || fields.value.kind != GGX_JSON_ARRAY) continue;
            for (vocab_walk_into(&ids, &fields); vocab_walk_next(&ids);)
                if (ids.value.kind == GGX_JSON_INT && ids.value.integer >= 0 && ids.value.integer < VOCAB_IDS &&
                    !vocab_map_find(&p->ids, text) && !vocab_map_put(&p->ids, text, (uint32_t)ids.value.integer))
                    return tokenizer_no_memory(t);
            if (ids.status != GGX_OK) return ids.status;
        }
        if (fields.status != GGX_OK) return fields.status;
    }
    return all.status;
}

/* "cls": [text, id] in front, "sep": [text, id] behind. */
static ggx_status read_pair(tokenizer *t, vocab_walk *outer, part *p, int front)
{
    vocab_walk list;
    ggx_str text = {NULL, 0};
    for (vocab_walk_into(&list, outer); vocab_walk_next(&list);) {
        if (list.value.kind == GGX_JSON_STRING) text = vocab_walk_text(&list);
        if (list.value.kind == GGX_JSON_INT && text.data && list.value.integer >= 0 && list.value.integer < VOCAB_IDS &&
            !vocab_map_put(&p->ids, text, (uint32_t)list.value.integer))
            return tokenizer_no_memory(t);
    }
    if (list.status != GGX_OK || !text.data) return list.status;
    p->has_sequence = 1;
    return front ? add_around(t, &p->before, &p->before_count, text) : add_around(t, &p->after, &p->after_count, text);
}

static uint32_t behavior_of(ggx_str name)
{
    static const char *const names[] = {"Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext"};
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
        if (vocab_is(name, names[i])) return i;
    return UINT32_MAX;
}

static ggx_status read_field(tokenizer *t, vocab_walk *w, part *p)
{
    static const char *const lists[] = {"normalizers", "pretokenizers", "processors", "decoders"};
    uint32_t kind = w->value.kind;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (vocab_walk_is(w, lists[i]) && kind == GGX_JSON_ARRAY) return read_children(t, w, p);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (vocab_walk_is(w, flags[i].key) && (kind == GGX_JSON_TRUE || kind == GGX_JSON_FALSE)) {
            const int truth = kind == GGX_JSON_TRUE;
            memcpy((char *)p + flags[i].place, &truth, sizeof truth);
        }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (vocab_walk_is(w, texts[i].key) && kind == GGX_JSON_STRING) {
            const ggx_str text = vocab_walk_text(w);
            memcpy((char *)p + texts[i].place, &text, sizeof text);
        }
    if (vocab_walk_is(w, "behavior") && kind == GGX_JSON_STRING) p->behavior = behavior_of(vocab_walk_text(w));
    if (vocab_walk_is(w, "pattern") && kind == GGX_JSON_OBJECT) return read_pattern(w, p);
    if (kind == GGX_JSON_INT && (vocab_walk_is(w, "start") || vocab_walk_is(w, "length"))) p->start = w->value.integer;
    if (kind == GGX_JSON_INT && vocab_walk_is(w, "stop")) p->stop = w->value.integer;
    if (vocab_walk_is(w, "single") && kind == GGX_JSON_ARRAY) return read_template(t, w, p);
    if (vocab_walk_is(w, "special_tokens") && kind == GGX_JSON_OBJECT) return read_template_ids(t, w, p);
    if (kind == GGX_JSON_ARRAY && vocab_walk_is(w, "cls")) return read_pair(t, w, p, 1);
    if (kind == GGX_JSON_ARRAY && vocab_walk_is(w, "sep")) return read_pair(t, w, p, 0);
    return w->status;
}

ggx_status tokenizer_read_part(tokenizer *t, vocab_walk *outer, part **out)
{
    vocab_walk fields;
    ggx_status status = GGX_OK;
    *out = NULL;
    if (outer->value.kind != GGX_JSON_OBJECT) return GGX_OK;
    if (t->part_count++ >= PART_MOST)
        return ggx_fail_at(t->error, GGX_E_UNSUPPORTED, outer->file->member, outer->value.offset,
                           "a tokenizer of more than %u steps", PART_MOST);
    part *p = t->host->alloc(t->host, sizeof *p);
    if (!p) return tokenizer_no_memory(t);
    p->ids.host = t->host;
    p->use_regex = p->split = p->clean_text = p->han = 1; /* what an older file does not say */
    p->strip_accents = -1;                                /* as lowercase */
    p->behavior = UINT32_MAX;
    for (vocab_walk_into(&fields, outer); status == GGX_OK && vocab_walk_next(&fields);)
        status = read_field(t, &fields, p);
    *out = p;
    return status == GGX_OK ? fields.status : status;
}

/* --- the model ---------------------------------------------------------------------------------------------------------------- */

ggx_status tokenizer_add_merge(tokenizer *t, uint32_t member, uint64_t at, ggx_str merge)
{
    if (t->merge_count == t->merge_capacity) {
        uint64_t wider = t->merge_capacity ? 2 * t->merge_capacity : 1024;
        if (wider > MERGES_MOST)
            return ggx_fail_at(t->error, GGX_E_MALFORMED, member, at, "more than %u merges", MERGES_MOST);
        ggx_str *merges = t->host->alloc(t->host, wider * sizeof *merges);
        if (!merges) return tokenizer_no_memory(t);
        if (t->merge_count) memcpy(merges, t->merge, (size_t)t->merge_count * sizeof *merges);
        t->merge = merges;
        t->merge_capacity = wider;
    }
    t->merge[t->merge_count++] = merge;
    return t->host->canceled(t->host) ? ggx_fail(t->error, GGX_E_CANCELED, "stopped") : GGX_OK;
}

/* The halves of a merge in which spaces are: the line does not give them back. */
static ggx_status keep_spaced(tokenizer *t, const ggx_str half[2])
{
    spaced_merge *m = t->host->alloc(t->host, sizeof *m);
    if (!m) return tokenizer_no_memory(t);
    *m = (spaced_merge){.index = t->merge_count, .left = half[0], .right = half[1], .next = t->spaced};
    t->spaced = m;
    return GGX_OK;
}

/* A pair as one line: a space inside of a part is U+0120, as the byte-level alphabet writes it. */
static ggx_status join_pair(tokenizer *t, vocab_walk *pair, ggx_str *out)
{
    ggx_str half[2] = {{NULL, 0}, {NULL, 0}};
    uint64_t at = pair->value.offset, n = 0;
    vocab_buffer line = {.host = t->host};
    vocab_walk halves;
    for (vocab_walk_into(&halves, pair); vocab_walk_next(&halves); n++)
        if (n < 2) half[n] = vocab_walk_text(&halves);
    if (halves.status != GGX_OK) return halves.status;
    if (n != 2)
        return ggx_fail_at(t->error, GGX_E_MALFORMED, pair->file->member, at,
                           "merge %llu has %llu parts, and wants two", (unsigned long long)t->merge_count,
                           (unsigned long long)n);
    for (int k = 0; k < 2; k++) {
        if (k) vocab_buffer_add(&line, " ", 1);
        for (uint64_t i = 0; i < half[k].size; i++)
            vocab_buffer_add(&line, half[k].data[i] == ' ' ? "\xc4\xa0" : half[k].data + i,
                             half[k].data[i] == ' ' ? 2 : 1);
    }
    *out = vocab_buffer_str(&line);
    if (line.failed) return tokenizer_no_memory(t);
    return line.size == half[0].size + half[1].size + 1 ? GGX_OK : keep_spaced(t, half);
}

static ggx_status read_merges(tokenizer *t, vocab_walk *outer)
{
    vocab_walk merges;
    ggx_status status = GGX_OK;
    for (vocab_walk_into(&merges, outer); status == GGX_OK && vocab_walk_next(&merges);) {
        ggx_str merge = {NULL, 0};
        uint64_t at = merges.value.offset;
        if (merges.value.kind == GGX_JSON_ARRAY)
            status = join_pair(t, &merges, &merge);
        else
            merge = vocab_walk_text(&merges);
        if (status == GGX_OK) status = merges.status;
        if (status == GGX_OK) status = tokenizer_add_merge(t, merges.file->member, at, merge);
    }
    return status == GGX_OK ? merges.status : status;
}

static uint32_t model_of(ggx_str type)
{
    static const char *const names[] = {"BPE", "WordPiece", "WordLevel", "Unigram"};
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
        if (vocab_is(type, names[i])) return i + 1;
    return 0;
}

ggx_status tokenizer_put(tokenizer *t, uint32_t member, uint64_t at, ggx_str text, int64_t id)
{
    if (id < 0 || id >= VOCAB_IDS)
        return ggx_fail_at(t->error, GGX_E_MALFORMED, member, at, "token '%.*s' has id %lld; ids are from 0 to %u",
                           GGX_STR_ARGS(text), (long long)id, VOCAB_IDS - 1);
    if (t->host->canceled(t->host)) return ggx_fail(t->error, GGX_E_CANCELED, "stopped");
    if (!vocab_map_put(&t->vocab, text, (uint32_t)id)) return tokenizer_no_memory(t);
    t->vocab_count = t->vocab.count;
    if ((uint32_t)id > t->highest) t->highest = (uint32_t)id;
    return GGX_OK;
}

ggx_status tokenizer_read_vocab(tokenizer *t, vocab_walk *entries)
{
    ggx_status status = GGX_OK;
    while (status == GGX_OK && vocab_walk_next(entries)) {
        int64_t id = entries->value.kind == GGX_JSON_INT ? entries->value.integer : -1;
        status = tokenizer_put(t, entries->file->member, entries->value.offset, entries->key, id);
    }
    return status == GGX_OK ? entries->status : status;
}

static ggx_status read_model_field(tokenizer *t, vocab_walk *w)
{
    uint32_t kind = w->value.kind;
    if (kind == GGX_JSON_STRING && vocab_walk_is(w, "type")) t->model = model_of(vocab_walk_text(w));
    if (kind == GGX_JSON_STRING && vocab_walk_is(w, "unk_token")) t->unk = vocab_walk_text(w);
    if (kind == GGX_JSON_STRING && vocab_walk_is(w, "continuing_subword_prefix")) t->prefix = vocab_walk_text(w);
    if (kind == GGX_JSON_STRING && vocab_walk_is(w, "end_of_word_suffix")) t->suffix = vocab_walk_text(w);
    if (vocab_walk_is(w, "fuse_unk")) t->fuse_unk = kind == GGX_JSON_TRUE;
    if (vocab_walk_is(w, "byte_fallback")) t->byte_fallback = kind == GGX_JSON_TRUE, t->has_byte_fallback = 1;
    if (vocab_walk_is(w, "ignore_merges")) t->ignore_merges = kind == GGX_JSON_TRUE, t->has_ignore_merges = 1;
    if (kind == GGX_JSON_INT && vocab_walk_is(w, "max_input_chars_per_word")) t->longest_word = w->value.integer;
    if (vocab_walk_is(w, "merges") && kind == GGX_JSON_ARRAY) return read_merges(t, w);
    if (vocab_walk_is(w, "vocab") && kind == GGX_JSON_OBJECT) {
        vocab_walk entries;
        vocab_walk_into(&entries, w);
        return tokenizer_read_vocab(t, &entries);
    }
    if (vocab_walk_is(w, "vocab") && kind == GGX_JSON_ARRAY) t->has_scores = 1;
    return w->status;
}

ggx_status tokenizer_read_model(tokenizer *t, vocab_walk *outer)
{
    vocab_walk fields;
    ggx_status status = GGX_OK;
    for (vocab_walk_into(&fields, outer); status == GGX_OK && vocab_walk_next(&fields);)
        status = read_model_field(t, &fields);
    return status == GGX_OK ? fields.status : status;
}

/* --- added tokens ------------------------------------------------------------------------------------------------------------- */

ggx_status tokenizer_read_added(tokenizer *t, vocab_walk *outer, added_token *out)
{
    vocab_walk fields;
    uint64_t at = outer->value.offset;
    int normalized = -1;
    *out = (added_token){.given_id = -1};
    if (outer->value.kind != GGX_JSON_OBJECT)
        return ggx_fail_at(t->error, GGX_E_MALFORMED, outer->file->member, at, "an added token is no object");
    for (vocab_walk_into(&fields, outer); vocab_walk_next(&fields);) {
        int truth = fields.value.kind == GGX_JSON_TRUE;
        if (vocab_walk_is(&fields, "content")) out->content = vocab_walk_text(&fields);
        if (vocab_walk_is(&fields, "special")) out->special = truth;
        if (vocab_walk_is(&fields, "normalized")) normalized = truth;
        if (vocab_walk_is(&fields, "lstrip")) out->lstrip = truth;
        if (vocab_walk_is(&fields, "rstrip")) out->rstrip = truth;
        if (vocab_walk_is(&fields, "single_word")) out->single_word = truth;
        if (vocab_walk_is(&fields, "id") && fields.value.kind == GGX_JSON_INT) out->given_id = fields.value.integer;
    }
    out->normalized = normalized < 0 ? !out->special : normalized;
    if (fields.status != GGX_OK) return fields.status;
    if (out->given_id >= VOCAB_IDS || out->given_id < -1)
        return ggx_fail_at(t->error, GGX_E_MALFORMED, outer->file->member, at, "added token '%.*s' has id %lld",
                           GGX_STR_ARGS(out->content), (long long)out->given_id);
    return out->content.data
               ? GGX_OK
               : ggx_fail_at(t->error, GGX_E_MALFORMED, outer->file->member, at, "an added token has no content");
}

ggx_status tokenizer_keep(tokenizer *t, const added_token *token, added_token **list, uint64_t *count,
                          uint64_t *capacity)
{
    if (*count == *capacity) {
        uint64_t wider = *capacity ? 2 * *capacity : 64;
        added_token *longer = wider <= VOCAB_IDS ? t->host->alloc(t->host, wider * sizeof *longer) : NULL;
        if (!longer) return tokenizer_no_memory(t);
        if (*count) memcpy(longer, *list, (size_t)*count * sizeof *longer);
        *list = longer;
        *capacity = wider;
    }
    (*list)[(*count)++] = *token;
    return GGX_OK;
}

ggx_status tokenizer_list(tokenizer *t, const added_token *token)
{
    return tokenizer_keep(t, token, &t->listed, &t->listed_count, &t->listed_capacity);
}

ggx_status tokenizer_add(tokenizer *t, const added_token *token)
{
    const vocab_slot *same = vocab_map_find(&t->added_ids, token->content);
    const vocab_slot *own = vocab_map_find(&t->vocab, token->content);
    added_token kept = *token;
    if (!token->content.size) return GGX_OK;
    if (same) { /* its properties are the later ones */
        kept.id = t->added[same->value].id;
        t->added[same->value] = kept;
        return GGX_OK;
    }
    if (t->next_id < t->vocab_count) t->next_id = (uint32_t)t->vocab_count;
    kept.id = own ? own->value : t->next_id;
    if (kept.id >= VOCAB_IDS) return ggx_fail(t->error, GGX_E_MALFORMED, "more than %u tokens", VOCAB_IDS);
    if (kept.id >= t->next_id) t->next_id = kept.id + 1;
    if (!vocab_map_put(&t->added_ids, kept.content, (uint32_t)t->added_count)) return tokenizer_no_memory(t);
    return tokenizer_keep(t, &kept, &t->added, &t->added_count, &t->added_capacity);
}

/* --- the file ----------------------------------------------------------------------------------------------------------------- */

static ggx_status read_added_list(tokenizer *t, vocab_walk *outer)
{
    vocab_walk entries;
    ggx_status status = GGX_OK;
    for (vocab_walk_into(&entries, outer); status == GGX_OK && vocab_walk_next(&entries);) {
        added_token token;
        status = tokenizer_read_added(t, &entries, &token);
        if (status == GGX_OK) status = tokenizer_list(t, &token);
    }
    return status == GGX_OK ? entries.status : status;
}

static ggx_status read_step(tokenizer *t, vocab_walk *w)
{
    const struct {
        const char *key;
        part **where;
    } steps[] = {{"normalizer", &t->normalizer},
                 {"pre_tokenizer", &t->splitter},
                 {"post_processor", &t->post},
                 {"decoder", &t->decoder}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (vocab_walk_is(w, steps[i].key)) return tokenizer_read_part(t, w, steps[i].where);
    if (vocab_walk_is(w, "model") && w->value.kind == GGX_JSON_OBJECT) return tokenizer_read_model(t, w);
    if (vocab_walk_is(w, "added_tokens") && w->value.kind == GGX_JSON_ARRAY) return read_added_list(t, w);
    return w->status;
}

ggx_status tokenizer_read(tokenizer *t, const vocab_file *file)
{
    ggx_json_parser parser;
    vocab_walk all;
    ggx_status status = GGX_OK;
    vocab_walk_file(&all, &parser, t->host, file, t->error);
    while (status == GGX_OK && vocab_walk_next(&all)) status = read_step(t, &all);
    if (status == GGX_OK) status = all.status;
    return status;
}
