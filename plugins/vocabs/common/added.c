/* added.c - walking JSON objects, and the tokens that are added beside a vocabulary's own. */
#include "tokens.h"
#include <ggx_sdk/error.h>

static void next_token(vocab_walk *w, ggx_json_token *out)
{
    if (w->status == GGX_OK) w->status = ggx_json_next(w->parser, out, w->error);
    if (w->status == GGX_E_MALFORMED && w->error) w->error->member = w->file->member;
    if (w->status != GGX_OK) out->kind = GGX_JSON_END;
}

void vocab_walk_file(vocab_walk *w, ggx_json_parser *parser, const ggx_host *host, const vocab_file *file,
                     ggx_error *error)
{
    *w = (vocab_walk){.host = host, .parser = parser, .file = file, .error = error};
    ggx_json_init(parser, file->text);
    parser->lenient = 1; /* the files are of Python's json, which writes NaN and Infinity */
    next_token(w, &w->value);
    if (w->status == GGX_OK && w->value.kind != GGX_JSON_OBJECT)
        w->status = ggx_fail_at(error, GGX_E_MALFORMED, file->member, w->value.offset,
                                "the file is no JSON object; is it a tokenizer's?");
}

void vocab_walk_into(vocab_walk *w, vocab_walk *outer)
{
    *w = (vocab_walk){.host = outer->host, .parser = outer->parser, .file = outer->file, .error = outer->error};
    w->status = outer->status;
    outer->opened = 0;
}

static ggx_str unescape(vocab_walk *w, const ggx_json_token *token)
{
    char *text = w->host->alloc(w->host, token->text.size + 1);
    if (!text) {
        w->status = ggx_fail(w->error, GGX_E_NOMEM, "the vocabulary needs more memory than it may use");
        return (ggx_str){NULL, 0};
    }
    return (ggx_str){text, ggx_json_unescape(token, text)};
}

int vocab_walk_next(vocab_walk *w)
{
    if (w->status == GGX_OK && w->opened) {
        w->status = ggx_json_skip(w->parser, &w->value, w->error);
        if (w->status == GGX_E_MALFORMED && w->error) w->error->member = w->file->member;
    }
    w->opened = 0;
    w->key = (ggx_str){NULL, 0};
    next_token(w, &w->value);
    if (w->value.kind == GGX_JSON_KEY) {
        w->key = unescape(w, &w->value);
        next_token(w, &w->value);
    }
    if (w->status != GGX_OK || w->value.kind == GGX_JSON_OBJECT_END || w->value.kind == GGX_JSON_ARRAY_END) return 0;
    w->opened = w->value.kind == GGX_JSON_OBJECT || w->value.kind == GGX_JSON_ARRAY;
    return 1;
}

ggx_str vocab_walk_text(vocab_walk *w)
{
    if (w->status == GGX_OK && w->value.kind == GGX_JSON_STRING) return unescape(w, &w->value);
    if (w->status == GGX_OK)
        w->status = ggx_fail_at(w->error, GGX_E_MALFORMED, w->file->member, w->value.offset,
                                "'%.*s' is no string; is the file damaged?", GGX_STR_ARGS(w->key));
    return (ggx_str){NULL, 0};
}

int vocab_walk_is(const vocab_walk *w, const char *key)
{
    return w->key.data && w->key.size == strlen(key) && !memcmp(w->key.data, key, (size_t)w->key.size);
}

static int framed(ggx_str text, const char *begin, const char *end)
{
    size_t b = strlen(begin), e = strlen(end);
    return text.size >= b && text.size >= e && !memcmp(text.data, begin, b) &&
           !memcmp(text.data + text.size - e, end, e);
}

/* The list is that of llama.cpp's converter (MIT), whose files these are compared with. */
int vocab_looks_special(ggx_str text)
{
    static const char *const whole[] = {"<pad>", "<mask>", "<2mass>", "[@BOS@]"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (text.size == strlen(whole[i]) && !memcmp(text.data, whole[i], (size_t)text.size)) return 1;
    return framed(text, "<|", "|>") || framed(text, "<\xef\xbd\x9c", "\xef\xbd\x9c>") || framed(text, "<unused", ">");
}

ggx_str vocab_plain_spaces(const ggx_host *host, ggx_str text)
{
    char *copy = host->alloc(host, text.size + 1);
    uint64_t size = 0;
    if (!copy) return (ggx_str){NULL, 0};
    for (uint64_t i = 0; i < text.size; i++) {
        int mark = text.size - i >= 3 && !memcmp(text.data + i, "\xe2\x96\x81", 3);
        copy[size++] = mark ? ' ' : text.data[i];
        if (mark) i += 2;
    }
    return (ggx_str){copy, size};
}

/* "123" as a number; -1 for anything else. */
static int64_t id_of(ggx_str text)
{
    int64_t id = text.size && text.size < 18 ? 0 : -1;
    for (uint64_t i = 0; i < text.size && id >= 0; i++)
        id = text.data[i] >= '0' && text.data[i] <= '9' ? 10 * id + (text.data[i] - '0') : -1;
    return id;
}

/* One added token; its id is the object's own "id" when `id` is negative. */
static ggx_status add_entry(vocab_tokens *t, vocab_walk *entries, int64_t id, float score)
{
    vocab_walk fields;
    ggx_str content = {NULL, 0};
    int special = 0;
    uint64_t at = entries->value.offset;
    if (entries->value.kind != GGX_JSON_OBJECT)
        return ggx_fail_at(t->error, GGX_E_MALFORMED, entries->file->member, at, "an added token is no object");
    for (vocab_walk_into(&fields, entries); vocab_walk_next(&fields);) {
        if (vocab_walk_is(&fields, "content")) content = vocab_walk_text(&fields);
        if (vocab_walk_is(&fields, "special")) special = fields.value.kind == GGX_JSON_TRUE;
        if (vocab_walk_is(&fields, "id") && id < 0 && fields.value.kind == GGX_JSON_INT) id = fields.value.integer;
    }
    if (fields.status != GGX_OK) return fields.status;
    if (!content.data)
        return ggx_fail_at(t->error, GGX_E_MALFORMED, entries->file->member, at, "an added token has no content");
    special |= vocab_looks_special(content);
    if (!special) content = vocab_plain_spaces(t->host, content);
    if (!content.data) return ggx_fail(t->error, GGX_E_NOMEM, "the vocabulary needs more memory than it may use");
    return vocab_put(t, entries->file->member, at, id, content, score, special ? VOCAB_CONTROL : VOCAB_USER_DEFINED);
}

ggx_status vocab_add_list(vocab_tokens *t, const vocab_file *file)
{
    ggx_json_parser parser;
    vocab_walk all, entries;
    for (vocab_walk_file(&all, &parser, t->host, file, t->error); vocab_walk_next(&all);) {
        if (!vocab_walk_is(&all, "added_tokens") || all.value.kind != GGX_JSON_ARRAY) continue;
        for (vocab_walk_into(&entries, &all); vocab_walk_next(&entries);) {
            ggx_status status = add_entry(t, &entries, -1, 0);
            if (status != GGX_OK) return status;
        }
        if (entries.status != GGX_OK) return entries.status;
    }
    return all.status;
}

ggx_status vocab_add_decoder(vocab_tokens *t, const ggx_source *source, float score)
{
    vocab_file file;
    ggx_json_parser parser;
    vocab_walk all, entries;
    ggx_status status = vocab_read(t->host, source, "tokenizer_config.json", &file, t->error);
    if (status != GGX_OK || !file.text.data) return status;
    for (vocab_walk_file(&all, &parser, t->host, &file, t->error); vocab_walk_next(&all);) {
        if (!vocab_walk_is(&all, "added_tokens_decoder") || all.value.kind != GGX_JSON_OBJECT) continue;
        for (vocab_walk_into(&entries, &all); vocab_walk_next(&entries);) {
            int64_t id = id_of(entries.key);
            if (id < 0)
                return ggx_fail_at(t->error, GGX_E_MALFORMED, file.member, entries.value.offset,
                                   "'%.*s' is no id of an added token", GGX_STR_ARGS(entries.key));
            status = add_entry(t, &entries, id, score);
            if (status != GGX_OK) return status;
        }
        if (entries.status != GGX_OK) return entries.status;
    }
    return all.status;
}

ggx_status vocab_add_added(vocab_tokens *t, const ggx_source *source, float score)
{
    vocab_file file;
    ggx_json_parser parser;
    vocab_walk all;
    ggx_status status = vocab_read(t->host, source, "added_tokens.json", &file, t->error);
    if (status != GGX_OK || !file.text.data) return status;
    for (vocab_walk_file(&all, &parser, t->host, &file, t->error); vocab_walk_next(&all);) {
        int64_t id = all.value.kind == GGX_JSON_INT ? all.value.integer : -1;
        status = vocab_put(t, file.member, all.value.offset, id, all.key, score, VOCAB_USER_DEFINED);
        if (status != GGX_OK) return status;
    }
    return all.status;
}
