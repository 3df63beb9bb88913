/* reference.c - the tokens of a tokenizer as llama.cpp's converter hands them over, and the ids of its reference text. */
#include "automatic.h"
#include <ggx_sdk/error.h>
#include <stdio.h>

/* The text whose ids tell pre-tokenizers apart: llama.cpp, convert_hf_to_gguf_update.py (MIT). */
static const char reference[] =
    "\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n     \n"
    "\xf0\x9f\x9a\x80 (normal) \xf0\x9f\x98\xb6\xe2\x80\x8d\xf0\x9f\x8c\xab\xef\xb8\x8f (multiple emojis concatenated) "
    "\xe2\x9c\x85 "
    "\xf0\x9f\xa6\x99\xf0\x9f\xa6\x99 3 33 333 3333 33333 333333 3333333 33333333 3.3 3..3 3...3 "
    "\xe1\x9e\x80\xe1\x9e\xb6\xe1\x9e\x93\xe1\x9f\x8b\xe1\x9e\x8f\xe1\x9f\x82\xe1\x9e\x96\xe1\x9e\xb7\xe1\x9e\x9f\xe1"
    "\x9f\x81\xe1\x9e\x9f"
    "\xe1\x9e\xa2\xe1\x9e\xb6\xe1\x9e\x85\xf0\x9f\x98\x81 ?\xe6\x88\x91\xe6\x83\xb3\xe5\x9c\xa8"
    "apple\xe5\xb7\xa5\xe4\xbd\x9c"
    "1314151\xe5\xa4\xa9\xef\xbd\x9e ------======= "
    "\xd0\xbd\xd0\xb5\xd1\x89\xd0\xbe \xd0\xbd\xd0\xb0 "
    "\xd0\x91\xd1\x8a\xd0\xbb\xd0\xb3\xd0\xb0\xd1\x80\xd1\x81\xd0\xba\xd0\xb8 "
    "''''''```````\"\"\"\"......!!!!!!?????? I've been 'told he's there, 'RE you sure? 'M not sure I'll make it, "
    "'D you like some tea? We'Ve a'lL";

static ggx_status put_added(automatic *a, vocab_tokens *out, const added_token *token)
{
    ggx_str text = token->content;
    ggx_status status = GGX_OK;
    if (!token->normalized) status = tokenizer_decode(&a->t, text, &text);
    if (status == GGX_E_UNSUPPORTED) { /* a decoder that is not known here: nearly all leave such a token as it is */
        text = token->content;
        status = GGX_OK;
    }
    int special = token->special || vocab_looks_special(text);
    if (status == GGX_OK && !special) text = vocab_plain_spaces(a->t.host, text);
    if (status == GGX_OK && !text.data) return tokenizer_no_memory(&a->t);
    return status == GGX_OK ? vocab_put(out, GGX_NO_MEMBER, GGX_NO_OFFSET, token->id, text, 0,
                                        special ? VOCAB_CONTROL : VOCAB_USER_DEFINED)
                            : status;
}

ggx_status automatic_tokens(automatic *a, vocab_tokens *out)
{
    ggx_status status = GGX_OK;
    *out = (vocab_tokens){.host = a->t.host, .error = a->t.error};
    for (uint64_t i = 0; i < a->t.vocab.capacity && status == GGX_OK; i++) {
        const vocab_slot *s = &a->t.vocab.slots[i];
        if (s->used) status = vocab_put(out, GGX_NO_MEMBER, GGX_NO_OFFSET, s->value, s->key, 0, VOCAB_NORMAL);
    }
    for (uint64_t i = 0; i < a->t.added_count && status == GGX_OK; i++) status = put_added(a, out, &a->t.added[i]);
    return status;
}

static ggx_status encode_reference(automatic *a, ggx_str *out)
{
    uint32_t *ids;
    uint64_t count = 0;
    vocab_buffer list = {.host = a->t.host};
    *out = (ggx_str){NULL, 0};
    if (a->trouble.status != GGX_OK) return GGX_OK;
    ggx_status status = tokenizer_encode(&a->t, (ggx_str){reference, sizeof reference - 1}, 1, &ids, &count);
    if (status == GGX_E_UNSUPPORTED) {
        if (a->t.error) a->trouble = *a->t.error;
        return GGX_OK;
    }
    vocab_buffer_add(&list, "[", 1);
    for (uint64_t i = 0; i < count && status == GGX_OK; i++) {
        char number[16];
        int size = snprintf(number, sizeof number, "%s%u", i ? ", " : "", (unsigned)ids[i]);
        vocab_buffer_add(&list, number, (uint64_t)size);
    }
    vocab_buffer_add(&list, "]", 1);
    *out = vocab_buffer_str(&list);
    return status == GGX_OK && list.failed ? tokenizer_no_memory(&a->t) : status;
}

ggx_status automatic_push_pre(automatic *a, const ggx_str *given, const ggx_sink *sink)
{
    ggx_str ids;
    if (given) return vocab_push_text_of(sink, "pre", *given, a->t.error);
    ggx_status status = encode_reference(a, &ids);
    if (status == GGX_OK && ids.data) status = vocab_push_text_of(sink, "reference_ids", ids, a->t.error);
    return status == GGX_OK && !ids.data ? vocab_push_text(sink, "trouble", a->trouble.text, a->t.error) : status;
}
