/* decode.c - what a decoder makes of one token alone. */
#include "tokenizer.h"
#include <ggx_sdk/error.h>

/* The characters of the byte-level alphabet as bytes; a token that has others stays. Bytes that are no UTF-8 become U+FFFD. */
static void from_byte_level(ggx_str token, vocab_buffer *out)
{
    vocab_buffer bytes = {.host = out->host};
    for (uint64_t at = 0; at < token.size;) {
        int byte = tokenizer_code_byte(vocab_code(token, &at));
        const char c = (char)byte;
        if (byte < 0) {
            vocab_buffer_add(out, token.data, token.size);
            return;
        }
        vocab_buffer_add(&bytes, &c, 1);
    }
    ggx_str made = vocab_buffer_str(&bytes);
    for (uint64_t at = 0; at < made.size;) vocab_buffer_code(out, vocab_code(made, &at));
    out->failed |= bytes.failed;
}

static void replace_mark(const part *p, ggx_str token, vocab_buffer *out)
{
    ggx_str mark = p->content.data ? p->content : (ggx_str){"\xe2\x96\x81", 3};
    int leading = p->scheme.data ? !vocab_is(p->scheme, "never") : p->add_prefix_space;
    for (uint64_t i = 0; i < token.size;) {
        int here = mark.size && mark.size <= token.size - i && !memcmp(token.data + i, mark.data, (size_t)mark.size);
        if (here && !(leading && !i)) vocab_buffer_add(out, " ", 1);
        if (!here) vocab_buffer_add(out, token.data + i, 1);
        i += here ? mark.size : 1;
    }
}

static ggx_str strip_of(const part *p, ggx_str token)
{
    for (int64_t i = 0; i < p->start && p->content.size && token.size >= p->content.size &&
                        !memcmp(token.data, p->content.data, (size_t)p->content.size);
         i++)
        token = (ggx_str){token.data + p->content.size, token.size - p->content.size};
    for (int64_t i = 0; i < p->stop && p->content.size && token.size >= p->content.size &&
                        !memcmp(token.data + token.size - p->content.size, p->content.data, (size_t)p->content.size);
         i++)
        token.size -= p->content.size;
    return token;
}

static ggx_status decode_with(tokenizer *t, part *p, ggx_str token, ggx_str *out)
{
    vocab_buffer made = {.host = t->host};
    ggx_status status = GGX_OK;
    *out = token;
    if (!p || vocab_is(p->type, "Fuse") || vocab_is(p->type, "ByteFallback") || vocab_is(p->type, "WordPiece"))
        return GGX_OK;
    if (vocab_is(p->type, "Sequence")) {
        for (part *c = p->children; c && status == GGX_OK; c = c->next) status = decode_with(t, c, *out, out);
        return status;
    }
    if (vocab_is(p->type, "Strip")) {
        *out = strip_of(p, token);
        return GGX_OK;
    }
    if (vocab_is(p->type, "Replace")) return tokenizer_normalize(t, p, token, out);
    if (vocab_is(p->type, "ByteLevel"))
        from_byte_level(token, &made);
    else if (vocab_is(p->type, "Metaspace"))
        replace_mark(p, token, &made);
    else
        return tokenizer_unknown(t, "decoder", p->type);
    *out = vocab_buffer_str(&made);
    return made.failed ? tokenizer_no_memory(t) : GGX_OK;
}

ggx_status tokenizer_decode(tokenizer *t, ggx_str token, ggx_str *out)
{
    return decode_with(t, t->decoder, token, out);
}
