/* ggx/draft/vocab.h - a vocabulary: what a tokenizer's files say, as key/values that recipes put into a header.
 *
 * A plugin is one function over the source's files. It finds the files it knows by name (source->find), and pushes what they hold as
 * key/values; a recipe asks for them with vocab(NAME, KEY). It runs nothing that the files bring and opens no file. The input is hostile, as
 * for a reader: see reader.h. Since 0.1 (draft: the id changes with the layout).
 *
 * Keys that recipes share, each left out when the files do not say it:
 *
 *     model                string    the tokenizer's algorithm, as tokenizer.ggml.model names it
 *     pre                  string    the pre-tokenizer, as tokenizer.ggml.pre names it, where the user says it
 *     reference_ids        string    else: the ids of llama.cpp's reference text, "[1, 2, 3]"; their SHA-256 is known for many
 *     trouble              string    why there are none
 *     tokens               string[]  by id, bytes
 *     scores               f32[]     by id
 *     types                i32[]     by id: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte
 *     merges               string[]  "left right", best first
 *     add_space_prefix, remove_extra_whitespaces   bool
 *     charsmap             u8[]      a precompiled normalization */
#ifndef GGX_DRAFT_VOCAB_H
#define GGX_DRAFT_VOCAB_H

#include "../host.h"
#include "../options.h"
#include "../plugin.h"
#include "../source.h"
#include "../tensor.h"

GGX_EXTERN_C_BEGIN

#define GGX_VOCAB_ID "ggx.vocab.draft/1"

/* A table of one function. Constant. */
typedef struct ggx_vocab {
    uint32_t struct_size;      /* bytes */
    uint32_t flags;            /* 0 */
    const ggx_option *options; /* what -O can set; NULL when option_count is 0 */
    uint32_t option_count;
    uint32_t reserved; /* 0 */

    /* [instance] Reads the files and pushes key/values through sink->kv (sink->tensor is not for vocabularies: NULL). Everything is
     * borrowed for the call; memory comes from host->alloc. Errors: GGX_E_NOTFOUND when none of its files is there, which is a
     * normal answer; GGX_E_MALFORMED and the others as for a reader's open. */
    ggx_status (*read)(const ggx_host *host, const ggx_source *source, const ggx_options *options, const ggx_sink *sink,
                       ggx_error *error) GGX_NOEXCEPT;
} ggx_vocab;

GGX_EXTERN_C_END
#endif
