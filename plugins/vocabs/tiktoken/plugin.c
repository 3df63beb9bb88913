/* plugins/vocabs/tiktoken - byte-level BPE as tiktoken keeps it: a token a line, its bytes in base64 and its rank. Such a file has no
 * merges: a token's is the pair that is left when the token's bytes are merged by the ranks below its own.
 *
 * Tokens and merges are handed over as llama.cpp's converter makes them for Qwen (conversion/qwen.py; MIT); docs/formats/tiktoken.md. */
#include "../common/automatic.h"
#include <ggx_sdk/error.h>
#include <ggx_sdk/options.h>

#define TOKEN_MOST 256u       /* bytes of a token: finding its merge takes their square */
#define FILE_MOST (16u << 20) /* bytes of a file */
#define NO_RANK UINT32_MAX

/* A line. */
typedef struct entry {
    ggx_str text; /* the token in the byte-level alphabet */
    uint64_t offset;
    uint32_t rank, size; /* size: bytes of the token */
} entry;

typedef struct ranks {
    automatic *a;
    tokenizer *t; /* a's; its vocabulary is the tokens' text to rank */
    vocab_file file;
    entry *entries;    /* as the file has them */
    uint8_t *is_taken; /* by rank */
    uint64_t count, read;
} ranks;

/* --- the file --------------------------------------------------------------------------------------------------------------- */

static ggx_status look_for(const ggx_host *host, const ggx_source *source, vocab_file *out, ggx_error *error)
{
    static const char suffix[] = ".tiktoken";
    const char *name = "qwen.tiktoken";
    ggx_member member = {.struct_size = sizeof member}, found = {.struct_size = 0};
    ggx_status status = vocab_read(host, source, name, out, error);
    if (status != GGX_OK || out->text.data) return status;
    for (uint32_t i = 0; i < source->count(source) && status == GGX_OK; i++) {
        status = source->member(source, i, &member, error);
        const ggx_str n = member.name;
        if (status != GGX_OK || n.size < sizeof suffix || memchr(n.data, '/', (size_t)n.size) ||
            memcmp(n.data + n.size - (sizeof suffix - 1), suffix, sizeof suffix - 1) != 0)
            continue;
        if (found.struct_size)
            return ggx_fail(error, GGX_E_UNSUPPORTED,
                            "both '%.*s' and '%.*s' are beside the model; leave the one that is its own",
                            GGX_STR_ARGS(found.name), GGX_STR_ARGS(n));
        found = member;
    }
    if (status != GGX_OK || !found.struct_size) return status;
    char *wanted = host->alloc(host, found.name.size + 1);
    if (!wanted) return ggx_fail(error, GGX_E_NOMEM, "no memory for a vocabulary");
    memcpy(wanted, found.name.data, (size_t)found.name.size);
    wanted[found.name.size] = 0;
    return vocab_read(host, source, wanted, out, error);
}

static uint32_t sextet_of(char c)
{
    if (c >= 'A' && c <= 'Z') return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z') return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9') return (uint32_t)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* The bytes of base64, whose size is that of whole groups. 0: it is none, or more than TOKEN_MOST bytes. */
static uint32_t read_base64(ggx_str text, uint8_t out[TOKEN_MOST])
{
    uint32_t count = 0, padding = 0;
    if (!text.size || text.size % 4 || text.size > (TOKEN_MOST + 2) / 3 * 4) return 0;
    if (text.data[text.size - 1] == '=') padding = text.data[text.size - 2] == '=' ? 2 : 1;
    for (uint64_t at = 0; at < text.size; at += 4) {
        const uint32_t most = at + 4 == text.size ? 3 - padding : 3;
        uint32_t group = 0;
        for (uint32_t k = 0; k < 4; k++) {
            uint32_t six = k <= most ? sextet_of(text.data[at + k]) : 0;
            if (six > 63) return 0;
            group = group << 6 | six;
        }
        if (most < 3 && group & ((1u << (24 - 8 * most)) - 1)) return 0; /* bits that no byte has */
        for (uint32_t k = 0; k < most; k++) {
            if (count == TOKEN_MOST) return 0;
            out[count++] = (uint8_t)(group >> (16 - 8 * k));
        }
    }
    return count;
}

static int read_rank(ggx_str text, uint32_t *out)
{
    uint32_t number = 0;
    for (uint64_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || number > VOCAB_IDS) return 0;
        number = number * 10 + (uint32_t)(text.data[i] - '0');
    }
    *out = number;
    return text.size > 0;
}

static ggx_status read_line(ranks *r, ggx_str line)
{
    uint8_t bytes[TOKEN_MOST];
    entry *e = &r->entries[r->read];
    const char *blank = memchr(line.data, ' ', (size_t)line.size);
    const uint64_t width = blank ? (uint64_t)(blank - line.data) : line.size;
    const uint32_t member = r->file.member;
    *e = (entry){.offset = (uint64_t)(line.data - r->file.text.data)};
    e->size = read_base64((ggx_str){line.data, width}, bytes);
    if (!blank || !e->size || !read_rank((ggx_str){blank + 1, line.size - width - 1}, &e->rank))
        return ggx_fail_at(
            r->t->error, GGX_E_MALFORMED, member, e->offset,
            "the line is not a token of 1 to %u bytes in base64, a blank and its rank; is the file damaged?",
            TOKEN_MOST);
    if (e->rank >= r->count)
        return ggx_fail_at(r->t->error, GGX_E_MALFORMED, member, e->offset,
                           "rank %u in a file of %llu tokens, so that a lower one is missing; is the file damaged?",
                           e->rank, (unsigned long long)r->count);
    if (r->is_taken[e->rank])
        return ggx_fail_at(r->t->error, GGX_E_MALFORMED, member, e->offset,
                           "rank %u is there twice; is the file damaged?", e->rank);
    r->is_taken[e->rank] = 1;
    vocab_buffer text = {.host = r->t->host};
    for (uint32_t i = 0; i < e->size; i++) vocab_buffer_code(&text, tokenizer_byte_code(bytes[i]));
    if (text.failed) return tokenizer_no_memory(r->t);
    e->text = vocab_buffer_str(&text);
    if (vocab_map_find(&r->t->vocab, e->text))
        return ggx_fail_at(r->t->error, GGX_E_MALFORMED, member, e->offset,
                           "the token of rank %u is there twice; is the file damaged?", e->rank);
    r->read++;
    return tokenizer_put(r->t, member, e->offset, e->text, e->rank);
}

/* Calls read_line for each line that is not empty; without entries counts them. */
static ggx_status each_line(ranks *r)
{
    const char *at = r->file.text.data, *end = at + r->file.text.size;
    ggx_status status = GGX_OK;
    while (at < end && status == GGX_OK) {
        const char *line = at, *stop = memchr(at, '\n', (size_t)(end - at));
        at = stop ? stop + 1 : end;
        stop = stop ? stop : end;
        if (stop > line && stop[-1] == '\r') stop--;
        if (stop == line) continue;
        if (!r->entries)
            r->count++;
        else
            status = read_line(r, (ggx_str){line, (uint64_t)(stop - line)});
    }
    return status;
}

static ggx_status read_lines(ranks *r)
{
    const ggx_host *host = r->t->host;
    if (r->file.text.size > FILE_MOST)
        return ggx_fail_at(r->t->error, GGX_E_UNSUPPORTED, r->file.member, GGX_NO_OFFSET,
                           "%llu bytes are more than a file of tokens may have, %u",
                           (unsigned long long)r->file.text.size, FILE_MOST);
    each_line(r);
    if (!r->count || r->count >= VOCAB_IDS)
        return ggx_fail_at(r->t->error, GGX_E_MALFORMED, r->file.member, 0, "%llu tokens; a vocabulary has 1 to %u",
                           (unsigned long long)r->count, VOCAB_IDS - 1);
    r->entries = host->alloc(host, r->count * sizeof *r->entries);
    r->is_taken = host->alloc(host, r->count);
    if (!r->entries || !r->is_taken) return tokenizer_no_memory(r->t);
    memset(r->is_taken, 0, (size_t)r->count);
    return each_line(r);
}

/* --- merges --------------------------------------------------------------------------------------------------------------------- */

/* The parts of a token: part k is from begins[k] to begins[k + 1]; pairs[k] is the rank of parts k and k + 1 as one. */
typedef struct parts {
    ggx_str text;
    uint32_t count, begins[TOKEN_MOST + 1], pairs[TOKEN_MOST];
} parts;

static void rank_pair(const ranks *r, parts *p, uint32_t k)
{
    const uint32_t from = p->begins[k];
    const vocab_slot *s = vocab_map_find(&r->t->vocab, (ggx_str){p->text.data + from, p->begins[k + 2] - from});
    p->pairs[k] = s ? s->value : NO_RANK;
}

/* Merges the pair of the lowest rank, the leftmost of equals. 0: there is none below the rank. */
static int merge_one(const ranks *r, parts *p, uint32_t below)
{
    uint32_t best = 0;
    for (uint32_t k = 1; k + 1 < p->count; k++)
        if (p->pairs[k] < p->pairs[best]) best = k;
    if (p->count < 2 || p->pairs[best] >= below) return 0;
    p->count--;
    memmove(p->begins + best + 1, p->begins + best + 2, (p->count - best) * sizeof *p->begins);
    if (best + 1 < p->count) memmove(p->pairs + best, p->pairs + best + 1, (p->count - best - 1) * sizeof *p->pairs);
    if (best + 1 < p->count) rank_pair(r, p, best);
    if (best) rank_pair(r, p, best - 1);
    return 1;
}

static ggx_status find_merge(ranks *r, const entry *e)
{
    parts p = {.text = e->text, .count = e->size};
    uint64_t at = 0;
    for (uint32_t k = 0; k < e->size; k++) {
        p.begins[k] = (uint32_t)at;
        vocab_code(e->text, &at);
    }
    p.begins[e->size] = (uint32_t)at;
    for (uint32_t k = 0; k + 1 < e->size; k++) rank_pair(r, &p, k);
    while (merge_one(r, &p, e->rank)) continue;
    if (p.count != 2)
        return ggx_fail_at(r->t->error, GGX_E_MALFORMED, r->file.member, e->offset,
                           "the token of rank %u is not two tokens of lower ranks, merged; is the file damaged?",
                           e->rank);
    vocab_buffer merge = {.host = r->t->host};
    vocab_buffer_add(&merge, e->text.data, p.begins[1]);
    vocab_buffer_add(&merge, " ", 1);
    vocab_buffer_add(&merge, e->text.data + p.begins[1], e->text.size - p.begins[1]);
    if (merge.failed) return tokenizer_no_memory(r->t);
    return tokenizer_add_merge(r->t, r->file.member, e->offset, vocab_buffer_str(&merge));
}

/* --- handing over ------------------------------------------------------------------------------------------------------------------ */

/* How Qwen's tokenizer splits text before merges: tokenization_qwen.py of its models (the expression is that of Qwen2's tokenizer.json, too),
 * after the normal form C. */
static ggx_status split_as_qwen(tokenizer *t)
{
    static const char words[] =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
        "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    part *p = t->host->alloc(t->host, 4 * sizeof *p);
    if (!p) return tokenizer_no_memory(t);
    memset(p, 0, 4 * sizeof *p);
    p[0].type = (ggx_str){"NFC", 3};
    p[1].type = (ggx_str){"Sequence", 8};
    p[1].children = &p[2];
    p[2].type = (ggx_str){"Split", 5};
    p[2].pattern = (ggx_str){words, sizeof words - 1};
    p[2].is_regex = 1;
    p[2].behavior = SPLIT_ISOLATED;
    p[2].next = &p[3];
    p[3].type = (ggx_str){"ByteLevel", 9};
    for (int k = 0; k < 4; k++) p[k].ids.host = t->host;
    t->normalizer = &p[0];
    t->splitter = &p[1];
    return GGX_OK;
}

static ggx_status push_all(ranks *r, const ggx_str *pre, const ggx_sink *sink, ggx_error *error)
{
    vocab_tokens tokens = {.host = r->t->host, .error = error};
    ggx_status status = GGX_OK;
    for (uint64_t i = 0; i < r->count && status == GGX_OK; i++) {
        const entry *e = &r->entries[i];
        status = vocab_put(&tokens, r->file.member, e->offset, e->rank, e->text, 0, VOCAB_NORMAL);
        if (status == GGX_OK && e->size > 1) status = find_merge(r, e);
    }
    if (status == GGX_OK) status = vocab_push_text(sink, "model", "gpt2", error);
    if (status == GGX_OK) status = vocab_push(&tokens, sink, 0);
    if (status == GGX_OK)
        status = vocab_push_array(sink, "merges", GGX_KV_STRING, r->t->merge, r->t->merge_count, error);
    if (status == GGX_OK) status = split_as_qwen(r->t);
    return status == GGX_OK ? automatic_push_pre(r->a, pre, sink) : status;
}

static ggx_status read_vocab(const ggx_host *host, const ggx_source *source, const ggx_options *options,
                             const ggx_sink *sink, ggx_error *error)
{
    const ggx_option_value *pre = ggx_option_find(options, "tiktoken.pre");
    ranks r = {.a = host->alloc(host, sizeof *r.a)};
    if (!r.a) return ggx_fail(error, GGX_E_NOMEM, "no memory for a vocabulary");
    *r.a = (automatic){.source = source};
    r.t = &r.a->t;
    tokenizer_init(r.t, host, error);
    r.t->model = MODEL_BPE;
    ggx_status status = look_for(host, source, &r.file, error);
    if (status == GGX_OK && !r.file.text.data)
        return ggx_fail(error, GGX_E_NOTFOUND, "there is no qwen.tiktoken or other *.tiktoken beside the model");
    if (status == GGX_OK) status = read_lines(&r);
    return status == GGX_OK ? push_all(&r, pre ? &pre->text : NULL, sink, error) : status;
}

static const ggx_option options[] = {
    {sizeof(ggx_option), GGX_OPTION_STRING, "tiktoken.pre", "name of the pre-tokenizer, where it is not known"},
};
static const ggx_vocab vocab = {.struct_size = sizeof vocab, .options = options, .option_count = 1, .read = read_vocab};
static const ggx_provide provides[] = {{GGX_VOCAB_ID, &vocab}};
GGX_PLUGIN("vocab-tiktoken", "0.1.0", "MIT", provides);
