/* settings.c - the files beside a tokenizer.json. */
#include "automatic.h"
#include <ggx_sdk/error.h>

static const char *const specials[SPECIAL_COUNT] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                    "pad_token", "cls_token", "mask_token"};

static added_token plain(ggx_str text, int special)
{
    return (added_token){.content = text, .special = special, .normalized = !special, .given_id = -1};
}

/* A token: text, or an object with its properties. An object of another shape is left. */
static ggx_status read_token(tokenizer *t, vocab_walk *w, added_token *out)
{
    if (w->value.kind == GGX_JSON_STRING) {
        *out = plain(vocab_walk_text(w), 1);
        return w->status;
    }
    return tokenizer_read_added(t, w, out);
}

static ggx_status read_extra(settings *s, tokenizer *t, vocab_walk *outer)
{
    vocab_walk list;
    ggx_status status = GGX_OK;
    added_token token;
    for (vocab_walk_into(&list, outer); status == GGX_OK && vocab_walk_next(&list);) {
        if (list.value.kind != GGX_JSON_STRING && list.value.kind != GGX_JSON_OBJECT) continue;
        status = read_token(t, &list, &token);
        if (status == GGX_OK) status = tokenizer_keep(t, &token, &s->extra, &s->extra_count, &s->extra_capacity);
    }
    return status == GGX_OK ? list.status : status;
}

static ggx_status read_decoder(settings *s, tokenizer *t, vocab_walk *outer)
{
    vocab_walk entries;
    added_token token;
    ggx_status status = GGX_OK;
    s->has_decoder = 1;
    for (vocab_walk_into(&entries, outer); status == GGX_OK && vocab_walk_next(&entries);) {
        int64_t id = 0;
        for (uint64_t i = 0; i < entries.key.size; i++)
            id = id < 0 || id >= VOCAB_IDS || entries.key.data[i] < '0' || entries.key.data[i] > '9'
                     ? -1
                     : 10 * id + (entries.key.data[i] - '0');
        if (id < 0 || !entries.key.size)
            return ggx_fail_at(t->error, GGX_E_MALFORMED, entries.file->member, entries.value.offset,
                               "'%.*s' is no id of an added token", GGX_STR_ARGS(entries.key));
        status = tokenizer_read_added(t, &entries, &token);
        token.given_id = id;
        if (status == GGX_OK) status = tokenizer_keep(t, &token, &s->decoder, &s->decoder_count, &s->decoder_capacity);
    }
    return status == GGX_OK ? entries.status : status;
}

static int truth_of(const vocab_walk *w)
{
    return w->value.kind == GGX_JSON_TRUE ? 1 : w->value.kind == GGX_JSON_FALSE ? 0 : -1;
}

static int ends_token(ggx_str key)
{
    return key.size > 6 && !memcmp(key.data + key.size - 6, "_token", 6);
}

static ggx_status read_special(settings *s, tokenizer *t, vocab_walk *w)
{
    uint32_t kind = w->value.kind;
    added_token token;
    for (uint32_t i = 0; i < SPECIAL_COUNT; i++) {
        if (!vocab_walk_is(w, specials[i])) continue;
        s->given[i] = kind == GGX_JSON_NULL ? 1 : kind == GGX_JSON_STRING || kind == GGX_JSON_OBJECT ? 2 : 0;
        return s->given[i] == 2 ? read_token(t, w, &s->special[i]) : GGX_OK;
    }
    if (kind == GGX_JSON_ARRAY &&
        (vocab_walk_is(w, "extra_special_tokens") || vocab_walk_is(w, "additional_special_tokens")))
        return read_extra(s, t, w);
    if (kind == GGX_JSON_OBJECT && vocab_walk_is(w, "extra_special_tokens")) return read_extra(s, t, w);
    if (!ends_token(w->key) || kind != GGX_JSON_STRING) return GGX_OK;
    ggx_status status = read_token(t, w, &token);
    return status == GGX_OK ? tokenizer_keep(t, &token, &s->extra, &s->extra_count, &s->extra_capacity) : status;
}

static ggx_status read_tokenizer_config(settings *s, tokenizer *t, vocab_walk *w)
{
    const struct {
        const char *key;
        int *where;
    } flags[] = {{"add_prefix_space", &s->prefix_space},
                 {"add_bos_token", &s->add_bos},
                 {"add_eos_token", &s->add_eos},
                 {"do_lower_case", &s->lower},
                 {"tokenize_chinese_chars", &s->han},
                 {"strip_accents", &s->accents},
                 {"legacy", &s->legacy},
                 {"fix_mistral_regex", &s->fix_regex}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (vocab_walk_is(w, flags[i].key)) *flags[i].where = truth_of(w);
    if (vocab_walk_is(w, "tokenizer_class") && w->value.kind == GGX_JSON_STRING) s->named = vocab_walk_text(w);
    if (vocab_walk_is(w, "auto_map") && w->value.kind == GGX_JSON_OBJECT) s->auto_map = 1;
    if (vocab_walk_is(w, "added_tokens_decoder") && w->value.kind == GGX_JSON_OBJECT) return read_decoder(s, t, w);
    return read_special(s, t, w);
}

static ggx_status read_config(settings *s, tokenizer *t, vocab_walk *w)
{
    (void)t;
    if (vocab_walk_is(w, "model_type") && w->value.kind == GGX_JSON_STRING) s->model_type = vocab_walk_text(w);
    if (vocab_walk_is(w, "tokenizer_class") && w->value.kind == GGX_JSON_STRING) s->config_named = vocab_walk_text(w);
    return w->status;
}

/* added_tokens.json: a token is special when it is one of the special ones. */
static ggx_status read_added_file(settings *s, tokenizer *t, vocab_walk *w)
{
    int special = 0;
    for (uint32_t i = 0; i < SPECIAL_COUNT; i++)
        special |= s->given[i] == 2 && vocab_same(s->special[i].content, w->key);
    for (uint64_t i = 0; i < s->extra_count; i++) special |= vocab_same(s->extra[i].content, w->key);
    added_token token = plain(w->key, special);
    token.given_id = w->value.kind == GGX_JSON_INT ? w->value.integer : -1;
    if (token.given_id < 0 || token.given_id >= VOCAB_IDS)
        return ggx_fail_at(t->error, GGX_E_MALFORMED, w->file->member, w->value.offset, "token '%.*s' has id %lld",
                           GGX_STR_ARGS(w->key), (long long)token.given_id);
    return tokenizer_keep(t, &token, &s->decoder, &s->decoder_count, &s->decoder_capacity);
}

typedef ggx_status (*field_reader)(settings *s, tokenizer *t, vocab_walk *w);

static ggx_status read_fields(settings *s, tokenizer *t, const ggx_source *source, const char *name,
                              field_reader reader)
{
    vocab_file file;
    ggx_json_parser parser;
    vocab_walk w;
    ggx_status status = vocab_read(t->host, source, name, &file, t->error);
    if (status != GGX_OK || !file.text.data) return status;
    vocab_walk_file(&w, &parser, t->host, &file, t->error);
    while (status == GGX_OK && vocab_walk_next(&w)) status = reader(s, t, &w);
    return status == GGX_OK ? w.status : status;
}

ggx_status settings_read(settings *s, tokenizer *t, const ggx_source *source)
{
    *s = (settings){.prefix_space = -1,
                    .add_bos = -1,
                    .add_eos = -1,
                    .lower = -1,
                    .han = -1,
                    .accents = -2,
                    .legacy = -1,
                    .fix_regex = -1};
    ggx_status status = read_fields(s, t, source, "config.json", read_config);
    if (status == GGX_OK) status = read_fields(s, t, source, "tokenizer_config.json", read_tokenizer_config);
    if (status != GGX_OK || s->has_decoder) return status;
    status = read_fields(s, t, source, "special_tokens_map.json", read_special);
    if (status == GGX_OK) status = read_fields(s, t, source, "added_tokens.json", read_added_file);
    for (uint64_t i = 0; i < t->listed_count && status == GGX_OK; i++)
        status = tokenizer_keep(t, &t->listed[i], &s->decoder, &s->decoder_count, &s->decoder_capacity);
    return status;
}
