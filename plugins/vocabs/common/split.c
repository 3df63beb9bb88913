/* split.c - pre-tokenizers: text into the words that a model sees. */
#include "tokenizer.h"
#include <ggx_sdk/error.h>

void pieces_add(pieces *p, piece item)
{
    if (p->failed) return;
    if (p->count == p->capacity) {
        uint64_t wider = p->capacity ? 2 * p->capacity : 64;
        piece *longer = wider <= VOCAB_TEXT ? p->host->alloc(p->host, wider * sizeof *longer) : NULL;
        if (!longer) {
            p->failed = 1;
            return;
        }
        if (p->count) memcpy(longer, p->items, (size_t)p->count * sizeof *longer);
        p->items = longer;
        p->capacity = wider;
    }
    p->items[p->count++] = item;
}

/* Ranges that cover a text, each a match or not. */
typedef struct range {
    uint64_t from, to;
    int match;
} range;
typedef struct ranges {
    tokenizer *t;
    ggx_str text;
    range *items;
    uint64_t count, capacity, covered;
    ggx_status status;
} ranges;

static void add_range(ranges *r, uint64_t from, uint64_t to, int match)
{
    if (r->status != GGX_OK) return;
    if (r->count == r->capacity) {
        uint64_t wider = r->capacity ? 2 * r->capacity : 64;
        range *longer = wider <= VOCAB_TEXT ? r->t->host->alloc(r->t->host, wider * sizeof *longer) : NULL;
        if (!longer) {
            r->status = tokenizer_no_memory(r->t);
            return;
        }
        if (r->count) memcpy(longer, r->items, (size_t)r->count * sizeof *longer);
        r->items = longer;
        r->capacity = wider;
    }
    r->items[r->count++] = (range){from, to, match};
    r->covered = to;
}

static void add_match(ranges *r, uint64_t from, uint64_t to)
{
    if (from > r->covered) add_range(r, r->covered, from, 0);
    add_range(r, from, to, 1);
}

static void end_ranges(ranges *r)
{
    if (r->covered < r->text.size) add_range(r, r->covered, r->text.size, 0);
}

static void find_regex(ranges *r, vocab_regex *regex)
{
    uint64_t at = 0, ends[2];
    while (r->status == GGX_OK && at <= r->text.size &&
           vocab_regex_find(regex, r->text, at, ends, &r->status, r->t->error)) {
        int empty = ends[0] == ends[1];
        if (!empty || ends[0] != r->covered || !r->count) add_match(r, ends[0], ends[1]);
        at = ends[1];
        if (!empty) continue;
        if (at == r->text.size) break;
        vocab_code(r->text, &at);
    }
    end_ranges(r);
}

static void find_text(ranges *r, ggx_str wanted)
{
    for (uint64_t i = 0; wanted.size && i + wanted.size <= r->text.size;) {
        int match = !memcmp(r->text.data + i, wanted.data, (size_t)wanted.size);
        if (match) add_match(r, i, i + wanted.size);
        i += match ? wanted.size : 1;
    }
    end_ranges(r);
}

/* Each character of a class by itself. */
static void find_class(ranges *r, uint32_t use)
{
    for (uint64_t at = 0; at < r->text.size && r->status == GGX_OK;) {
        uint64_t from = at;
        uint32_t code = vocab_code(r->text, &at);
        if (use == CLASS_WHITE ? vocab_white(code) : tokenizer_in_class(r->t, use, code, &r->status))
            add_match(r, from, at);
    }
    end_ranges(r);
}

/* Joins neighbours as the behavior says; what is left over is dropped. */
static void behave(ranges *r, uint32_t behavior)
{
    uint64_t n = 0;
    int previous = 0;
    if (behavior == SPLIT_WITH_NEXT) { /* from behind */
        for (uint64_t i = r->count; i-- > 0;) {
            range one = r->items[i];
            int joins = one.match && !previous && n;
            previous = one.match;
            if (joins)
                r->items[r->count - n].from = one.from;
            else
                r->items[r->count - ++n] = one;
        }
        for (uint64_t i = 0; i < n; i++) r->items[i] = r->items[r->count - n + i];
        r->count = n;
        return;
    }
    for (uint64_t i = 0; i < r->count; i++) {
        range one = r->items[i];
        int joins = behavior == SPLIT_CONTIGUOUS      ? n && r->items[n - 1].match == one.match
                    : behavior == SPLIT_WITH_PREVIOUS ? one.match && !previous && n
                                                      : 0;
        previous = one.match;
        if (behavior == SPLIT_REMOVED && one.match) continue;
        if (joins)
            r->items[n - 1].to = one.to;
        else
            r->items[n++] = one;
    }
    r->count = n;
}

static ggx_status keep(ranges *r, const piece *of, uint32_t behavior, int invert, pieces *out)
{
    if (r->status != GGX_OK) return r->status;
    if (behavior > SPLIT_WITH_NEXT)
        return ggx_fail(r->t->error, GGX_E_UNSUPPORTED, "a split's behavior is not known here");
    for (uint64_t i = 0; invert && i < r->count; i++) r->items[i].match = !r->items[i].match;
    behave(r, behavior);
    for (uint64_t i = 0; i < r->count; i++)
        if (r->items[i].to > r->items[i].from)
            pieces_add(out, (piece){.text = {r->text.data + r->items[i].from, r->items[i].to - r->items[i].from},
                                    .first = of->first && !r->items[i].from,
                                    .added = -1});
    return GGX_OK;
}

static ggx_status split_byte_level(tokenizer *t, part *p, const piece *one, pieces *out)
{
    vocab_buffer spaced = {.host = t->host};
    pieces words = {.host = t->host};
    piece whole = *one;
    ranges r = {.t = t};
    if (p->add_prefix_space && one->text.data[0] != ' ') {
        vocab_buffer_add(&spaced, " ", 1);
        vocab_buffer_add(&spaced, one->text.data, one->text.size);
        whole.text = vocab_buffer_str(&spaced);
    }
    if (p->use_regex) {
        vocab_regex *gpt2;
        ggx_status status = tokenizer_class(t, CLASS_GPT2, &gpt2);
        r.text = whole.text;
        if (status == GGX_OK) find_regex(&r, gpt2);
        if (status == GGX_OK) status = keep(&r, &whole, SPLIT_ISOLATED, 0, &words);
        if (status != GGX_OK) return status;
    } else {
        pieces_add(&words, whole);
    }
    for (uint64_t i = 0; i < words.count; i++) {
        vocab_buffer bytes = {.host = t->host};
        ggx_str word = words.items[i].text;
        for (uint64_t b = 0; b < word.size; b++) vocab_buffer_code(&bytes, tokenizer_byte_code((uint8_t)word.data[b]));
        words.items[i].text = vocab_buffer_str(&bytes);
        pieces_add(out, words.items[i]);
        if (bytes.failed) return tokenizer_no_memory(t);
    }
    return words.failed || spaced.failed ? tokenizer_no_memory(t) : GGX_OK;
}

static ggx_status split_metaspace(tokenizer *t, const part *p, const piece *one, pieces *out)
{
    vocab_buffer made = {.host = t->host};
    ggx_str mark = p->content.data ? p->content : (ggx_str){"\xe2\x96\x81", 3};
    int marked = one->text.size >= mark.size && !memcmp(one->text.data, mark.data, (size_t)mark.size);
    int always = p->scheme.data ? vocab_is(p->scheme, "always") : p->add_prefix_space;
    int starts = marked || one->text.data[0] == ' ';
    if (!starts && (always || (vocab_is(p->scheme, "first") && one->first)))
        vocab_buffer_add(&made, mark.data, mark.size);
    for (uint64_t i = 0; i < one->text.size; i++)
        vocab_buffer_add(&made, one->text.data[i] == ' ' ? mark.data : one->text.data + i,
                         one->text.data[i] == ' ' ? mark.size : 1);
    if (made.failed) return tokenizer_no_memory(t);
    ranges r = {.t = t, .text = vocab_buffer_str(&made)};
    piece whole = *one;
    whole.text = r.text;
    if (p->split)
        find_text(&r, mark);
    else
        add_range(&r, 0, r.text.size, 0);
    return keep(&r, &whole, SPLIT_WITH_NEXT, 0, out);
}

static ggx_status split_fixed(tokenizer *t, const part *p, const piece *one, pieces *out)
{
    ranges r = {.t = t, .text = one->text};
    int64_t count = 0;
    if (p->start < 1) return tokenizer_unknown(t, "pre-tokenizer", p->type);
    for (uint64_t at = 0, from = 0; at < one->text.size;) {
        vocab_code(one->text, &at);
        if (++count < p->start && at < one->text.size) continue;
        add_range(&r, from, at, 0);
        from = at;
        count = 0;
    }
    return keep(&r, one, SPLIT_ISOLATED, 0, out);
}

static ggx_status split_pattern(tokenizer *t, part *p, const piece *one, pieces *out)
{
    ranges r = {.t = t, .text = one->text};
    if (p->is_regex) {
        if (!p->regex) r.status = vocab_regex_open(t->host, p->pattern, &p->regex, t->error);
        if (r.status == GGX_OK) find_regex(&r, p->regex);
    } else {
        find_text(&r, p->pattern);
    }
    return keep(&r, one, p->behavior, p->invert, out);
}

static ggx_status split_bert(tokenizer *t, const piece *one, pieces *out)
{
    ranges r = {.t = t, .text = one->text};
    pieces words = {.host = t->host};
    find_class(&r, CLASS_WHITE);
    ggx_status status = keep(&r, one, SPLIT_REMOVED, 0, &words);
    for (uint64_t i = 0; i < words.count && status == GGX_OK; i++) {
        ranges w = {.t = t, .text = words.items[i].text};
        find_class(&w, CLASS_PUNCTUATION);
        status = keep(&w, &words.items[i], SPLIT_ISOLATED, 0, out);
    }
    return words.failed ? tokenizer_no_memory(t) : status;
}

static ggx_status split_one(tokenizer *t, part *p, const piece *one, pieces *out)
{
    ranges r = {.t = t, .text = one->text};
    if (vocab_is(p->type, "ByteLevel")) return split_byte_level(t, p, one, out);
    if (vocab_is(p->type, "Split")) return split_pattern(t, p, one, out);
    if (vocab_is(p->type, "Metaspace")) return split_metaspace(t, p, one, out);
    if (vocab_is(p->type, "BertPreTokenizer")) return split_bert(t, one, out);
    if (vocab_is(p->type, "FixedLength")) return split_fixed(t, p, one, out);
    if (vocab_is(p->type, "Whitespace")) {
        vocab_regex *words;
        ggx_status status = tokenizer_class(t, CLASS_WHITESPACE, &words);
        if (status == GGX_OK) find_regex(&r, words);
        return status == GGX_OK ? keep(&r, one, SPLIT_REMOVED, 1, out) : status;
    }
    if (vocab_is(p->type, "WhitespaceSplit")) {
        find_class(&r, CLASS_WHITE);
        return keep(&r, one, SPLIT_REMOVED, 0, out);
    }
    if (vocab_is(p->type, "Punctuation")) {
        find_class(&r, CLASS_PUNCTUATION);
        return keep(&r, one, p->behavior == UINT32_MAX ? SPLIT_ISOLATED : p->behavior, 0, out);
    }
    if (vocab_is(p->type, "Digits")) {
        find_class(&r, CLASS_NUMBER);
        return keep(&r, one, p->individual ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS, 0, out);
    }
    if (vocab_is(p->type, "CharDelimiterSplit")) {
        find_text(&r, p->content);
        return keep(&r, one, SPLIT_REMOVED, 0, out);
    }
    return tokenizer_unknown(t, "pre-tokenizer", p->type);
}

ggx_status tokenizer_split(tokenizer *t, part *p, pieces *all)
{
    ggx_status status = GGX_OK;
    if (!p) return GGX_OK;
    if (vocab_is(p->type, "Sequence")) {
        for (part *c = p->children; c && status == GGX_OK; c = c->next) status = tokenizer_split(t, c, all);
        return status;
    }
    pieces out = {.host = t->host};
    for (uint64_t i = 0; i < all->count && status == GGX_OK; i++) {
        if (all->items[i].added >= 0)
            pieces_add(&out, all->items[i]);
        else
            status = split_one(t, p, &all->items[i], &out);
    }
    *all = out;
    return out.failed ? tokenizer_no_memory(t) : status;
}
