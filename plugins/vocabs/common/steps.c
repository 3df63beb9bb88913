/* steps.c - normalizers and decoders, and classes of characters. */
#include "tokenizer.h"
#include <ggx_sdk/error.h>

/* --- classes ------------------------------------------------------------------------------------------------------------------ */

/* Rust's \w: Alphabetic, marks, decimal digits, connectors, joiners. */
#define WORD                                                                                      \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{200c}\\x{200d}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}" \
    "\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}"

ggx_status tokenizer_class(tokenizer *t, uint32_t use, vocab_regex **out)
{
    static const char *const sets[] = {
        [CLASS_MARK] = "\\p{M}",
        [CLASS_NONSPACING] = "\\p{Mn}",
        [CLASS_PUNCTUATION] = "[\\p{P}!-/:-@\\x5b-`{-~]",
        [CLASS_OTHER] = "[\\p{Cc}\\p{Cf}\\p{Co}]",
        [CLASS_NUMBER] = "\\p{N}",
        [CLASS_WORD] = "[" WORD "]",
        [CLASS_GPT2] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
        [CLASS_WHITESPACE] = "[" WORD "]+|[^" WORD "\\s]+",
    };
    *out = t->classes[use];
    if (*out) return GGX_OK;
    ggx_status status = vocab_regex_open(t->host, (ggx_str){sets[use], strlen(sets[use])}, out, t->error);
    t->classes[use] = *out;
    return status;
}

int tokenizer_in_class(tokenizer *t, uint32_t use, uint32_t code, ggx_status *status)
{
    vocab_regex *set;
    char bytes[8];
    vocab_buffer one = {.host = t->host, .data = bytes, .capacity = sizeof bytes};
    uint64_t ends[2];
    if (code < 0x80 && (use == CLASS_MARK || use == CLASS_NONSPACING)) return 0;
    if (*status == GGX_OK) *status = tokenizer_class(t, use, &set);
    if (*status != GGX_OK) return 0;
    vocab_buffer_code(&one, code);
    return vocab_regex_find(set, vocab_buffer_str(&one), 0, ends, status, t->error);
}

uint32_t tokenizer_byte_code(uint8_t b)
{
    if (b <= 0x20) return 0x100u + b;
    if (b < 0x7f || (b >= 0xa1 && b != 0xad)) return b;
    return b == 0xad ? 0x143 : 0x121u + b - 0x7f; /* 0x7f to 0xa0: 0x121 to 0x142 */
}

int tokenizer_code_byte(uint32_t code)
{
    for (uint32_t b = 0; b < 256; b++)
        if (tokenizer_byte_code((uint8_t)b) == code) return (int)b;
    return -1;
}

/* --- normalizers ---------------------------------------------------------------------------------------------------------------- */

static ggx_status need_unicode(tokenizer *t)
{
    if (!t->unicode) t->unicode = vocab_unicode_open(t->host);
    return t->unicode ? GGX_OK : tokenizer_no_memory(t);
}

/* Copies what is not of the class. */
static ggx_status strip_class(tokenizer *t, uint32_t use, ggx_str text, vocab_buffer *out)
{
    ggx_status status = GGX_OK;
    for (uint64_t at = 0; at < text.size && status == GGX_OK;) {
        uint32_t code = vocab_code(text, &at);
        if (!tokenizer_in_class(t, use, code, &status)) vocab_buffer_code(out, code);
    }
    return status;
}

static ggx_status clean(tokenizer *t, ggx_str text, vocab_buffer *out)
{
    ggx_status status = GGX_OK;
    for (uint64_t at = 0; at < text.size && status == GGX_OK;) {
        uint32_t code = vocab_code(text, &at);
        if (code == '\t' || code == '\n' || code == '\r')
            vocab_buffer_add(out, " ", 1);
        else if (code && code != 0xfffd && !tokenizer_in_class(t, CLASS_OTHER, code, &status))
            vocab_buffer_code(out, vocab_white(code) ? ' ' : code);
    }
    return status;
}

static void space_han(ggx_str text, vocab_buffer *out)
{
    for (uint64_t at = 0; at < text.size;) {
        uint32_t code = vocab_code(text, &at);
        int han = vocab_is_han(code);
        if (han) vocab_buffer_add(out, " ", 1);
        vocab_buffer_code(out, code);
        if (han) vocab_buffer_add(out, " ", 1);
    }
}

/* One of BERT's four steps, into a new buffer. */
static ggx_status bert_step(tokenizer *t, int step, ggx_str *text)
{
    vocab_buffer out = {.host = t->host}, nfd = {.host = t->host};
    ggx_status status = step >= 2 ? need_unicode(t) : GGX_OK;
    if (status != GGX_OK) return status;
    if (step == 0) status = clean(t, *text, &out);
    if (step == 1) space_han(*text, &out);
    if (step == 2) vocab_normal_form(t->unicode, *text, 0, &nfd);
    if (step == 2) status = strip_class(t, CLASS_NONSPACING, vocab_buffer_str(&nfd), &out);
    if (step == 3) vocab_lower(t->unicode, *text, &out);
    *text = vocab_buffer_str(&out);
    return out.failed || nfd.failed ? tokenizer_no_memory(t) : status;
}

static ggx_status bert(tokenizer *t, const part *p, ggx_str text, ggx_str *out)
{
    const int wanted[] = {p->clean_text, p->han, p->strip_accents < 0 ? p->lowercase : p->strip_accents, p->lowercase};
    ggx_status status = GGX_OK;
    *out = text;
    for (int step = 0; step < 4 && status == GGX_OK; step++)
        if (wanted[step]) status = bert_step(t, step, out);
    return status;
}

/* Where the next match of the pattern is, from `at` on. */
static int next_match(tokenizer *t, part *p, ggx_str text, uint64_t at, uint64_t ends[2], ggx_status *status)
{
    if (p->is_regex) {
        if (!p->regex) *status = vocab_regex_open(t->host, p->pattern, &p->regex, t->error);
        return *status == GGX_OK && vocab_regex_find(p->regex, text, at, ends, status, t->error);
    }
    for (uint64_t i = at; p->pattern.size && i + p->pattern.size <= text.size; i++)
        if (!memcmp(text.data + i, p->pattern.data, (size_t)p->pattern.size)) {
            ends[0] = i;
            ends[1] = i + p->pattern.size;
            return 1;
        }
    return 0;
}

static ggx_status replace(tokenizer *t, part *p, ggx_str text, vocab_buffer *out)
{
    uint64_t at = 0, from = 0, ends[2];
    ggx_status status = GGX_OK;
    while (from <= text.size && next_match(t, p, text, from, ends, &status)) {
        vocab_buffer_add(out, text.data + at, ends[0] - at);
        vocab_buffer_add(out, p->content.data, p->content.size);
        at = ends[1];
        from = ends[1];
        if (ends[1] == ends[0]) { /* an empty match: over the next character */
            if (from == text.size) break;
            vocab_code(text, &from);
        }
    }
    vocab_buffer_add(out, text.data + at, text.size - at);
    return status;
}

static ggx_str strip(ggx_str text, int left, int right)
{
    uint64_t from = 0, to = 0, at = 0;
    for (int begun = !left; at < text.size;) {
        int white = vocab_white(vocab_code(text, &at));
        begun |= !white;
        if (!begun) from = at;
        if (begun && (!white || !right)) to = at;
    }
    return to > from ? (ggx_str){text.data + from, to - from} : (ggx_str){"", 0};
}

static void to_bytes(ggx_str text, vocab_buffer *out)
{
    for (uint64_t i = 0; i < text.size; i++) vocab_buffer_code(out, tokenizer_byte_code((uint8_t)text.data[i]));
}

static ggx_status normalize_one(tokenizer *t, part *p, ggx_str text, vocab_buffer *out)
{
    static const struct {
        const char *name;
        uint32_t form;
    } forms[] = {
        {"NFC", VOCAB_COMPOSE}, {"NFD", 0}, {"NFKC", VOCAB_COMPOSE | VOCAB_COMPATIBLE}, {"NFKD", VOCAB_COMPATIBLE}};
    ggx_status status = GGX_OK;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (!vocab_is(p->type, forms[i].name)) continue;
        status = need_unicode(t);
        if (status == GGX_OK) vocab_normal_form(t->unicode, text, forms[i].form, out);
        return status;
    }
    if (vocab_is(p->type, "Lowercase")) {
        status = need_unicode(t);
        if (status == GGX_OK) vocab_lower(t->unicode, text, out);
    } else if (vocab_is(p->type, "StripAccents")) {
        status = strip_class(t, CLASS_MARK, text, out);
    } else if (vocab_is(p->type, "Replace")) {
        status = replace(t, p, text, out);
    } else if (vocab_is(p->type, "Prepend")) {
        if (text.size) vocab_buffer_add(out, p->content.data, p->content.size);
        vocab_buffer_add(out, text.data, text.size);
    } else if (vocab_is(p->type, "ByteLevel")) {
        to_bytes(text, out);
    } else if (vocab_is(p->type, "Strip")) {
        ggx_str stripped = strip(text, p->left, p->right);
        vocab_buffer_add(out, stripped.data, stripped.size);
    } else {
        status = tokenizer_unknown(t, "normalizer", p->type);
    }
    return status;
}

ggx_status tokenizer_normalize(tokenizer *t, part *p, ggx_str text, ggx_str *out)
{
    ggx_status status = GGX_OK;
    *out = text;
    if (!p) return GGX_OK;
    if (vocab_is(p->type, "BertNormalizer")) return bert(t, p, text, out);
    if (vocab_is(p->type, "Sequence")) {
        for (part *c = p->children; c && status == GGX_OK; c = c->next) status = tokenizer_normalize(t, c, *out, out);
        return status;
    }
    vocab_buffer made = {.host = t->host};
    status = normalize_one(t, p, text, &made);
    *out = vocab_buffer_str(&made);
    return status == GGX_OK && made.failed ? tokenizer_no_memory(t) : status;
}
