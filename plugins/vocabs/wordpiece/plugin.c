/* plugins/vocabs/wordpiece - WordPiece: tokenizer.json, or vocab.txt, and the tokens added to them.
 *
 * Tokens are handed over as llama.cpp keeps them: a piece that begins a word has U+2581 in front, one that goes on has lost its "##",
 * a control token is as it was. docs/formats/wordpiece.md. */
#include "../common/automatic.h"
#include <ggx_sdk/error.h>
#include <ggx_sdk/options.h>

/* A token a line, ids in order. `found` 0 when there is no vocab.txt. */
static ggx_status read_lines(automatic *a, int *found)
{
    vocab_file file;
    tokenizer *t = &a->t;
    ggx_status status = vocab_read(t->host, a->source, "vocab.txt", &file, t->error);
    *found = status == GGX_OK && file.text.data;
    if (!*found) return status;
    const char *at = file.text.data, *end = at + file.text.size;
    t->model = MODEL_WORDPIECE;
    for (int64_t id = 0; at < end && status == GGX_OK; id++) {
        const char *line = at, *stop = memchr(at, '\n', (size_t)(end - at));
        at = stop ? stop + 1 : end;
        stop = stop ? stop : end;
        if (stop > line && stop[-1] == '\r') stop--;
        status = tokenizer_put(t, file.member, (uint64_t)(line - file.text.data),
                               (ggx_str){line, (uint64_t)(stop - line)}, id);
    }
    return status;
}

/* The form that llama.cpp keeps; see above. */
static ggx_status rewrite(vocab_tokens *tokens)
{
    for (uint64_t i = 0; i < tokens->count; i++) {
        ggx_str *t = &tokens->text[i];
        if (tokens->type[i] == VOCAB_CONTROL) continue;
        if (t->size >= 2 && !memcmp(t->data, "##", 2)) {
            *t = (ggx_str){t->data + 2, t->size - 2};
            continue;
        }
        char *text = tokens->host->alloc(tokens->host, t->size + 3);
        if (!text) return ggx_fail(tokens->error, GGX_E_NOMEM, "the vocabulary needs more memory than it may use");
        memcpy(text, "\xe2\x96\x81", 3);
        if (t->size) memcpy(text + 3, t->data, (size_t)t->size);
        *t = (ggx_str){text, t->size + 3};
    }
    return GGX_OK;
}

static ggx_status push_all(automatic *a, const ggx_sink *sink, ggx_error *error)
{
    vocab_tokens tokens;
    ggx_status status = automatic_tokens(a, &tokens);
    if (status == GGX_OK) status = rewrite(&tokens);
    if (status == GGX_OK) status = vocab_push_text(sink, "model", "bert", error);
    return status == GGX_OK ? vocab_push(&tokens, sink, 0) : status;
}

static int fits(const tokenizer *t)
{
    return t->model == MODEL_WORDPIECE;
}

static ggx_status read_vocab(const ggx_host *host, const ggx_source *source, const ggx_options *options,
                             const ggx_sink *sink, ggx_error *error)
{
    static const automatic_kind kind = {"wordpiece.pre", "WordPiece", "vocab.txt", read_lines, fits, push_all};
    return automatic_run(&kind, host, source, options, sink, error);
}

static const ggx_option options[] = {
    {sizeof(ggx_option), GGX_OPTION_STRING, "wordpiece.pre", "name of the pre-tokenizer, where it is not known"},
};
static const ggx_vocab vocab = {.struct_size = sizeof vocab, .options = options, .option_count = 1, .read = read_vocab};
static const ggx_provide provides[] = {{GGX_VOCAB_ID, &vocab}};
GGX_PLUGIN("vocab-wordpiece", "0.1.0", "MIT", provides);
