/* sdk/check/manifest.c - reads a plugin's manifest (docs/abi.md, section 4). */
#include "check.h"

#include <ggx_sdk/error.h>
#include <ggx_sdk/json.h>
#include <string.h>

typedef struct reading {
    ggx_json_parser parser;
    ggx_json_token token;
    ggx_error *why;
} reading;

static int next(reading *m)
{
    return ggx_json_next(&m->parser, &m->token, m->why) == GGX_OK;
}

static int refuse(reading *m, const char *key, const char *expected)
{
    ggx_fail_at(m->why, GGX_E_MALFORMED, GGX_NO_MEMBER, m->token.offset, "line %u: %s: expected %s", m->token.line, key,
                expected);
    return 0;
}

/* The token's string, into a buffer that must hold it. */
static int take_text(reading *m, const char *key, char *out, size_t capacity)
{
    if (m->token.kind != GGX_JSON_STRING || m->token.escaped || !m->token.text.size || m->token.text.size >= capacity)
        return refuse(m, key, "a short string without escapes");
    memcpy(out, m->token.text.data, (size_t)m->token.text.size);
    out[m->token.text.size] = 0;
    return 1;
}

static int take_number(reading *m, const char *key, int64_t *out)
{
    if (m->token.kind != GGX_JSON_INT || m->token.integer < -1000 || m->token.integer > UINT32_MAX)
        return refuse(m, key, "a whole number");
    *out = m->token.integer;
    return 1;
}

static int take_words(reading *m, const char *key, char (*out)[32], uint32_t *count, int32_t *there)
{
    if (m->token.kind != GGX_JSON_ARRAY || *there) return refuse(m, key, "one array of strings");
    *there = 1;
    while (next(m)) {
        if (m->token.kind == GGX_JSON_ARRAY_END) return 1;
        if (*count == MANIFEST_WORDS) return refuse(m, key, "at most 16 strings");
        if (!take_text(m, key, out[*count], sizeof out[0])) return 0;
        ++*count;
    }
    return 0;
}

/* {"weight": "u8 64x16", …} */
static int take_example(reading *m, manifest_offer *o)
{
    if (m->token.kind != GGX_JSON_OBJECT || o->example_count) return refuse(m, "example", "one object of strings");
    while (next(m)) {
        if (m->token.kind == GGX_JSON_OBJECT_END) return 1;
        if (o->example_count == MANIFEST_WORDS) return refuse(m, "example", "at most 16 strings");
        const ggx_str key = m->token.text;
        char *name = o->example[o->example_count].name;
        if (key.size >= sizeof o->example[0].name) return refuse(m, "example", "short names");
        memcpy(name, key.data, (size_t)key.size);
        name[key.size] = 0;
        if (!next(m) || !take_text(m, "example", o->example[o->example_count].value, sizeof o->example[0].value))
            return 0;
        o->example_count++;
    }
    return 0;
}

static int key_is(ggx_str key, const char *name)
{
    return key.size == strlen(name) && !memcmp(key.data, name, (size_t)key.size);
}

static int read_offer_value(reading *m, ggx_str key, manifest_offer *o)
{
    struct {
        const char *name;
        char *out;
        size_t capacity;
    } texts[] = {{"interface", o->interface_id, sizeof o->interface_id},
                 {"name", o->name, sizeof o->name},
                 {"type", o->type, sizeof o->type}};
    struct {
        const char *name;
        int64_t *out;
    } numbers[] = {{"head_want", &o->head_want},
                   {"tail_want", &o->tail_want},
                   {"block_elems", &o->block_elems},
                   {"block_bytes", &o->block_bytes},
                   {"rank", &o->rank}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (key_is(key, texts[i].name)) return take_text(m, texts[i].name, texts[i].out, texts[i].capacity);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (key_is(key, numbers[i].name)) return take_number(m, numbers[i].name, numbers[i].out);
    if (key_is(key, "extensions"))
        return take_words(m, "extensions", o->extensions, &o->extension_count, &o->has_extensions);
    if (key_is(key, "example")) return take_example(m, o);
    if (key_is(key, "cpu")) return take_words(m, "cpu", o->cpu, &o->cpu_count, &o->has_cpu);
    return ggx_json_skip(&m->parser, &m->token, m->why) == GGX_OK;
}

static int read_offer(reading *m, manifest_offer *o)
{
    memset(o, 0, sizeof *o);
    o->head_want = o->tail_want = o->block_elems = o->block_bytes = o->rank = -1;
    if (m->token.kind != GGX_JSON_OBJECT) return refuse(m, "provides", "objects");
    while (next(m)) {
        if (m->token.kind == GGX_JSON_OBJECT_END)
            return o->interface_id[0] || refuse(m, "interface", "a string in each entry");
        ggx_str key = m->token.text;
        if (!next(m) || !read_offer_value(m, key, o)) return 0;
    }
    return 0;
}

static int read_provides(reading *m, manifest *out)
{
    if (m->token.kind != GGX_JSON_ARRAY || out->offer_count) return refuse(m, "provides", "one array");
    while (next(m)) {
        if (m->token.kind == GGX_JSON_ARRAY_END) return 1;
        if (out->offer_count == MANIFEST_OFFERS) return refuse(m, "provides", "at most 256 entries");
        if (!read_offer(m, &out->offers[out->offer_count++])) return 0;
    }
    return 0;
}

static int read_value(reading *m, ggx_str key, manifest *out)
{
    if (key_is(key, "id")) return take_text(m, "id", out->id, sizeof out->id);
    if (key_is(key, "version")) return take_text(m, "version", out->version, sizeof out->version);
    if (key_is(key, "license")) return take_text(m, "license", out->license, sizeof out->license);
    if (key_is(key, "provides")) return read_provides(m, out);
    return ggx_json_skip(&m->parser, &m->token, m->why) == GGX_OK;
}

int manifest_parse(ggx_str text, manifest *out, ggx_error *why)
{
    reading m;
    memset(&m, 0, sizeof m);
    memset(out, 0, sizeof *out);
    m.why = why;
    if (text.size > 65536) return refuse(&m, "size", "at most 65536 bytes");
    ggx_json_init(&m.parser, text);
    if (!next(&m)) return 0;
    if (m.token.kind != GGX_JSON_OBJECT) return refuse(&m, "manifest", "an object");
    while (next(&m)) {
        if (m.token.kind == GGX_JSON_OBJECT_END) break;
        ggx_str key = m.token.text;
        if (!next(&m) || !read_value(&m, key, out)) return 0;
    }
    if (m.token.kind != GGX_JSON_OBJECT_END || !next(&m)) return 0; /* what follows the object must be its end */
    if (!out->id[0]) return refuse(&m, "id", "a string");
    if (!out->version[0]) return refuse(&m, "version", "a string");
    if (!out->license[0]) return refuse(&m, "license", "a string");
    if (!out->offer_count) return refuse(&m, "provides", "at least one entry");
    return 1;
}
