/* plugins/vocabs/common/automatic.h - the tokenizer that transformers' AutoTokenizer makes of a model's folder: it may take the
 * tokenizer.json as it is, or build its own around that file's vocabulary, by the class that the folder names. Which class that is, and
 * what each builds, is data: classes.json. docs/formats/tokenizer-json.md. */
#ifndef GGX_VOCABS_AUTOMATIC_H
#define GGX_VOCABS_AUTOMATIC_H

#include "tokenizer.h"

#define SPECIAL_COUNT 7u /* bos, eos, unk, sep, pad, cls, mask: the order in which transformers adds them */
#define SPECIAL_UNK 2u
#define SPECIAL_SEP 3u
#define SPECIAL_CLS 5u

/* What the files beside a tokenizer.json say. -1: nothing. */
typedef struct settings {
    ggx_str named, config_named, model_type; /* tokenizer_class of tokenizer_config.json, of config.json; model_type */
    int auto_map, has_decoder, prefix_space, add_bos, add_eos, lower, han, accents, legacy, fix_regex;
    int given[SPECIAL_COUNT]; /* 0: absent, 1: null, 2: a token */
    added_token special[SPECIAL_COUNT];
    added_token *extra;
    uint64_t extra_count, extra_capacity;
    added_token *decoder; /* added_tokens_decoder, or what stands for it; given_id is the key */
    uint64_t decoder_count, decoder_capacity;
} settings;

typedef struct automatic {
    tokenizer t;
    settings s;
    ggx_str class; /* data NULL: TokenizersBackend, which takes the file as it is */
    const ggx_source *source;
    int has_json, is_llama, special_again;
    ggx_error trouble; /* why the text cannot be encoded as the class does; status GGX_OK: it can */
} automatic;

/* Reads the tokenizer.json, when there is one, and the settings. A caller that has other files reads them into a->t between this and
 * automatic_build. */
ggx_status automatic_open(automatic *a, const ggx_host *host, const ggx_source *source, ggx_error *error);
/* Reads config.json, tokenizer_config.json, special_tokens_map.json, added_tokens.json. */
ggx_status settings_read(settings *s, tokenizer *t, const ggx_source *source);
/* The class, and what it builds over what the file has. */
ggx_status automatic_build(automatic *a);
/* Tokens by id, with their types as llama.cpp's converter gives them. */
ggx_status automatic_tokens(automatic *a, vocab_tokens *out);
/* Is it SentencePiece's BPE in another form? Asked before automatic_build, of what the file says. */
int automatic_is_llama(const tokenizer *t);
/* Its tokens with types; all scores are the same. */
ggx_status automatic_llama(automatic *a, vocab_tokens *out);
/* Pushes "pre" when the user gave it; else "reference_ids", the ids of llama.cpp's reference text as Python writes a list, or "trouble",
 * why there are none. */
ggx_status automatic_push_pre(automatic *a, const ggx_str *given, const ggx_sink *sink);

/* A vocabulary plugin over all that. */
typedef struct automatic_kind {
    const char *option;                                /* that names the pre-tokenizer */
    const char *model, *file;                          /* "BPE"; the file that may stand in for the tokenizer.json */
    ggx_status (*read_file)(automatic *a, int *found); /* reads it, where there is no tokenizer.json */
    int (*fits)(const tokenizer *t);                   /* is it this kind? */
    ggx_status (*push)(automatic *a, const ggx_sink *sink, ggx_error *error); /* all but what automatic_push_pre does */
} automatic_kind;
ggx_status automatic_run(const automatic_kind *kind, const ggx_host *host, const ggx_source *source,
                         const ggx_options *options, const ggx_sink *sink, ggx_error *error);

#endif
