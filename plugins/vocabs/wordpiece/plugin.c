/* plugins/vocabs/wordpiece - WordPiece: tokenizer.json, or vocab.txt with the special tokens that the files beside it name.
 *
 * Tokens are handed over as llama.cpp keeps them: a piece that begins a word has U+2581 in front, one that goes on has lost its "##",
 * a control token is as it was. docs/formats/wordpiece.md. */
#include "../common/tokens.h"
#include <ggx_sdk/error.h>
#include <ggx_sdk/options.h>

typedef struct wordpiece {
    vocab_tokens tokens;
    int other; /* tokenizer.json is of another algorithm */
} wordpiece;

static ggx_status read_tokens(wordpiece *w, vocab_walk *outer)
{
    vocab_walk entries;
    ggx_status status = GGX_OK;
    for (vocab_walk_into(&entries, outer); status == GGX_OK && vocab_walk_next(&entries);) {
        int64_t id = entries.value.kind == GGX_JSON_INT ? entries.value.integer : -1;
        status = vocab_put(&w->tokens, entries.file->member, entries.value.offset, id, entries.key, 0, VOCAB_NORMAL);
    }
    return status == GGX_OK ? entries.status : status;
}

static ggx_status read_model(wordpiece *w, vocab_walk *outer)
{
    vocab_walk fields;
    ggx_status status = GGX_OK;
    w->other = 1; /* until it says that it is ours: the key is always there */
    for (vocab_walk_into(&fields, outer); status == GGX_OK && vocab_walk_next(&fields);) {
        if (vocab_walk_is(&fields, "type")) {
            ggx_str type = vocab_walk_text(&fields);
            w->other = !type.data || type.size != 9 || memcmp(type.data, "WordPiece", 9) != 0;
        } else if (vocab_walk_is(&fields, "vocab") && fields.value.kind == GGX_JSON_OBJECT) {
            status = read_tokens(w, &fields);
        }
    }
    return status == GGX_OK ? fields.status : status;
}

static ggx_status read_json(wordpiece *w, const vocab_file *file)
{
    ggx_json_parser parser;
    vocab_walk all;
    ggx_status status = GGX_OK;
    vocab_walk_file(&all, &parser, w->tokens.host, file, w->tokens.error);
    while (status == GGX_OK && vocab_walk_next(&all))
        if (vocab_walk_is(&all, "model") && all.value.kind == GGX_JSON_OBJECT) status = read_model(w, &all);
    if (status == GGX_OK) status = all.status;
    return status == GGX_OK && !w->other ? vocab_add_list(&w->tokens, file) : status;
}

/* A token a line, ids in order. */
static ggx_status read_lines(wordpiece *w, const vocab_file *file)
{
    ggx_status status = GGX_OK;
    const char *at = file->text.data, *end = at + file->text.size;
    for (int64_t id = 0; at < end && status == GGX_OK; id++) {
        const char *line = at, *stop = memchr(at, '\n', (size_t)(end - at));
        at = stop ? stop + 1 : end;
        stop = stop ? stop : end;
        if (stop > line && stop[-1] == '\r') stop--;
        status = vocab_put(&w->tokens, file->member, (uint64_t)(line - file->text.data), id,
                           (ggx_str){line, (uint64_t)(stop - line)}, 0, VOCAB_NORMAL);
    }
    return status;
}

/* The form that llama.cpp keeps; see above. */
static ggx_status rewrite(wordpiece *w)
{
    for (uint64_t i = 0; i < w->tokens.count; i++) {
        ggx_str *t = &w->tokens.text[i];
        if (w->tokens.type[i] == VOCAB_CONTROL) continue;
        if (t->size >= 2 && !memcmp(t->data, "##", 2)) {
            *t = (ggx_str){t->data + 2, t->size - 2};
            continue;
        }
        char *text = w->tokens.host->alloc(w->tokens.host, t->size + 3);
        if (!text) return ggx_fail(w->tokens.error, GGX_E_NOMEM, "the vocabulary needs more memory than it may use");
        memcpy(text, "\xe2\x96\x81", 3);
        if (t->size) memcpy(text + 3, t->data, (size_t)t->size);
        *t = (ggx_str){text, t->size + 3};
    }
    return GGX_OK;
}

static ggx_status read_vocab(const ggx_host *host, const ggx_source *source, const ggx_options *options,
                             const ggx_sink *sink, ggx_error *error)
{
    vocab_file json, lines = {{NULL, 0}, 0};
    const ggx_option_value *pre = ggx_option_find(options, "wordpiece.pre");
    wordpiece *w = host->alloc(host, sizeof *w);
    if (!w) return ggx_fail(error, GGX_E_NOMEM, "no memory for a vocabulary");
    w->tokens.host = host;
    w->tokens.error = error;
    ggx_status status = vocab_read(host, source, "tokenizer.json", &json, error);
    if (status == GGX_OK && json.text.data)
        status = read_json(w, &json);
    else if (status == GGX_OK)
        status = vocab_read(host, source, "vocab.txt", &lines, error);
    if (status == GGX_OK && lines.text.data) status = read_lines(w, &lines);
    if (status == GGX_OK && lines.text.data) status = vocab_add_decoder(&w->tokens, source, 0);
    if (status != GGX_OK) return status;
    if (w->other || (!json.text.data && !lines.text.data))
        return ggx_fail(error, GGX_E_NOTFOUND,
                        "there is neither a tokenizer.json of WordPiece nor a vocab.txt beside the model");
    if (!w->tokens.count)
        return ggx_fail(error, GGX_E_MALFORMED, "%s has no tokens; is it damaged?",
                        json.text.data ? "tokenizer.json" : "vocab.txt");
    status = rewrite(w);
    if (status == GGX_OK) status = vocab_push_text(sink, "model", "bert", error);
    if (status == GGX_OK && pre) status = vocab_push_text_of(sink, "pre", pre->text, error);
    return status == GGX_OK ? vocab_push(&w->tokens, sink, 0) : status;
}

static const ggx_option options[] = {
    {sizeof(ggx_option), GGX_OPTION_STRING, "wordpiece.pre", "name of the pre-tokenizer, where it is not known"},
};
static const ggx_vocab vocab = {.struct_size = sizeof vocab, .options = options, .option_count = 1, .read = read_vocab};
static const ggx_provide provides[] = {{GGX_VOCAB_ID, &vocab}};
GGX_PLUGIN("vocab-wordpiece", "0.1.0", "MIT", provides);
