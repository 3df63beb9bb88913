/* onig.c - where the two syntaxes differ (Oniguruma's doc/RE, Ruby's syntax; pcre2pattern(3)):
 *
 *   \s \w \d      White_Space, and Unicode's words and digits: PCRE2's take U+180E and leave out marks
 *   \h            a hexadecimal digit, not a blank
 *   \uHHHH        \x{HHHH}
 *   x{1,3}+       repeated once more; possessive only in PCRE2
 *   x{,3}         x{0,3}
 *   [a&&b] [a[b]] sets in sets */
#include "onig.h"

#define DEPTH 32u
#define WHITE "\\t-\\r\\x{85}\\p{Z}"
#define WORD "\\p{L}\\p{M}\\p{N}\\p{Pc}" /* N for Nd: Oniguruma's words have letters and numbers of every kind */

typedef struct onig {
    ggx_str in;
    uint64_t at;
    vocab_buffer *out;
    const char *wrong;
    uint64_t group[DEPTH]; /* where open groups begin in the output */
    uint32_t depth;
} onig;

static void put(onig *o, const char *text)
{
    vocab_buffer_add(o->out, text, strlen(text));
}

static char peek(const onig *o, uint64_t ahead)
{
    return o->at + ahead < o->in.size ? o->in.data[o->at + ahead] : 0;
}

static void copy(onig *o, uint64_t count)
{
    if (count > o->in.size - o->at) count = o->in.size - o->at;
    vocab_buffer_add(o->out, o->in.data + o->at, count);
    o->at += count;
}

/* A backslash and what it makes of the next; `inside` a set. */
static void escape(onig *o, int inside)
{
    char c = peek(o, 1);
    static const struct {
        char letter;
        const char *set;
    } sets[] = {{'s', WHITE}, {'w', WORD}, {'d', "\\p{Nd}"}, {'h', "0-9a-fA-F"}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        int negative = c == (sets[i].letter & 0x5f);
        if (c != sets[i].letter && !negative) continue;
        if (negative && inside) o->wrong = c == 'S' ? NULL : "a negated class inside of a set";
        if (negative && inside) {
            put(o, "\\S");
        } else {
            put(o, inside ? "" : negative ? "[^" : "[");
            put(o, sets[i].set);
            put(o, inside ? "" : "]");
        }
        o->at += 2;
        return;
    }
    if (c == 'u') {
        put(o, "\\x{");
        o->at += 2;
        copy(o, 4);
        put(o, "}");
    } else if ((c == 'p' || c == 'P') && peek(o, 2) == '{') {
        while (o->at < o->in.size && peek(o, 0) != '}') copy(o, 1);
        copy(o, 1);
    } else {
        copy(o, 2);
    }
}

/* What stands between a set's brackets, up to its end or to "&&". Sets in it that are not negated are part of it. */
static void set_members(onig *o, uint32_t depth)
{
    if (peek(o, 0) == ']') {
        put(o, "\\]");
        o->at++;
    }
    while (!o->wrong && o->at < o->in.size && peek(o, 0) != ']' && !(peek(o, 0) == '&' && peek(o, 1) == '&')) {
        if (peek(o, 0) == '\\') {
            escape(o, 1);
        } else if (peek(o, 0) == '[' && peek(o, 1) == ':') {
            while (o->at < o->in.size && peek(o, 0) != ']') copy(o, 1);
            copy(o, 1);
        } else if (peek(o, 0) == '[') {
            if (peek(o, 1) == '^' || depth >= DEPTH) {
                o->wrong = "a negated set inside of a set";
                return;
            }
            o->at++;
            set_members(o, depth + 1);
            if (peek(o, 0) != ']') o->wrong = "an intersection inside of a set";
            o->at++;
        } else {
            copy(o, 1);
        }
    }
}

/* A set; with "&&", the others are conditions in front of the first. */
static void set(onig *o)
{
    uint64_t start = o->out->size;
    int negative = peek(o, 1) == '^';
    o->at += negative ? 2 : 1;
    put(o, negative ? "[^" : "[");
    set_members(o, 0);
    put(o, "]");
    while (!o->wrong && peek(o, 0) == '&') {
        vocab_buffer first = {.host = o->out->host};
        vocab_buffer_add(&first, o->out->data + start, o->out->size - start);
        o->out->size = start;
        o->at += 2;
        int bracket = peek(o, 0) == '[' && peek(o, 1) != ':', other = bracket && peek(o, 1) == '^';
        o->at += bracket ? (other ? 2 : 1) : 0;
        put(o, other ? "(?:(?![" : "(?:(?=[");
        set_members(o, 1);
        put(o, "])");
        vocab_buffer_add(o->out, first.data, first.size);
        put(o, ")");
        o->wrong = negative ? "an intersection that is negated" : o->wrong;
        if (bracket && peek(o, 0) == ']') o->at++;
    }
    if (peek(o, 0) != ']') o->wrong = o->wrong ? o->wrong : "a set without an end";
    o->at++;
}

/* "{n,m}" behind what began at `atom` in the output. */
static void interval(onig *o, uint64_t atom)
{
    uint64_t size = 1;
    while (peek(o, size) && peek(o, size) != '}') size++;
    if (peek(o, 1) == ',') {
        put(o, "{0");
        o->at++;
        size--;
    }
    copy(o, size + 1);
    if (peek(o, 0) != '+') return;
    vocab_buffer whole = {.host = o->out->host};
    vocab_buffer_add(&whole, o->out->data + atom, o->out->size - atom);
    o->out->size = atom;
    put(o, "(?:");
    vocab_buffer_add(o->out, whole.data, whole.size);
    put(o, ")");
}

static int is_interval(const onig *o)
{
    uint64_t i = 1;
    while ((peek(o, i) >= '0' && peek(o, i) <= '9') || peek(o, i) == ',') i++;
    return i > 1 && peek(o, i) == '}';
}

static void step(onig *o, uint64_t *atom)
{
    char c = peek(o, 0);
    if (c == '{' && is_interval(o)) {
        interval(o, *atom);
    } else if (c == ')') {
        if (o->depth) *atom = o->group[--o->depth];
        copy(o, 1);
    } else if (c == '*' || c == '+' || c == '?') {
        copy(o, 1);
    } else {
        *atom = o->out->size;
        if (c == '(') {
            if (o->depth == DEPTH) {
                o->wrong = "groups nested too deeply";
                return;
            }
            o->group[o->depth++] = *atom;
            copy(o, 1);
            if (peek(o, 0) == '?') copy(o, 2); /* not a quantifier */
        } else if (c == '\\') {
            escape(o, 0);
        } else if (c == '[') {
            set(o);
        } else {
            copy(o, 1);
            while (((uint8_t)peek(o, 0) & 0xc0) == 0x80) copy(o, 1);
        }
    }
}

const char *vocab_onig_rewrite(ggx_str expression, vocab_buffer *out)
{
    onig o = {.in = expression, .out = out};
    uint64_t atom = 0;
    while (!o.wrong && o.at < o.in.size && !out->failed) step(&o, &atom);
    return o.wrong;
}
