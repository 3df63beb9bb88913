/* plugins/vocabs/bpe - byte-level BPE: tokenizer.json, or vocab.json with merges.txt, and the tokens added to them.
 *
 * The files are those of Hugging Face's tokenizers (Apache-2.0). Types of tokens, and how merges are written down, are what llama.cpp's
 * converter makes of them; docs/formats/bpe.md. */
#include "../common/tokens.h"
#include <ggx_sdk/error.h>
#include <ggx_sdk/options.h>

#define MERGES_MOST (4u << 20)

typedef struct bpe {
    vocab_tokens tokens;
    ggx_str *merges;
    uint64_t merge_count, merge_capacity;
    int other; /* tokenizer.json is of another algorithm */
} bpe;

static ggx_status no_memory(const bpe *b)
{
    return ggx_fail(b->tokens.error, GGX_E_NOMEM, "the vocabulary needs more memory than it may use");
}

static ggx_status add_merge(bpe *b, uint32_t member, uint64_t at, ggx_str merge)
{
    if (b->merge_count == b->merge_capacity) {
        uint64_t wider = b->merge_capacity ? 2 * b->merge_capacity : 1024;
        if (wider > MERGES_MOST)
            return ggx_fail_at(b->tokens.error, GGX_E_MALFORMED, member, at, "more than %u merges", MERGES_MOST);
        ggx_str *merges = b->tokens.host->alloc(b->tokens.host, wider * sizeof *merges);
        if (!merges) return no_memory(b);
        if (b->merge_count) memcpy(merges, b->merges, (size_t)b->merge_count * sizeof *merges);
        b->merges = merges;
        b->merge_capacity = wider;
    }
    b->merges[b->merge_count++] = merge;
    return b->tokens.host->canceled(b->tokens.host) ? ggx_fail(b->tokens.error, GGX_E_CANCELED, "stopped") : GGX_OK;
}

/* A pair as one line: a space inside of a part is U+0120, as the byte-level alphabet writes it. */
static ggx_status join_pair(bpe *b, vocab_walk *pair, ggx_str *out)
{
    ggx_str part[2] = {{NULL, 0}, {NULL, 0}};
    uint64_t at = pair->value.offset, n = 0, size = 0;
    vocab_walk parts;
    for (vocab_walk_into(&parts, pair); vocab_walk_next(&parts); n++)
        if (n < 2) part[n] = vocab_walk_text(&parts);
    if (parts.status != GGX_OK) return parts.status;
    if (n != 2)
        return ggx_fail_at(b->tokens.error, GGX_E_MALFORMED, pair->file->member, at,
                           "merge %llu has %llu parts, and wants two", (unsigned long long)b->merge_count,
                           (unsigned long long)n);
    char *text = b->tokens.host->alloc(b->tokens.host, 2 * (part[0].size + part[1].size) + 2);
    if (!text) return no_memory(b);
    for (int k = 0; k < 2; k++) {
        if (k) text[size++] = ' ';
        for (uint64_t i = 0; i < part[k].size; i++) {
            if (part[k].data[i] == ' ') text[size++] = '\xc4';
            text[size++] = part[k].data[i] == ' ' ? '\xa0' : part[k].data[i];
        }
    }
    *out = (ggx_str){text, size};
    return GGX_OK;
}

static ggx_status read_merges(bpe *b, vocab_walk *outer)
{
    vocab_walk merges;
    ggx_status status = GGX_OK;
    for (vocab_walk_into(&merges, outer); status == GGX_OK && vocab_walk_next(&merges);) {
        ggx_str merge = {NULL, 0};
        uint64_t at = merges.value.offset;
        if (merges.value.kind == GGX_JSON_ARRAY)
            status = join_pair(b, &merges, &merge);
        else
            merge = vocab_walk_text(&merges);
        if (status == GGX_OK) status = merges.status;
        if (status == GGX_OK) status = add_merge(b, merges.file->member, at, merge);
    }
    return status == GGX_OK ? merges.status : status;
}

/* {token: id} */
static ggx_status read_tokens(bpe *b, vocab_walk *entries)
{
    ggx_status status = GGX_OK;
    while (status == GGX_OK && vocab_walk_next(entries)) {
        int64_t id = entries->value.kind == GGX_JSON_INT ? entries->value.integer : -1;
        status = vocab_put(&b->tokens, entries->file->member, entries->value.offset, id, entries->key, 0, VOCAB_NORMAL);
    }
    return status == GGX_OK ? entries->status : status;
}

static ggx_status read_model(bpe *b, vocab_walk *outer)
{
    vocab_walk fields, entries;
    ggx_status status = GGX_OK;
    for (vocab_walk_into(&fields, outer); status == GGX_OK && !b->other && vocab_walk_next(&fields);) {
        if (vocab_walk_is(&fields, "type")) {
            ggx_str type = vocab_walk_text(&fields);
            b->other = type.data && (type.size != 3 || memcmp(type.data, "BPE", 3));
        } else if (vocab_walk_is(&fields, "vocab") && fields.value.kind == GGX_JSON_OBJECT) {
            vocab_walk_into(&entries, &fields);
            status = read_tokens(b, &entries);
        } else if (vocab_walk_is(&fields, "vocab")) {
            b->other = 1; /* a list of pieces with scores */
        } else if (vocab_walk_is(&fields, "merges") && fields.value.kind == GGX_JSON_ARRAY) {
            status = read_merges(b, &fields);
        }
    }
    return status == GGX_OK ? fields.status : status;
}

static ggx_status read_json(bpe *b, const vocab_file *file)
{
    ggx_json_parser parser;
    vocab_walk all;
    ggx_status status = GGX_OK;
    vocab_walk_file(&all, &parser, b->tokens.host, file, b->tokens.error);
    while (status == GGX_OK && !b->other && vocab_walk_next(&all))
        if (vocab_walk_is(&all, "model") && all.value.kind == GGX_JSON_OBJECT) status = read_model(b, &all);
    if (status == GGX_OK) status = all.status;
    return status == GGX_OK && !b->other ? vocab_add_list(&b->tokens, file) : status;
}

/* Lines of two words; the first line may be a comment. Others are passed over, as the converter does. */
static ggx_status read_lines(bpe *b, const vocab_file *file)
{
    ggx_status status = GGX_OK;
    const char *at = file->text.data, *end = at + file->text.size;
    for (int first = 1; at < end && status == GGX_OK; first = 0) {
        const char *line = at, *stop = memchr(at, '\n', (size_t)(end - at));
        at = stop ? stop + 1 : end;
        stop = stop ? stop : end;
        while (stop > line && (stop[-1] == '\r' || stop[-1] == ' ')) stop--;
        const char *space = memchr(line, ' ', (size_t)(stop - line));
        if ((first && *line == '#') || !space || space == line || memchr(space + 1, ' ', (size_t)(stop - space - 1)))
            continue;
        status =
            add_merge(b, file->member, (uint64_t)(line - file->text.data), (ggx_str){line, (uint64_t)(stop - line)});
    }
    return status;
}

static ggx_status read_plain(bpe *b, const ggx_source *source, const vocab_file *vocab)
{
    ggx_json_parser parser;
    vocab_walk entries;
    vocab_file merges;
    const ggx_host *host = b->tokens.host;
    vocab_walk_file(&entries, &parser, host, vocab, b->tokens.error);
    ggx_status status = read_tokens(b, &entries);
    if (status == GGX_OK) status = vocab_read(host, source, "merges.txt", &merges, b->tokens.error);
    if (status == GGX_OK && merges.text.data) status = read_lines(b, &merges);
    if (status == GGX_OK) status = vocab_add_added(&b->tokens, source, 0);
    return status == GGX_OK ? vocab_add_decoder(&b->tokens, source, 0) : status;
}

static ggx_status push_all(const bpe *b, const ggx_options *options, const ggx_sink *sink, ggx_error *error)
{
    const ggx_option_value *pre = ggx_option_find(options, "bpe.pre");
    ggx_status status = vocab_push_text(sink, "model", "gpt2", error);
    if (status == GGX_OK && pre) status = vocab_push_text_of(sink, "pre", pre->text, error);
    if (status == GGX_OK) status = vocab_push(&b->tokens, sink, 0);
    return status == GGX_OK ? vocab_push_array(sink, "merges", GGX_KV_STRING, b->merges, b->merge_count, error)
                            : status;
}

static ggx_status read_vocab(const ggx_host *host, const ggx_source *source, const ggx_options *options,
                             const ggx_sink *sink, ggx_error *error)
{
    vocab_file json, vocab = {{NULL, 0}, 0};
    bpe *b = host->alloc(host, sizeof *b);
    if (!b) return ggx_fail(error, GGX_E_NOMEM, "no memory for a vocabulary");
    b->tokens.host = host;
    b->tokens.error = error;
    ggx_status status = vocab_read(host, source, "tokenizer.json", &json, error);
    if (status == GGX_OK && json.text.data)
        status = read_json(b, &json);
    else if (status == GGX_OK)
        status = vocab_read(host, source, "vocab.json", &vocab, error);
    if (status == GGX_OK && vocab.text.data) status = read_plain(b, source, &vocab);
    if (status != GGX_OK) return status;
    if (b->other || (!json.text.data && !vocab.text.data))
        return ggx_fail(error, GGX_E_NOTFOUND,
                        "there is neither a tokenizer.json of BPE nor a vocab.json beside the model");
    if (!b->tokens.count)
        return ggx_fail(error, GGX_E_MALFORMED, "%s has no tokens; is it damaged?",
                        json.text.data ? "tokenizer.json" : "vocab.json");
    return push_all(b, options, sink, error);
}

static const ggx_option options[] = {
    {sizeof(ggx_option), GGX_OPTION_STRING, "bpe.pre", "name of the pre-tokenizer, where it is not known"},
};
static const ggx_vocab vocab = {.struct_size = sizeof vocab, .options = options, .option_count = 1, .read = read_vocab};
static const ggx_provide provides[] = {{GGX_VOCAB_ID, &vocab}};
GGX_PLUGIN("vocab-bpe", "0.1.0", "MIT", provides);
