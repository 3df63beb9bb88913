/* plugins/vocabs/common/tokenizer.h - a tokenizer of Hugging Face's library, from its tokenizer.json: normalizer, pre-tokenizer, model,
 * added tokens, post-processor, decoder; and encoding with it. What is not known here is refused when it is used, so that a vocabulary
 * can be read from any file.
 *
 * The steps and their fields: github.com/huggingface/tokenizers (Apache-2.0); docs/formats/tokenizer-json.md. */
#ifndef GGX_VOCABS_TOKENIZER_H
#define GGX_VOCABS_TOKENIZER_H

#include "regex.h"
#include "text.h"
#include "tokens.h"

#define PART_MOST 256u      /* steps of all kinds */
#define ADDED_LONGEST 4096u /* bytes of an added token that is normalized or looked for */

/* What a Split does with matches and what is between them. */
#define SPLIT_REMOVED 0u
#define SPLIT_ISOLATED 1u
#define SPLIT_CONTIGUOUS 2u
#define SPLIT_WITH_PREVIOUS 3u
#define SPLIT_WITH_NEXT 4u

/* A step, of any kind: the fields that its type has. */
typedef struct part {
    ggx_str type;
    struct part *next, *children; /* a Sequence's */
    ggx_str pattern, content; /* Split, Replace; Prepend's text, Metaspace's replacement, Strip's character, a prefix */
    int is_regex, invert, split, use_regex, add_prefix_space, individual, lowercase, strip_accents, clean_text, han,
        left, right, cleanup;
    int64_t start, stop;     /* Strip (a decoder), FixedLength */
    uint32_t behavior;       /* SPLIT_* */
    ggx_str scheme;          /* Metaspace: always, first, never */
    ggx_str *before, *after; /* TemplateProcessing, BertProcessing, RobertaProcessing: texts around one sequence */
    uint32_t before_count, after_count, has_sequence;
    vocab_map ids; /* texts to ids, as the step itself gives them */
    vocab_regex *regex;
} part;

/* An added token. */
typedef struct added_token {
    ggx_str content, normal; /* normal: what is looked for */
    uint32_t id;
    int special, normalized, lstrip, rstrip, single_word;
    int64_t given_id; /* what the file says; -1: nothing */
} added_token;

/* The halves of merge `index`, in which there are spaces. */
typedef struct spaced_merge {
    uint64_t index;
    ggx_str left, right;
    struct spaced_merge *next;
} spaced_merge;

#define MODEL_BPE 1u
#define MODEL_WORDPIECE 2u
#define MODEL_WORDLEVEL 3u
#define MODEL_UNIGRAM 4u

typedef struct tokenizer {
    const ggx_host *host;
    ggx_error *error;
    uint32_t model;  /* MODEL_*; 0: not known */
    int has_scores;  /* the vocabulary is a list */
    vocab_map vocab; /* the model's own tokens */
    uint64_t vocab_count;
    uint32_t highest; /* id of them */
    ggx_str *merge;   /* "left right", as llama.cpp has them */
    uint64_t merge_count, merge_capacity;
    spaced_merge *spaced; /* the last first */
    vocab_map ranks;      /* pairs of ids to rank and merged id; made before the first encoding */
    int ranked;
    ggx_str unk, prefix, suffix; /* prefix: of pieces that go on; suffix: of a word's last piece */
    int fuse_unk, byte_fallback, ignore_merges, has_ignore_merges, has_byte_fallback;
    int64_t longest_word;
    part *normalizer, *splitter, *post, *decoder;
    uint32_t part_count;
    added_token *listed; /* as the file has them */
    uint64_t listed_count, listed_capacity;
    added_token *added;
    uint64_t added_count, added_capacity;
    vocab_map added_ids; /* content to its place in `added` */
    uint32_t next_id;
    vocab_unicode *unicode;
    vocab_regex *classes[8]; /* of character classes, by their use */
} tokenizer;

/* Begins with an empty one. */
void tokenizer_init(tokenizer *t, const ggx_host *host, ggx_error *error);
/* Reads the whole file. Its added tokens are listed in `listed`, and not added yet. Errors: as for a reader. */
ggx_status tokenizer_read(tokenizer *t, const vocab_file *file);
/* Reads the fields of a model, over those that are there; an object of tokens and ids. */
ggx_status tokenizer_read_model(tokenizer *t, vocab_walk *outer);
ggx_status tokenizer_put(tokenizer *t, uint32_t member, uint64_t at, ggx_str text, int64_t id);
ggx_status tokenizer_read_vocab(tokenizer *t, vocab_walk *entries);
/* Reads a step from the value the walk stands at: an object, or null. */
ggx_status tokenizer_read_part(tokenizer *t, vocab_walk *outer, part **out);
/* A merge, as a line or as a pair. Errors: GGX_E_MALFORMED, GGX_E_NOMEM. */
ggx_status tokenizer_add_merge(tokenizer *t, uint32_t member, uint64_t at, ggx_str merge);
/* Adds a token as the library does: in the place its text has in the model, or behind all others. */
ggx_status tokenizer_add(tokenizer *t, const added_token *token);
/* Adds to a list, which grows; at most VOCAB_IDS. */
ggx_status tokenizer_keep(tokenizer *t, const added_token *token, added_token **list, uint64_t *count,
                          uint64_t *capacity);
/* Lists one more. */
ggx_status tokenizer_list(tokenizer *t, const added_token *token);
/* Reads one object of "added_tokens" or of an added_tokens_decoder. */
ggx_status tokenizer_read_added(tokenizer *t, vocab_walk *outer, added_token *out);

/* The ids of the text, with those the post-processor puts around. Errors: GGX_E_UNSUPPORTED says what is not known here. */
ggx_status tokenizer_encode(tokenizer *t, ggx_str text, int special, uint32_t **ids, uint64_t *count);

/* --- the steps, for each other ---------------------------------------------------------------------------------------------- */

/* A piece of text between the normalizer and the model. */
typedef struct piece {
    ggx_str text;
    int first;     /* it begins where the text begins */
    int64_t added; /* id of the added token that it is, or -1 */
} piece;
typedef struct pieces {
    const ggx_host *host;
    piece *items;
    uint64_t count, capacity;
    int failed;
} pieces;
void pieces_add(pieces *p, piece item);

ggx_status tokenizer_no_memory(const tokenizer *t);
ggx_status tokenizer_unknown(const tokenizer *t, const char *what, ggx_str type);
ggx_status tokenizer_normalize(tokenizer *t, part *p, ggx_str text, ggx_str *out);
ggx_status tokenizer_split(tokenizer *t, part *p, pieces *all);
/* Splits at the added tokens; each text between them is normalized. */
ggx_status tokenizer_extract(tokenizer *t, ggx_str text, pieces *out);
ggx_status tokenizer_model(tokenizer *t, ggx_str word, uint32_t **ids, uint64_t *count, uint64_t *capacity);
ggx_status tokenizer_push_id(tokenizer *t, uint32_t id, uint32_t **ids, uint64_t *count, uint64_t *capacity);
/* What the decoder makes of a token alone. */
ggx_status tokenizer_decode(tokenizer *t, ggx_str token, ggx_str *out);
/* The byte-level alphabet: GPT-2's printable character of a byte; a byte of a character, or -1. */
uint32_t tokenizer_byte_code(uint8_t byte);
int tokenizer_code_byte(uint32_t code);

/* Is a character of the class? The expression is a set, compiled once for `use`. */
#define CLASS_MARK 0u
#define CLASS_NONSPACING 1u
#define CLASS_PUNCTUATION 2u
#define CLASS_OTHER 3u
#define CLASS_NUMBER 4u
#define CLASS_WORD 5u
#define CLASS_GPT2 6u       /* GPT-2's words */
#define CLASS_WHITESPACE 7u /* the words of the pre-tokenizer Whitespace */
#define CLASS_WHITE 8u      /* White_Space, which needs no expression */
int tokenizer_in_class(tokenizer *t, uint32_t use, uint32_t code, ggx_status *status);
/* The expression of a use. */
ggx_status tokenizer_class(tokenizer *t, uint32_t use, vocab_regex **out);

#endif
