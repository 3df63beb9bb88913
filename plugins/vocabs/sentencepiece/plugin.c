/* plugins/vocabs/sentencepiece - tokenizer.model, a protocol buffer of SentencePiece, and the tokens added beside it.
 *
 * Some models name the file spiece.model or sentencepiece.bpe.model; "file" says which it was.
 *
 * The message: google/sentencepiece, src/sentencepiece_model.proto (Apache-2.0). What is made of it, types and scores of added tokens
 * among that, is what llama.cpp's converter makes; docs/formats/sentencepiece.md. */
#include "../common/tokens.h"

#include <ggx_sdk/error.h>
#include <ggx_sdk/protobuf.h>

/* Fields of ModelProto, of SentencePiece and of NormalizerSpec. */
#define MODEL_PIECES 1
#define MODEL_TRAINER 2
#define MODEL_NORMALIZER 3
#define PIECE_TEXT 1
#define PIECE_SCORE 2
#define PIECE_TYPE 3
#define TRAINER_TYPE 3
#define TYPE_UNIGRAM 1
#define NORMALIZER_CHARSMAP 2
#define NORMALIZER_PREFIX 3
#define NORMALIZER_SPACES 4

#define ADDED_SCORE (-1000.0f)
#define GAP_SCORE (-10000.0f)

typedef struct model {
    vocab_tokens tokens;
    ggx_cursor cursor;
    uint8_t *charsmap;
    uint64_t charsmap_size;
    int add_prefix, remove_spaces;
    uint64_t type; /* TYPE_UNIGRAM, 2 BPE */
} model;

/* SentencePiece numbers its types as llama.cpp does; there a piece that the user defined is a normal one. */
static int32_t type_of(uint64_t type)
{
    return type >= VOCAB_NORMAL && type <= VOCAB_BYTE && type != VOCAB_USER_DEFINED ? (int32_t)type : VOCAB_NORMAL;
}

static ggx_status read_piece(model *m, ggx_pb *outer)
{
    ggx_pb field;
    ggx_cursor *c = &m->cursor;
    char *text = NULL;
    uint64_t size = 0, type = VOCAB_NORMAL, at = outer->at;
    float score = 0;
    for (ggx_pb_enter(&field, outer); ggx_pb_next(&field);) {
        if (ggx_pb_is(&field, PIECE_TEXT, GGX_PB_LEN)) {
            text = field.number <= UINT16_MAX ? m->tokens.host->alloc(m->tokens.host, field.number + 1) : NULL;
            if (!text)
                return ggx_fail_at(m->tokens.error, field.number > UINT16_MAX ? GGX_E_MALFORMED : GGX_E_NOMEM,
                                   c->member, field.at, "no memory for a piece of %llu bytes; is the file damaged?",
                                   (unsigned long long)field.number);
            size = ggx_pb_bytes(&field, text, field.number, "piece");
        } else if (ggx_pb_is(&field, PIECE_SCORE, GGX_PB_I32)) {
            uint32_t bits = (uint32_t)field.number;
            memcpy(&score, &bits, sizeof score);
        } else if (ggx_pb_is(&field, PIECE_TYPE, GGX_PB_VARINT)) {
            type = field.number;
        }
    }
    if (c->status != GGX_OK) return c->status;
    if (!text)
        return ggx_fail_at(m->tokens.error, GGX_E_MALFORMED, c->member, at,
                           "piece %llu has no text; is the file damaged?", (unsigned long long)m->tokens.count);
    return vocab_put(&m->tokens, c->member, at, (int64_t)m->tokens.count, (ggx_str){text, size}, score, type_of(type));
}

static ggx_status read_normalizer(model *m, ggx_pb *outer)
{
    ggx_pb field;
    for (ggx_pb_enter(&field, outer); ggx_pb_next(&field);) {
        if (ggx_pb_is(&field, NORMALIZER_PREFIX, GGX_PB_VARINT)) m->add_prefix = field.number != 0;
        if (ggx_pb_is(&field, NORMALIZER_SPACES, GGX_PB_VARINT)) m->remove_spaces = field.number != 0;
        if (ggx_pb_is(&field, NORMALIZER_CHARSMAP, GGX_PB_LEN) && field.number <= VOCAB_FILE) {
            m->charsmap = m->tokens.host->alloc(m->tokens.host, field.number + 1);
            if (!m->charsmap) return ggx_fail(m->tokens.error, GGX_E_NOMEM, "no memory for the normalization");
            m->charsmap_size = ggx_pb_bytes(&field, m->charsmap, field.number, "precompiled_charsmap");
        }
    }
    return m->cursor.status;
}

static ggx_status read_trainer(model *m, ggx_pb *outer)
{
    ggx_pb field;
    for (ggx_pb_enter(&field, outer); ggx_pb_next(&field);)
        if (ggx_pb_is(&field, TRAINER_TYPE, GGX_PB_VARINT)) m->type = field.number;
    return m->cursor.status;
}

static ggx_status read_model(model *m)
{
    ggx_pb field;
    ggx_status status = GGX_OK;
    ggx_pb_begin(&field, &m->cursor, m->cursor.end);
    while (status == GGX_OK && ggx_pb_next(&field)) {
        if (ggx_pb_is(&field, MODEL_PIECES, GGX_PB_LEN)) status = read_piece(m, &field);
        if (ggx_pb_is(&field, MODEL_TRAINER, GGX_PB_LEN)) status = read_trainer(m, &field);
        if (ggx_pb_is(&field, MODEL_NORMALIZER, GGX_PB_LEN)) status = read_normalizer(m, &field);
    }
    if (status == GGX_OK) status = m->cursor.status;
    if (status == GGX_OK && !m->tokens.count)
        status = ggx_fail_at(m->tokens.error, GGX_E_MALFORMED, m->cursor.member, 0,
                             "tokenizer.model has no pieces; is it SentencePiece's?");
    return status;
}

/* Three arrays under names that begin so. */
static ggx_status push_as(const vocab_tokens *t, const ggx_sink *sink, const char *const names[3])
{
    ggx_status status = vocab_push_array(sink, names[0], GGX_KV_STRING, t->text, t->count, t->error);
    if (status == GGX_OK) status = vocab_push_array(sink, names[1], GGX_KV_F32, t->score, t->count, t->error);
    return status == GGX_OK ? vocab_push_array(sink, names[2], GGX_KV_I32, t->type, t->count, t->error) : status;
}

static ggx_status push_model(const model *m, const char *file, const ggx_sink *sink, ggx_error *error)
{
    ggx_status status = vocab_push_text(sink, "model", "llama", error);
    if (status == GGX_OK) status = vocab_push_text(sink, "file", file, error);
    if (status == GGX_OK)
        status = vocab_push_text(sink, "algorithm", m->type == TYPE_UNIGRAM ? "unigram" : "bpe", error);
    if (status == GGX_OK) status = vocab_push(&m->tokens, sink, 1);
    if (status == GGX_OK) status = vocab_push_bool(sink, "add_space_prefix", m->add_prefix, error);
    if (status == GGX_OK) status = vocab_push_bool(sink, "remove_extra_whitespaces", m->remove_spaces, error);
    if (status == GGX_OK && m->charsmap_size)
        status = vocab_push_array(sink, "charsmap", GGX_KV_U8, m->charsmap, m->charsmap_size, error);
    return status;
}

/* The model alone, with added_tokens.json, and with what tokenizer_config.json says of added tokens: the first two are for unigram
 * models, whose converter looks no further. */
static ggx_status add_and_push(model *m, const ggx_source *source, const char *file, const ggx_sink *sink)
{
    static const char *const model_names[] = {"model_tokens", "model_scores", "model_types"};
    static const char *const plain_names[] = {"plain_tokens", "plain_scores", "plain_types"};
    int unigram = m->type == TYPE_UNIGRAM;
    ggx_status status = unigram ? push_as(&m->tokens, sink, model_names) : GGX_OK;
    if (status == GGX_OK) status = vocab_add_added(&m->tokens, source, ADDED_SCORE);
    if (status == GGX_OK && unigram) status = push_as(&m->tokens, sink, plain_names);
    if (status == GGX_OK) status = vocab_add_decoder(&m->tokens, source, ADDED_SCORE);
    return status == GGX_OK ? push_model(m, file, sink, m->tokens.error) : status;
}

/* The first of the names that is there. */
static ggx_status find_file(const ggx_source *source, const char **name, uint32_t *index, ggx_error *error)
{
    static const char *const names[] = {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ggx_status status = source->find(source, (ggx_str){names[i], strlen(names[i])}, index, error);
        *name = names[i];
        if (status != GGX_E_NOTFOUND) return status;
    }
    return ggx_fail(error, GGX_E_NOTFOUND, "there is no tokenizer.model beside the model");
}

static ggx_status read_vocab(const ggx_host *host, const ggx_source *source, const ggx_options *options,
                             const ggx_sink *sink, ggx_error *error)
{
    ggx_member member = {.struct_size = sizeof member};
    const char *name;
    uint32_t index;
    (void)options;
    ggx_status status = find_file(source, &name, &index, error);
    if (status == GGX_OK) status = source->member(source, index, &member, error);
    if (status != GGX_OK) return status;
    model *m = host->alloc(host, sizeof *m);
    if (!m) return ggx_fail(error, GGX_E_NOMEM, "no memory for a vocabulary");
    m->tokens.host = host;
    m->tokens.error = error;
    m->tokens.gap_score = GAP_SCORE;
    m->add_prefix = m->remove_spaces = 1; /* the message's defaults */
    m->type = TYPE_UNIGRAM;
    ggx_cursor_init(&m->cursor, source, index, 0, member.size, error);
    status = read_model(m);
    return status == GGX_OK ? add_and_push(m, source, name, sink) : status;
}

static const ggx_vocab vocab = {.struct_size = sizeof vocab, .read = read_vocab};
static const ggx_provide provides[] = {{GGX_VOCAB_ID, &vocab}};

GGX_PLUGIN("vocab-sentencepiece", "0.1.0", "MIT", provides);
