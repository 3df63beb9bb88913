/* plugins/vocabs/rwkv - RWKV's World vocabulary: rwkv_vocab_v20230424.txt, a token a line: number, the token as a Python literal (text or
 * bytes), its bytes' count. Ids are by line, behind <s>; the numbers are not read, as llama.cpp's converter does not.
 *
 * Tokens are handed over as llama.cpp keeps them: their bytes as Python writes bytes, without the quotes. */
#include "../common/tokens.h"
#include <ggx_sdk/error.h>

#define TOKEN_MOST 4096u /* bytes of a token */

typedef struct literal {
    const char *at, *end; /* what is left of it, without the quotes */
    int is_bytes;
    uint8_t bytes[TOKEN_MOST];
    uint32_t count;
    int full;
} literal;

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f') return (c | 32) - 'a' + 10;
    return 99;
}

static void put_byte(literal *l, uint32_t byte)
{
    if (l->count < TOKEN_MOST)
        l->bytes[l->count++] = (uint8_t)byte;
    else
        l->full = 1;
}

/* A character as UTF-8. 0: there is none of that number. */
static int put_character(literal *l, uint32_t c)
{
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
    if (c < 0x80) {
        put_byte(l, c);
    } else if (c < 0x800) {
        put_byte(l, 0xc0 | c >> 6);
        put_byte(l, 0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        put_byte(l, 0xe0 | c >> 12);
        put_byte(l, 0x80 | (c >> 6 & 0x3f));
        put_byte(l, 0x80 | (c & 0x3f));
    } else {
        put_byte(l, 0xf0 | c >> 18);
        put_byte(l, 0x80 | (c >> 12 & 0x3f));
        put_byte(l, 0x80 | (c >> 6 & 0x3f));
        put_byte(l, 0x80 | (c & 0x3f));
    }
    return 1;
}

/* `most` digits at most, `least` at least. 0: there are fewer. */
static int read_number(literal *l, uint32_t base, int least, int most, uint32_t *out)
{
    int n = 0;
    for (*out = 0; n < most && l->at < l->end && digit_of(*l->at) < (int)base; n++)
        *out = *out * base + (uint32_t)digit_of(*l->at++);
    return n >= least;
}

/* What stands behind a backslash. 0: it is no escape that the literal may have. */
static int read_escape(literal *l)
{
    static const char plain[] = "\\'\"abfnrtv", means[] = "\\'\"\a\b\f\n\r\t\v";
    uint32_t number = 0;
    char c = l->at < l->end ? *l->at : 0;
    const char *known = c ? strchr(plain, c) : NULL;
    if (known) {
        l->at++;
        put_byte(l, (uint8_t)means[known - plain]);
        return 1;
    }
    if (c >= '0' && c <= '7') {
        int fits = read_number(l, 8, 1, 3, &number) && number < 256;
        if (fits && l->is_bytes) put_byte(l, number);
        return fits && (l->is_bytes || put_character(l, number));
    }
    int width = c == 'x' ? 2 : l->is_bytes ? 0 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (!width) return 0;
    l->at++;
    if (!read_number(l, 16, width, width, &number)) return 0;
    if (l->is_bytes) put_byte(l, number);
    return l->is_bytes || put_character(l, number);
}

/* The literal's bytes. 0: it is none. */
static int read_literal(literal *l, ggx_str text)
{
    l->count = 0;
    l->full = 0;
    l->is_bytes = text.size > 0 && text.data[0] == 'b';
    if (l->is_bytes) text = (ggx_str){text.data + 1, text.size - 1};
    if (text.size < 2 || (*text.data != '\'' && *text.data != '"') || text.data[text.size - 1] != *text.data) return 0;
    l->at = text.data + 1;
    l->end = text.data + text.size - 1;
    while (l->at < l->end) {
        char c = *l->at++;
        if (c == *text.data || (l->is_bytes && (uint8_t)c >= 0x80)) return 0;
        if (c != '\\')
            put_byte(l, (uint8_t)c);
        else if (!read_escape(l))
            return 0;
    }
    return !l->full;
}

/* The bytes as Python writes bytes, without the quotes. data NULL: no memory. */
static ggx_str write_bytes(const ggx_host *host, const literal *l)
{
    static const char hex[] = "0123456789abcdef";
    char *out = host->alloc(host, 4ull * l->count + 1), *at = out;
    if (!out) return (ggx_str){NULL, 0};
    int quoted = memchr(l->bytes, '\'', l->count) && memchr(l->bytes, '"', l->count);
    for (uint32_t i = 0; i < l->count; i++) {
        uint8_t c = l->bytes[i];
        const char *named = c == '\t' ? "\\t" : c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\\' ? "\\\\" : NULL;
        if (c == '\'' && quoted) named = "\\'";
        if (named) {
            memcpy(at, named, 2);
            at += 2;
        } else if (c < 0x20 || c >= 0x7f) {
            memcpy(at, "\\x", 2);
            at[2] = hex[c >> 4];
            at[3] = hex[c & 15];
            at += 4;
        } else {
            *at++ = (char)c;
        }
    }
    return (ggx_str){out, (uint64_t)(at - out)};
}

static ggx_status read_line(vocab_tokens *t, const vocab_file *file, ggx_str line, literal *l)
{
    uint64_t offset = (uint64_t)(line.data - file->text.data);
    const char *const end = line.data + line.size, *first = line.data, *last = end;
    while (first < end && *first != ' ') first++;
    while (last > line.data && last[-1] != ' ') last--;
    uint64_t size = 0;
    int numbered = last - first > 1;
    for (const char *c = last; c < end && numbered; c++) {
        numbered = *c >= '0' && *c <= '9' && size < TOKEN_MOST;
        size = size * 10 + (uint64_t)(*c - '0');
    }
    if (!numbered || last == end || !read_literal(l, (ggx_str){first + 1, (uint64_t)(last - 1 - (first + 1))}))
        return ggx_fail_at(t->error, GGX_E_MALFORMED, file->member, offset,
                           "line %llu is not a number, a token in quotes and its size; is the file damaged?",
                           (unsigned long long)t->count);
    if (l->count != size)
        return ggx_fail_at(t->error, GGX_E_MALFORMED, file->member, offset,
                           "the token of line %llu has %u bytes, the line says %llu; is the file damaged?",
                           (unsigned long long)t->count, l->count, (unsigned long long)size);
    ggx_str text = write_bytes(t->host, l);
    if (!text.data) return ggx_fail(t->error, GGX_E_NOMEM, "the vocabulary needs more memory than it may use");
    return vocab_put(t, file->member, offset, (int64_t)t->count, text, 0, VOCAB_NORMAL);
}

static ggx_status read_lines(vocab_tokens *t, const vocab_file *file)
{
    literal *l = t->host->alloc(t->host, sizeof *l);
    if (!l) return ggx_fail(t->error, GGX_E_NOMEM, "no memory for a vocabulary");
    const char *at = file->text.data, *end = at + file->text.size;
    ggx_status status = vocab_put(t, file->member, 0, 0, (ggx_str){"<s>", 3}, 0, VOCAB_CONTROL);
    while (at < end && status == GGX_OK) {
        const char *stop = memchr(at, '\n', (size_t)(end - at)), *next = stop ? stop + 1 : end;
        stop = stop ? stop : end;
        if (stop > at && stop[-1] == '\r') stop--;
        status = read_line(t, file, (ggx_str){at, (uint64_t)(stop - at)}, l);
        at = next;
    }
    return status;
}

static ggx_status read_vocab(const ggx_host *host, const ggx_source *source, const ggx_options *options,
                             const ggx_sink *sink, ggx_error *error)
{
    vocab_tokens tokens = {.host = host, .error = error};
    vocab_file file;
    (void)options;
    ggx_status status = vocab_read(host, source, "rwkv_vocab_v20230424.txt", &file, error);
    if (status == GGX_OK && !file.text.data)
        return ggx_fail(error, GGX_E_NOTFOUND, "there is no rwkv_vocab_v20230424.txt beside the model");
    if (status == GGX_OK) status = read_lines(&tokens, &file);
    if (status == GGX_OK) status = vocab_push_text(sink, "model", "rwkv", error);
    return status == GGX_OK ? vocab_push(&tokens, sink, 0) : status;
}

static const ggx_vocab vocab = {.struct_size = sizeof vocab, .read = read_vocab};
static const ggx_provide provides[] = {{GGX_VOCAB_ID, &vocab}};

GGX_PLUGIN("vocab-rwkv", "0.1.0", "MIT", provides);
