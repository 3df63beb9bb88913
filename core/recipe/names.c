/* names.c - model names as hubs write them, 'org/base-7B-instruct-v0.3': their parts, and their titles.
 *
 * The rules are those of the reference converter's own (docs/recipes.md names it): files that are compared with its have to follow them. */
#include "base/text.h"
#include "recipe/letters.h"
#include "recipe/model.h"
#include <ggx_sdk/error.h>
#include <math.h>

#define PARTS_MOST 64u
#define VERSION 1u
#define TYPE 2u
#define SIZE 4u
#define FINETUNE 8u
#define BASENAME 16u

typedef struct part {
    char *text; /* NUL-terminated; may be rewritten in place, one byte longer at the most */
    uint32_t kinds;
} part;

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char low(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static char high(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
}

static int is_word(const char *text, const char *const *words)
{
    for (; *words; words++) {
        size_t i = 0;
        while (text[i] && low(text[i]) == (*words)[i]) i++;
        if (!text[i] && !(*words)[i]) return 1;
    }
    return 0;
}

/* Behind digits, and behind "." or one of `points` with digits, over and over (`most` times). NULL: there are no digits. */
static const char *skip_number(const char *at, const char *points, int most)
{
    if (!is_digit(*at)) return NULL;
    while (is_digit(*at)) at++;
    while (most-- > 0 && *at && strchr(points, *at) && is_digit(at[1]))
        for (at++; is_digit(*at);) at++;
    return at;
}

/* (v|iter)?\d+([.]\d+)* */
static int is_version(const char *text)
{
    const char *begin = text;
    if (low(text[0]) == 'v')
        begin = text + 1;
    else if (low(text[0]) == 'i' && low(text[1]) == 't' && low(text[2]) == 'e' && low(text[3]) == 'r')
        begin = text + 4;
    const char *end = skip_number(begin, ".", 1 << 30);
    return end && !*end;
}

/* i?q\d(_\w)* | b?fp?(16|32) */
static int is_type(const char *text)
{
    const char *at = text + (low(text[0]) == 'i');
    if (low(at[0]) == 'q' && is_digit(at[1])) {
        for (at += 2; *at == '_' && (is_letter(at[1]) || is_digit(at[1]) || at[1] == '_'); at += 2) {
        }
        if (!*at) return 1;
    }
    at = text + (low(text[0]) == 'b');
    if (low(*at) != 'f') return 0;
    at += 1 + (low(at[1]) == 'p');
    return !strcmp(at, "16") || !strcmp(at, "32");
}

/* (([A]|\d+[x])?\d+([._]\d+)?[KMBT][\d]?|small|mini|medium|large|x?xl) */
static int is_size(const char *text)
{
    static const char *const words[] = {"small", "mini", "medium", "large", "xl", "xxl", NULL};
    if (is_word(text, words)) return 1;
    const char *at = text, *times = skip_number(text, "", 0);
    if (low(*at) == 'a') at++;
    if (times && low(*times) == 'x' && is_digit(times[1])) at = times + 1;
    at = skip_number(at, "._", 1);
    if (!at || !*at || !strchr("kmbt", low(*at))) return 0;
    at++;
    return !*at || (is_digit(*at) && !at[1]);
}

/* `parameters` is negative for an adapter. A size that the model is far from is the length of a context: a finetune, in lower case. */
static void settle_size(part *p, double parameters)
{
    char *text = p->text;
    for (char *c = text; *c; c++)
        if (*c == '_') *c = '.';
    size_t n = strlen(text);
    if (n > 1 && is_digit(text[n - 1])) { /* 7b1 means 7.1B */
        char unit = text[n - 2], digit = text[n - 1];
        text[n - 2] = '.';
        text[n - 1] = digit;
        text[n] = unit;
        text[++n] = 0;
    }
    if (n > 1 && is_digit(text[n - 2]) && strchr("kmbt", text[n - 1])) text[n - 1] = high(text[n - 1]);
    const char *units = " KMBT", *unit = n ? strchr(units, text[n - 1]) : NULL;
    const char *end = skip_number(text, ".", 1);
    if ((parameters > 0 || parameters < 0) && unit && end == text + n - 1) {
        double label = 0, scale = 1;
        for (const char *c = text; c < end; c++) {
            if (*c == '.')
                scale = 0.1;
            else if (scale < 1) {
                label += scale * (*c - '0');
                scale /= 10;
            } else
                label = 10 * label + (*c - '0');
        }
        for (const char *u = units; u < unit; u++) label *= 1000;
        /* an adapter need not have all layers: labels of more than it has are right */
        if (parameters < 0 ? label < floor(-parameters / 8) : fabs(label - parameters) > floor(7 * parameters / 8)) {
            p->kinds |= FINETUNE;
            text[n - 1] = low(text[n - 1]);
        }
    }
    if (!p->kinds) p->kinds = SIZE;
}

static void annotate(part *parts, uint32_t n, double parameters)
{
    static const char *const finetunes[] = {"chat", "instruct", "vision", "lora", NULL};
    static const char *const adapters[] = {"lora", NULL}; /* of one this says nothing new */
    for (uint32_t i = 0; i < n; i++) {
        part *p = &parts[i];
        if (is_version(p->text)) {
            p->kinds = VERSION;
        } else if (is_type(p->text)) {
            p->kinds = TYPE;
            for (char *c = p->text; *c; c++) *c = high(*c);
        } else if (i && is_size(p->text)) {
            settle_size(p, parameters);
        } else if (i && is_word(p->text, finetunes)) {
            p->kinds = parameters < 0 && is_word(p->text, adapters) ? TYPE : FINETUNE;
        }
    }
}

static int has_digit(const char *text)
{
    while (*text && !is_digit(*text)) text++;
    return *text != 0;
}

/* Sizes in words yield to sizes in numbers; what leads is the base name; what is left over is a finetune. */
static void settle(part *parts, uint32_t n)
{
    int numbered = 0, leading = 1;
    for (uint32_t i = 0; i < n; i++) numbered |= (parts[i].kinds & SIZE) && has_digit(parts[i].text);
    for (uint32_t i = 0; i < n && numbered; i++)
        if ((parts[i].kinds & SIZE) && !has_digit(parts[i].text)) parts[i].kinds &= ~SIZE;
    for (uint32_t i = 0; i < n; i++) {
        int plain = !parts[i].kinds && ((unsigned char)parts[i].text[0] >= 0x80 || is_letter(parts[i].text[0]));
        if (leading && (plain || (parts[i].kinds & VERSION))) {
            parts[i].kinds |= BASENAME;
        } else {
            leading = 0;
            if (!parts[i].kinds) parts[i].kinds = FINETUNE;
        }
    }
    for (uint32_t i = n; i-- > 0;) {
        if (!(parts[i].kinds & BASENAME) || parts[i].kinds == BASENAME) break;
        parts[i].kinds &= ~BASENAME;
    }
}

/* Those of one kind, joined by '-'; null when there are none. */
static ggx_status join(ggx_eval *eval, const ggx_node *node, const part *parts, uint32_t n, uint32_t kind,
                       ggx_value *out)
{
    char *text;
    uint64_t size = 0, room = 1;
    for (uint32_t i = 0; i < n; i++) room += strlen(parts[i].text) + 1;
    ggx_status status = ggx_eval_bytes(eval, node, room, &text);
    if (status != GGX_OK) return status;
    for (uint32_t i = 0; i < n; i++) {
        int repeated = 0;
        if (!(parts[i].kinds & kind) || (kind == VERSION && (parts[i].kinds & BASENAME))) continue;
        for (uint32_t k = 0; k < i && kind == SIZE; k++)
            repeated |= (parts[k].kinds & SIZE) && !strcmp(parts[k].text, parts[i].text);
        if (repeated) continue;
        if (size) text[size++] = '-';
        memcpy(text + size, parts[i].text, strlen(parts[i].text));
        size += strlen(parts[i].text);
    }
    *out = size ? ggx_value_text((ggx_str){text, size}) : (ggx_value){0};
    return GGX_OK;
}

static ggx_status split_parts(ggx_eval *eval, const ggx_node *node, ggx_str name, part *parts, uint32_t *count)
{
    for (uint64_t at = 0; at <= name.size;) {
        const char *dash = at < name.size ? memchr(name.data + at, '-', (size_t)(name.size - at)) : NULL;
        uint64_t size = dash ? (uint64_t)(dash - name.data) - at : name.size - at;
        if (size && *count == PARTS_MOST)
            return GGX_NODE_FAIL(eval, node, "model_parts: more than %u parts in a name", PARTS_MOST);
        if (size) {
            char *text;
            ggx_status status = ggx_eval_bytes(eval, node, size + 2, &text);
            if (status != GGX_OK) return status;
            memcpy(text, name.data + at, (size_t)size);
            text[size] = 0;
            parts[(*count)++] = (part){text, 0};
        }
        at += size + 1;
    }
    return GGX_OK;
}

/* [name, organization, base name, finetune, version, size], each a string or null, of a name and a number of parameters. */
ggx_status ggx_call_model_parts(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count,
                                ggx_value *out)
{
    (void)count;
    part parts[PARTS_MOST];
    uint32_t n = 0;
    ggx_value *items;
    if ((args[0].kind != GGX_VALUE_STR && args[0].kind != GGX_VALUE_NULL) || args[1].kind != GGX_VALUE_INT)
        return GGX_NODE_FAIL(eval, node, "model_parts() needs a string or null, and an integer");
    ggx_str name = args[0].text;
    ggx_status status = ggx_eval_items(eval, node, 6, &items);
    if (status != GGX_OK) return status;
    memset(items, 0, 6 * sizeof *items);
    *out = (ggx_value){.kind = GGX_VALUE_LIST, .count = 6, .at.items = items};
    if (args[0].kind == GGX_VALUE_NULL) return GGX_OK;
    items[0] = ggx_value_text(name);
    if (!name.size) return GGX_OK; /* a name all the same: the reference then looks no further */
    if (memchr(name.data, ' ', (size_t)name.size)) return GGX_OK; /* a sentence, and no name of a hub */
    const char *slash = memchr(name.data, '/', (size_t)name.size);
    if (slash) {
        ggx_str organization = {name.data, (uint64_t)(slash - name.data)};
        name = (ggx_str){slash + 1, name.size - organization.size - 1};
        items[0] = ggx_value_text(name);
        if (!organization.size || organization.data[0] != '.') items[1] = ggx_value_text(organization);
    }
    status = split_parts(eval, node, name, parts, &n);
    annotate(parts, n, (double)args[1].integer);
    settle(parts, n);
    if (status == GGX_OK) status = join(eval, node, parts, n, BASENAME, &items[2]);
    if (status == GGX_OK) status = join(eval, node, parts, n, FINETUNE, &items[3]);
    if (status == GGX_OK) status = join(eval, node, parts, n, VERSION, &items[4]);
    if (status == GGX_OK) status = join(eval, node, parts, n, SIZE, &items[5]);
    if (!items[3].kind && !items[4].kind && !items[5].kind) items[2] = (ggx_value){0}; /* too little to tell */
    return status;
}

/* v\d+(\.\d+)* or whatever begins with a digit keeps its case. */
static int keeps_case(ggx_str word)
{
    if (!word.size || is_digit(word.data[0])) return 1;
    if (word.data[0] != 'v' || word.size > 60) return 0;
    char text[64];
    memcpy(text, word.data, (size_t)word.size);
    text[word.size] = 0;
    return is_version(text);
}

/* The character at text[*at], which moves behind it; a byte that is none of UTF-8 counts as one without case. */
static uint32_t next_character(ggx_str text, uint64_t *at)
{
    const unsigned char *s = (const unsigned char *)text.data + *at;
    const uint64_t left = text.size - *at;
    const uint32_t more = *s >= 0xf0 && *s < 0xf8 ? 3 : *s >= 0xe0 ? 2 : *s >= 0xc0 ? 1 : 0;
    uint32_t c = *s & (0x7fu >> (more ? more + 1 : 0));
    if (*s >= 0xf8 || left <= more || (*s >= 0x80 && !more)) c = UINT32_MAX;
    for (uint32_t i = 1; i <= more && c != UINT32_MAX; i++)
        c = (s[i] & 0xc0) == 0x80 ? c << 6 | (s[i] & 0x3fu) : UINT32_MAX;
    *at += c == UINT32_MAX ? 1 : more + 1;
    return c;
}

static uint64_t put_character(char *out, uint32_t c)
{
    const uint32_t more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char heads[] = {0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(heads[more] | c >> (6 * more));
    for (uint32_t i = 1; i <= more; i++) out[i] = (char)(0x80 | (c >> (6 * (more - i)) & 0x3f));
    return more + 1;
}

/* A dash, or what Python's str.split takes for a blank. */
static int parts_words(uint32_t c)
{
    return c == '-' || c == ' ' || (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x1f) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

/* A letter behind what has no case begins a word of its own. Returns the bytes written, at most three for one. */
static uint64_t put_title(char *out, ggx_str word)
{
    uint64_t size = 0;
    int begins = 1;
    for (uint64_t at = 0, from = 0; at < word.size; from = at) {
        uint32_t c = next_character(word, &at);
        const int kind = c == UINT32_MAX ? 0 : ggx_letter_case(c);
        const char *wide = kind && begins ? ggx_letter_title(&c) : NULL;
        if (wide) {
            memcpy(out + size, wide, strlen(wide));
            size += strlen(wide);
        } else if (c == UINT32_MAX) {
            out[size++] = word.data[from];
        } else {
            size += put_character(out + size, c);
        }
        begins = !kind;
    }
    return size;
}

/* 'tiny-thing 8L' as 'Tiny Thing 8L': words in lower case get capitals, those that have any keep what they have. */
ggx_status ggx_call_title(ggx_eval *eval, const ggx_node *node, const ggx_value *args, uint32_t count, ggx_value *out)
{
    (void)count;
    char *text;
    uint64_t size = 0;
    if (args->kind != GGX_VALUE_STR)
        return GGX_NODE_FAIL(eval, node, "title() needs a string, not %s", ggx_value_kind(args));
    ggx_str from = args->text;
    ggx_status status = ggx_eval_bytes(eval, node, 3 * from.size + 1, &text);
    if (status != GGX_OK) return status;
    for (uint64_t at = 0; at < from.size;) {
        uint64_t end = at, next = at, capitals = 0, small = 0;
        while (end < from.size) {
            const uint32_t c = next_character(from, &next);
            if (parts_words(c)) break;
            const int kind = c == UINT32_MAX ? 0 : ggx_letter_case(c);
            capitals += kind == GGX_LETTER_CAPITAL;
            small += kind == GGX_LETTER_SMALL;
            end = next;
        }
        ggx_str word = {from.data + at, end - at};
        if (word.size && size) text[size++] = ' ';
        if (small && !capitals && !keeps_case(word)) {
            size += put_title(text + size, word);
        } else if (word.size) {
            memcpy(text + size, word.data, (size_t)word.size);
            size += word.size;
        }
        at = next;
    }
    *out = ggx_value_text((ggx_str){text, size});
    return GGX_OK;
}
