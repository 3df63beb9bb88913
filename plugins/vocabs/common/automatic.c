/* automatic.c - which class transformers takes for a folder, and what it builds. */
#include "automatic.h"
#include <classes_json.h>
#include <ggx_sdk/error.h>
#include <ggx_sdk/options.h>

/* --- the table -------------------------------------------------------------------------------------------------------------------- */

/* The walk stands at the value of table[section][key] when it is there. */
static int look_up(automatic *a, const char *section, ggx_str key, ggx_json_parser *parser, vocab_walk outer[1],
                   vocab_walk *w)
{
    static const vocab_file table = {{(const char *)classes_json, sizeof classes_json}, GGX_NO_MEMBER};
    vocab_walk_file(outer, parser, a->t.host, &table, a->t.error);
    while (vocab_walk_next(outer)) {
        if (!vocab_walk_is(outer, section)) continue;
        for (vocab_walk_into(w, outer); vocab_walk_next(w);) {
            if (w->value.kind == GGX_JSON_STRING && !w->key.data && vocab_same(vocab_walk_text(w), key)) return 1;
            if (w->key.data && vocab_same(w->key, key)) return 1;
        }
        return 0;
    }
    return 0;
}

static ggx_str without_fast(ggx_str name)
{
    if (name.size > 4 && !memcmp(name.data + name.size - 4, "Fast", 4)) name.size -= 4;
    return name;
}

/* The class registered for a type of model. data NULL: none. */
static ggx_str registered(automatic *a, ggx_str model_type)
{
    ggx_json_parser parser;
    vocab_walk outer, w;
    if (!model_type.data || !look_up(a, "models", model_type, &parser, &outer, &w)) return (ggx_str){NULL, 0};
    return vocab_walk_text(&w);
}

static int distrusted(automatic *a, ggx_str model_type)
{
    ggx_json_parser parser;
    vocab_walk outer, w;
    return model_type.data && look_up(a, "distrusted", model_type, &parser, &outer, &w);
}

/* Classes that are none of their own: they take the file as it is. */
static int takes_file(ggx_str name)
{
    static const char *const names[] = {"TokenizersBackend", "PythonBackend", "PreTrainedTokenizer",
                                        "MistralCommonBackend"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (vocab_is(name, names[i])) return 1;
    return 0;
}

static int has_byte_level(const part *p)
{
    for (const part *c = p; c; c = c->next)
        if (vocab_is(c->type, "ByteLevel") || has_byte_level(c->children)) return 1;
    return 0;
}

/* AutoTokenizer.from_pretrained, its order of trust. data NULL: the file as it is. */
static ggx_str choose(automatic *a)
{
    const ggx_str none = {NULL, 0};
    const settings *s = &a->s;
    ggx_str hub = s->named.data ? s->named : s->config_named, own = without_fast(registered(a, s->model_type));
    int doubted = distrusted(a, s->model_type);
    if (!s->auto_map && vocab_is(without_fast(hub), "LlamaTokenizer") && !vocab_is(own, "MistralCommonBackend") &&
        !doubted && (has_byte_level(a->t.splitter) || has_byte_level(a->t.decoder)))
        return none;
    if (!s->auto_map && hub.data && own.data && !vocab_same(own, without_fast(hub))) {
        ggx_str name = doubted ? own : without_fast(hub);
        return takes_file(own) || takes_file(name) ? none : name;
    }
    if (s->named.data) return takes_file(without_fast(s->named)) ? none : without_fast(s->named);
    if (s->config_named.data) return takes_file(without_fast(s->config_named)) ? none : without_fast(s->config_named);
    return own.data && !takes_file(own) ? own : none;
}

/* --- what a class builds ---------------------------------------------------------------------------------------------------------- */

/* Gives the steps what the settings say, where the class's constructor hands it on. */
static void configure(automatic *a, part *p, int prefix_space)
{
    const settings *s = &a->s;
    for (; p; p = p->next) {
        configure(a, p->children, prefix_space);
        if (vocab_is(p->type, "ByteLevel") && prefix_space >= 0) p->add_prefix_space = prefix_space;
        if (vocab_is(p->type, "Metaspace") && prefix_space >= 0)
            p->scheme = !prefix_space    ? (ggx_str){"never", 5}
                        : s->legacy == 1 ? (ggx_str){"always", 6}
                                         : (ggx_str){"first", 5};
        if (!vocab_is(p->type, "BertNormalizer")) continue;
        if (s->lower >= 0) p->lowercase = s->lower;
        if (s->han >= 0) p->han = s->han;
        if (s->accents >= -1) p->strip_accents = s->accents;
    }
}

/* A text that a class puts around, or has for a special token, as the settings name it. */
static ggx_status read_class_specials(automatic *a, vocab_walk *outer)
{
    static const char *const names[SPECIAL_COUNT] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                     "pad_token", "cls_token", "mask_token"};
    vocab_walk w;
    for (vocab_walk_into(&w, outer); vocab_walk_next(&w);)
        for (uint32_t i = 0; i < SPECIAL_COUNT; i++)
            if (vocab_walk_is(&w, names[i]) && !a->s.given[i]) {
                a->s.special[i] = (added_token){.content = vocab_walk_text(&w), .special = 1, .given_id = -1};
                a->s.given[i] = 2;
            }
    return w.status;
}

/* "around": [[texts in front], [texts behind]]. The first of each is cls and sep where the class has them, else bos and eos. */
static ggx_status read_around(automatic *a, vocab_walk *outer)
{
    vocab_walk both, texts;
    uint32_t side = 0;
    part *p = a->t.host->alloc(a->t.host, sizeof *p);
    if (!p) return tokenizer_no_memory(&a->t);
    p->type = (ggx_str){"TemplateProcessing", 18};
    p->has_sequence = 1;
    p->ids.host = a->t.host;
    a->t.post = p;
    for (vocab_walk_into(&both, outer); vocab_walk_next(&both); side++)
        for (vocab_walk_into(&texts, &both); vocab_walk_next(&texts);) {
            uint32_t special = side ? SPECIAL_SEP : SPECIAL_CLS;
            ggx_str text = vocab_walk_text(&texts);
            if (a->s.given[special] != 2) special = side;
            if (a->s.given[special] == 2) text = a->s.special[special].content;
            uint32_t *count = side ? &p->after_count : &p->before_count;
            ggx_str **list = side ? &p->after : &p->before,
                    *longer = a->t.host->alloc(a->t.host, (*count + 1ull) * sizeof *longer);
            if (!longer) return tokenizer_no_memory(&a->t);
            if (*count) memcpy(longer, *list, *count * sizeof *longer);
            longer[(*count)++] = text;
            *list = longer;
        }
    return both.status;
}

static ggx_status read_class_field(automatic *a, vocab_walk *w, int *prefix_space)
{
    tokenizer *t = &a->t;
    uint32_t kind = w->value.kind;
    if (vocab_walk_is(w, "unknown"))
        return ggx_fail(t->error, GGX_E_UNSUPPORTED, "how transformers' %.*s splits text is not known here",
                        GGX_STR_ARGS(a->class));
    if (vocab_walk_is(w, "normalizer")) return tokenizer_read_part(t, w, &t->normalizer);
    if (vocab_walk_is(w, "pre_tokenizer")) return tokenizer_read_part(t, w, &t->splitter);
    if (vocab_walk_is(w, "decoder")) return tokenizer_read_part(t, w, &t->decoder);
    if (vocab_walk_is(w, "special_again")) a->special_again = 1;
    if (vocab_walk_is(w, "special")) return read_class_specials(a, w);
    if (vocab_walk_is(w, "around")) return read_around(a, w);
    if (vocab_walk_is(w, "prefix_space"))
        *prefix_space = a->s.prefix_space >= 0 ? a->s.prefix_space : kind == GGX_JSON_TRUE;
    if (vocab_walk_is(w, "model")) {
        t->unk = t->prefix = t->suffix = (ggx_str){NULL, 0};
        return tokenizer_read_model(t, w);
    }
    return w->status;
}

static ggx_status build(automatic *a)
{
    ggx_json_parser parser;
    vocab_walk outer, w, fields;
    int prefix_space = -1;
    uint32_t model = a->t.model;
    ggx_status status = GGX_OK;
    if (!a->class.data || !look_up(a, "classes", a->class, &parser, &outer, &w)) {
        a->class = (ggx_str){
            NULL, 0}; /* a name that transformers does not have, or a class without a constructor of its own */
        return GGX_OK;
    }
    int had_unk = 0;
    for (vocab_walk_into(&fields, &w); status == GGX_OK && vocab_walk_next(&fields);)
        status = read_class_field(a, &fields, &prefix_space);
    if (status == GGX_OK) status = fields.status;
    had_unk = a->t.unk.data != NULL;
    if (had_unk && a->s.given[SPECIAL_UNK] == 2) a->t.unk = a->s.special[SPECIAL_UNK].content;
    if (model && model != a->t.model && status == GGX_OK)
        status = ggx_fail(a->t.error, GGX_E_UNSUPPORTED,
                          "tokenizer.json is of another algorithm than transformers' %.*s", GGX_STR_ARGS(a->class));
    configure(a, a->t.normalizer, prefix_space);
    configure(a, a->t.splitter, prefix_space);
    return status;
}

/* --- added tokens --------------------------------------------------------------------------------------------------------------- */

static int is_named(const settings *s, ggx_str text)
{
    for (uint32_t i = 0; i < SPECIAL_COUNT; i++)
        if (s->given[i] == 2 && vocab_same(s->special[i].content, text)) return 1;
    return 0;
}

/* In the order of their ids; of one id the last. */
static ggx_status add_decoder(tokenizer *t, const settings *s)
{
    uint64_t ids = 0;
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; i < s->decoder_count; i++)
        if ((uint64_t)s->decoder[i].given_id >= ids && s->decoder[i].given_id >= 0)
            ids = (uint64_t)s->decoder[i].given_id + 1;
    uint32_t *place = t->host->alloc(t->host, ids * sizeof *place);
    if (!place) return tokenizer_no_memory(t);
    for (uint64_t i = 0; i < s->decoder_count; i++)
        if (s->decoder[i].given_id >= 0) place[s->decoder[i].given_id] = (uint32_t)i + 1;
    for (uint64_t id = 0; id < ids && status == GGX_OK; id++) {
        if (!place[id]) continue;
        added_token token = s->decoder[place[id] - 1];
        if (is_named(s, token.content)) token.special = 1;
        status = tokenizer_add(t, &token);
    }
    return status;
}

/* The file's, when a class takes it as it is; those of the decoder; then special ones that are not there yet. */
static ggx_status add_all(automatic *a)
{
    tokenizer *t = &a->t;
    settings *s = &a->s;
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; !a->class.data && i < t->listed_count && status == GGX_OK; i++)
        status = tokenizer_add(t, &t->listed[i]);
    if (status == GGX_OK) status = add_decoder(t, s);
    for (uint32_t i = 0; i < SPECIAL_COUNT && status == GGX_OK; i++)
        if (s->given[i] == 2 && !vocab_map_find(&t->added_ids, s->special[i].content)) {
            s->special[i].special = 1;
            status = tokenizer_add(t, &s->special[i]);
        }
    for (uint64_t i = 0; i < s->extra_count && status == GGX_OK; i++)
        if (!vocab_map_find(&t->added_ids, s->extra[i].content)) status = tokenizer_add(t, &s->extra[i]);
    for (uint64_t i = 0; a->special_again && i < SPECIAL_COUNT + s->extra_count && status == GGX_OK; i++) {
        const added_token *token = i < SPECIAL_COUNT ? &s->special[i] : &s->extra[i - SPECIAL_COUNT];
        const added_token again = {.content = token->content, .special = 1, .given_id = -1};
        if (i >= SPECIAL_COUNT || s->given[i] == 2) status = tokenizer_add(t, &again);
    }
    return status;
}

/* Ids of the texts that a class puts around. */
static ggx_status resolve_around(tokenizer *t, part *p)
{
    for (uint32_t i = 0; p && i < p->before_count + p->after_count; i++) {
        ggx_str text = i < p->before_count ? p->before[i] : p->after[i - p->before_count];
        const vocab_slot *added = vocab_map_find(&t->added_ids, text), *own = vocab_map_find(&t->vocab, text);
        if (!vocab_map_find(&p->ids, text) && (added || own) &&
            !vocab_map_put(&p->ids, text, added ? t->added[added->value].id : own->value))
            return tokenizer_no_memory(t);
    }
    return GGX_OK;
}

/* Without a post-processor, the beginning and the end are added where the settings ask for them and there is no tokenizer.json. */
static ggx_status post_by_settings(automatic *a)
{
    part *p = a->t.host->alloc(a->t.host, sizeof *p);
    ggx_str *texts = a->t.host->alloc(a->t.host, 2 * sizeof *texts);
    if (!p || !texts) return tokenizer_no_memory(&a->t);
    p->type = (ggx_str){"TemplateProcessing", 18};
    p->has_sequence = 1;
    p->ids.host = a->t.host;
    texts[0] = a->s.special[0].content;
    texts[1] = a->s.special[1].content;
    p->before = texts;
    p->after = texts + 1;
    p->before_count = !a->has_json && a->s.add_bos == 1 && a->s.given[0] == 2;
    p->after_count = !a->has_json && a->s.add_eos == 1 && a->s.given[1] == 2;
    a->t.post = p;
    return GGX_OK;
}

ggx_status automatic_build(automatic *a)
{
    ggx_error *error = a->t.error;
    a->class = choose(a);
    ggx_status status = build(a);
    if (status == GGX_E_UNSUPPORTED) {
        if (error) a->trouble = *error;
        a->trouble.status = status;
        status = GGX_OK;
    }
    int explicit_ends = !a->has_json && (a->s.add_bos >= 0 || a->s.add_eos >= 0);
    if (status == GGX_OK && (!a->t.post || (explicit_ends && !(a->class.data && a->t.post))))
        status = post_by_settings(a);
    if (status == GGX_OK) status = add_all(a);
    return status == GGX_OK ? resolve_around(&a->t, a->t.post) : status;
}

ggx_status automatic_open(automatic *a, const ggx_host *host, const ggx_source *source, ggx_error *error)
{
    vocab_file json;
    *a = (automatic){.source = source};
    tokenizer_init(&a->t, host, error);
    ggx_status status = vocab_read(host, source, "tokenizer.json", &json, error);
    a->has_json = status == GGX_OK && json.text.data;
    if (a->has_json) status = tokenizer_read(&a->t, &json);
    a->is_llama = a->has_json && automatic_is_llama(&a->t);
    return status == GGX_OK ? settings_read(&a->s, &a->t, source) : status;
}

ggx_status automatic_run(const automatic_kind *kind, const ggx_host *host, const ggx_source *source,
                         const ggx_options *options, const ggx_sink *sink, ggx_error *error)
{
    int found = 1;
    const ggx_option_value *pre = ggx_option_find(options, kind->option);
    automatic *a = host->alloc(host, sizeof *a);
    if (!a) return ggx_fail(error, GGX_E_NOMEM, "no memory for a vocabulary");
    ggx_status status = automatic_open(a, host, source, error);
    if (status == GGX_OK && !a->has_json) status = kind->read_file(a, &found);
    if (status != GGX_OK) return status;
    if (!found || !kind->fits(&a->t))
        return ggx_fail(error, GGX_E_NOTFOUND, "there is neither a tokenizer.json of %s nor a %s beside the model",
                        kind->model, kind->file);
    if (!a->t.vocab_count && !a->t.listed_count)
        return ggx_fail(error, GGX_E_MALFORMED, "%s has no tokens; is it damaged?",
                        a->has_json ? "tokenizer.json" : kind->file);
    status = automatic_build(a);
    if (status == GGX_OK) status = kind->push(a, sink, error);
    return status == GGX_OK ? automatic_push_pre(a, pre ? &pre->text : NULL, sink) : status;
}
