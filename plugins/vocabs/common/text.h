/* plugins/vocabs/common/text.h - text on its way through a tokenizer: growing buffers, UTF-8, normal forms, lower case, and maps from
 * strings and pairs to numbers. Memory comes from the host and is never freed here; a text has at most VOCAB_TEXT bytes. */
#ifndef GGX_VOCABS_TEXT_H
#define GGX_VOCABS_TEXT_H

#include <ggx/host.h>
#include <string.h>

#define VOCAB_TEXT (4u << 20)
#define VOCAB_PROBES 4096u /* of a map: more are no accident */

typedef struct vocab_buffer {
    const ggx_host *host;
    char *data;
    uint64_t size, capacity;
    int failed; /* no memory, or more than VOCAB_TEXT bytes: the text is cut */
} vocab_buffer;

void vocab_buffer_add(vocab_buffer *b, const char *data, uint64_t size);
void vocab_buffer_code(vocab_buffer *b, uint32_t code);
ggx_str vocab_buffer_str(const vocab_buffer *b);

/* The code point at `*at`, which moves behind it. Bytes that are no UTF-8 are U+FFFD each. */
uint32_t vocab_code(ggx_str text, uint64_t *at);
int vocab_same(ggx_str a, ggx_str b);
int vocab_is(ggx_str a, const char *b);
int vocab_white(uint32_t code);  /* White_Space */
int vocab_is_han(uint32_t code); /* as BERT takes it */

/* Unicode's tables, made once. */
typedef struct vocab_unicode vocab_unicode;
/* NULL: no memory. */
vocab_unicode *vocab_unicode_open(const ggx_host *host);

#define VOCAB_COMPOSE 1u    /* NFC, NFKC */
#define VOCAB_COMPATIBLE 2u /* NFKC, NFKD */
void vocab_normal_form(const vocab_unicode *u, ggx_str text, uint32_t form, vocab_buffer *out);
void vocab_lower(const vocab_unicode *u, ggx_str text, vocab_buffer *out);

/* A map of strings to numbers, or of pairs of numbers. */
typedef struct vocab_slot {
    ggx_str key;
    uint64_t pair;
    uint32_t value, other;
    uint32_t used;
} vocab_slot;
typedef struct vocab_map {
    const ggx_host *host;
    vocab_slot *slots;
    uint64_t count, capacity;
} vocab_map;

/* 0: no memory, or too many keys that collide. A key that is there gets the new value. */
int vocab_map_put(vocab_map *m, ggx_str key, uint32_t value);
int vocab_map_put_pair(vocab_map *m, uint32_t left, uint32_t right, uint32_t value, uint32_t other);
/* NULL: it is not there. */
const vocab_slot *vocab_map_find(const vocab_map *m, ggx_str key);
const vocab_slot *vocab_map_find_pair(const vocab_map *m, uint32_t left, uint32_t right);

#endif
