/* llama.c - the tokens of a tokenizer.json that is SentencePiece's BPE in another form, as llama.cpp's converter hands them over
 * (gguf-py, vocab.py: LlamaHfVocab; MIT). */
#include "automatic.h"
#include <ggx_sdk/error.h>

/* "<0x0A>" */
static int is_byte(ggx_str text)
{
    if (text.size != 6 || memcmp(text.data, "<0x", 3) || text.data[5] != '>') return 0;
    for (int i = 3; i < 5; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f'))) return 0;
    }
    return 1;
}

static int is_special(const settings *s, ggx_str text)
{
    for (uint32_t i = 0; i < SPECIAL_COUNT; i++)
        if (s->given[i] == 2 && vocab_same(s->special[i].content, text)) return 1;
    for (uint64_t i = 0; i < s->extra_count; i++)
        if (vocab_same(s->extra[i].content, text)) return 1;
    return 0;
}

int automatic_is_llama(const tokenizer *t)
{
    return t->model == MODEL_BPE && t->byte_fallback && t->decoder && vocab_is(t->decoder->type, "Sequence");
}

ggx_status automatic_llama(automatic *a, vocab_tokens *out)
{
    tokenizer *t = &a->t;
    ggx_status status = GGX_OK;
    *out = (vocab_tokens){.host = t->host, .error = t->error};
    for (uint64_t i = 0; i < t->vocab.capacity && status == GGX_OK; i++) {
        const vocab_slot *s = &t->vocab.slots[i];
        int32_t type = !s->used                    ? 0
                       : is_byte(s->key)           ? VOCAB_BYTE
                       : is_special(&a->s, s->key) ? VOCAB_CONTROL
                                                   : VOCAB_NORMAL;
        if (s->used && s->value < t->vocab_count)
            status = vocab_put(out, GGX_NO_MEMBER, GGX_NO_OFFSET, s->value, s->key, 0, type);
    }
    if (status == GGX_OK && out->count != t->vocab_count)
        return ggx_fail(t->error, GGX_E_MALFORMED,
                        "tokenizer.json has %llu tokens, whose ids end at %llu; is it damaged?",
                        (unsigned long long)t->vocab_count, (unsigned long long)out->count);
    for (uint64_t i = 0; i < t->added_count && status == GGX_OK; i++) {
        const added_token *token = &t->added[i]; /* their ids rise by one, as they are given */
        if (token->id >= t->vocab_count)
            status = vocab_put(out, GGX_NO_MEMBER, GGX_NO_OFFSET, (int64_t)out->count, token->content, 0,
                               is_special(&a->s, token->content) ? VOCAB_CONTROL : VOCAB_USER_DEFINED);
    }
    return status;
}
