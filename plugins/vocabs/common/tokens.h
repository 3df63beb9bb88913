/* plugins/vocabs/common/tokens.h - what vocabulary plugins share: a table of tokens by id, files read whole, and the tokens that a
 * tokenizer_config.json adds. Memory comes from the host and is never freed here. */
#ifndef GGX_VOCABS_TOKENS_H
#define GGX_VOCABS_TOKENS_H

#include <ggx/draft/vocab.h>
#include <ggx_sdk/json.h>

#define VOCAB_IDS (1u << 20)     /* ids are below this */
#define VOCAB_FILE (64ull << 20) /* bytes of a file */

/* Token types, as llama.cpp numbers them. */
#define VOCAB_NORMAL 1
#define VOCAB_UNKNOWN 2
#define VOCAB_CONTROL 3
#define VOCAB_USER_DEFINED 4
#define VOCAB_UNUSED 5
#define VOCAB_BYTE 6

/* Three arrays by id. A gap is "[PADi]", unused, of score `gap_score`. */
typedef struct vocab_tokens {
    const ggx_host *host;
    ggx_error *error;
    ggx_str *text;
    float *score;
    int32_t *type;
    uint64_t count, capacity;
    float gap_score;
} vocab_tokens;

/* Puts a token at its id, filling the gap before it. Errors: GGX_E_MALFORMED (an id out of bounds), GGX_E_NOMEM. `at` is for messages. */
ggx_status vocab_put(vocab_tokens *t, uint32_t member, uint64_t at, int64_t id, ggx_str text, float score,
                     int32_t type);
/* Pushes tokens and types, and with `scores` scores. */
ggx_status vocab_push(const vocab_tokens *t, const ggx_sink *sink, int scores);
ggx_status vocab_push_text(const ggx_sink *sink, const char *key, const char *text, ggx_error *error);
ggx_status vocab_push_text_of(const ggx_sink *sink, const char *key, ggx_str text, ggx_error *error);
ggx_status vocab_push_bool(const ggx_sink *sink, const char *key, int truth, ggx_error *error);
/* An array of `count` elements of the type. */
ggx_status vocab_push_array(const ggx_sink *sink, const char *key, uint32_t type, const void *data, uint64_t count,
                            ggx_error *error);

/* A file beside the model, whole: data NULL when it is not there. */
typedef struct vocab_file {
    ggx_str text;
    uint32_t member;
} vocab_file;
ggx_status vocab_read(const ggx_host *host, const ggx_source *source, const char *name, vocab_file *out,
                      ggx_error *error);

/* A walk through the members of a JSON object: begin at the object's own token, then next until it gives 0. The value's token is in
 * `value`; what the caller leaves of it is skipped. A failure gives 0 and a status other than GGX_OK. */
typedef struct vocab_walk {
    const ggx_host *host;
    ggx_json_parser *parser;
    const vocab_file *file;
    ggx_error *error;
    ggx_status status;
    ggx_str key; /* unescaped, in the host's memory */
    ggx_json_token value;
    int opened; /* the value is an object or array that the caller has not entered */
} vocab_walk;
/* Parses the file's first token, which has to be an object. `w` walks through it. */
void vocab_walk_file(vocab_walk *w, ggx_json_parser *parser, const ggx_host *host, const vocab_file *file,
                     ggx_error *error);
/* Walks through the object (or array, whose elements have no keys) that is the outer walk's value. */
void vocab_walk_into(vocab_walk *w, vocab_walk *outer);
int vocab_walk_next(vocab_walk *w);
/* The value's string, unescaped; data NULL and the walk's status set when it is none. */
ggx_str vocab_walk_text(vocab_walk *w);
/* 1: the key is that. */
int vocab_walk_is(const vocab_walk *w, const char *key);

/* Does a token look like one that no text may make? Some tokenizers forget to say so. */
int vocab_looks_special(ggx_str text);
/* U+2581 as a space, in a copy when there is one. data NULL: no memory. */
ggx_str vocab_plain_spaces(const ggx_host *host, ggx_str text);

/* Adds those of tokenizer_config.json's added_tokens_decoder, with a score. */
ggx_status vocab_add_decoder(vocab_tokens *t, const ggx_source *source, float score);
/* Adds those of the list "added_tokens" of a tokenizer.json, with the score 0. */
ggx_status vocab_add_list(vocab_tokens *t, const vocab_file *file);
/* Adds those of added_tokens.json, user defined, with a score. */
ggx_status vocab_add_added(vocab_tokens *t, const ggx_source *source, float score);

#endif
