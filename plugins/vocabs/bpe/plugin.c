/* plugins/vocabs/bpe - byte-level BPE: tokenizer.json, or vocab.json with merges.txt, and the tokens added to them.
 *
 * The files are those of Hugging Face's tokenizers (Apache-2.0). Types of tokens, and how merges are written down, are what llama.cpp's
 * converter makes of them; docs/formats/bpe.md. */
#include "../common/automatic.h"
#include <ggx_sdk/error.h>
#include <ggx_sdk/options.h>

/* Lines of two words; the first line may be a comment. Others are passed over, as the converter does. */
static ggx_status read_lines(tokenizer *t, const vocab_file *file)
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
        status = tokenizer_add_merge(t, file->member, (uint64_t)(line - file->text.data),
                                     (ggx_str){line, (uint64_t)(stop - line)});
    }
    return status;
}

/* vocab.json and merges.txt; `found` 0 when there is no vocab.json. */
static ggx_status read_plain(automatic *a, int *found)
{
    ggx_json_parser parser;
    vocab_walk entries;
    vocab_file vocab, merges;
    tokenizer *t = &a->t;
    ggx_status status = vocab_read(t->host, a->source, "vocab.json", &vocab, t->error);
    *found = status == GGX_OK && vocab.text.data;
    if (!*found) return status;
    t->model = MODEL_BPE;
    vocab_walk_file(&entries, &parser, t->host, &vocab, t->error);
    status = tokenizer_read_vocab(t, &entries);
    if (status == GGX_OK) status = vocab_read(t->host, a->source, "merges.txt", &merges, t->error);
    return status == GGX_OK && merges.text.data ? read_lines(t, &merges) : status;
}

static ggx_status push_llama(automatic *a, const ggx_sink *sink, ggx_error *error)
{
    vocab_tokens tokens;
    ggx_status status = automatic_llama(a, &tokens);
    if (status == GGX_OK)
        status = vocab_push_array(sink, "llama_tokens", GGX_KV_STRING, tokens.text, tokens.count, error);
    return status == GGX_OK ? vocab_push_array(sink, "llama_types", GGX_KV_I32, tokens.type, tokens.count, error)
                            : status;
}

static ggx_status push_all(automatic *a, const ggx_sink *sink, ggx_error *error)
{
    vocab_tokens tokens;
    ggx_status status = vocab_push_text(sink, "model", "gpt2", error);
    if (status == GGX_OK) status = automatic_tokens(a, &tokens);
    if (status == GGX_OK) status = vocab_push(&tokens, sink, 0);
    if (status == GGX_OK) status = vocab_push_array(sink, "merges", GGX_KV_STRING, a->t.merge, a->t.merge_count, error);
    return status == GGX_OK && a->is_llama ? push_llama(a, sink, error) : status;
}

static int fits(const tokenizer *t)
{
    return !t->has_scores && (!t->model || t->model == MODEL_BPE);
}

static ggx_status read_vocab(const ggx_host *host, const ggx_source *source, const ggx_options *options,
                             const ggx_sink *sink, ggx_error *error)
{
    static const automatic_kind kind = {"bpe.pre", "BPE", "vocab.json", read_plain, fits, push_all};
    return automatic_run(&kind, host, source, options, sink, error);
}

static const ggx_option options[] = {
    {sizeof(ggx_option), GGX_OPTION_STRING, "bpe.pre", "name of the pre-tokenizer, where it is not known"},
};
static const ggx_vocab vocab = {.struct_size = sizeof vocab, .options = options, .option_count = 1, .read = read_vocab};
static const ggx_provide provides[] = {{GGX_VOCAB_ID, &vocab}};
GGX_PLUGIN("vocab-bpe", "0.1.0", "MIT", provides);
