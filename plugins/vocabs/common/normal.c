/* normal.c - Unicode's normal forms (UAX 15) and lower case, from the table in unicode.txt. */
#include "text.h"
#include <unicode_txt.h>

typedef struct entry {
    uint32_t code, kind, first, count; /* kind: the line's letter; first: place in `codes` */
} entry;

struct vocab_unicode {
    entry *maps; /* D, S and K lines, by code */
    entry *lower;
    uint32_t map_count, lower_count;
    uint32_t *codes;
    uint32_t code_count;
    uint32_t *classes; /* triples: class, first, last */
    uint32_t class_count;
    vocab_map pairs; /* two codes to the composed one */
};

/* One line's numbers; `at` moves to the next line. */
static uint32_t read_line(const char **at, const char *end, uint32_t *numbers, uint32_t most)
{
    uint32_t count = 0;
    const char *c = *at + 1;
    while (c < end && *c != '\n') {
        uint32_t n = 0;
        for (c++; c < end && *c != ' ' && *c != '\n'; c++)
            n = n << 4 | (uint32_t)(*c <= '9' ? *c - '0' : (*c & 0x5f) - 'A' + 10);
        if (count < most) numbers[count++] = n;
    }
    *at = c + 1;
    return count;
}

static int add_map(vocab_unicode *u, char kind, const uint32_t *n, uint32_t count)
{
    entry *e = kind == 'L' ? &u->lower[u->lower_count++] : &u->maps[u->map_count++];
    *e = (entry){n[0], (uint32_t)kind, u->code_count, count - 1};
    memcpy(u->codes + u->code_count, n + 1, (count - 1) * sizeof *n);
    u->code_count += count - 1;
    return kind != 'D' || vocab_map_put_pair(&u->pairs, n[1], n[2], n[0], 0);
}

vocab_unicode *vocab_unicode_open(const ggx_host *host)
{
    const char *at = (const char *)unicode_txt, *end = at + sizeof unicode_txt;
    uint32_t lines = 0, n[24];
    for (const char *c = at; c < end; c++) lines += *c == '\n';
    vocab_unicode *u = host->alloc(host, sizeof *u);
    if (!u) return NULL;
    u->pairs.host = host;
    u->maps = host->alloc(host, lines * sizeof *u->maps);
    u->lower = host->alloc(host, lines * sizeof *u->lower);
    u->codes = host->alloc(host, sizeof unicode_txt / 2 * sizeof *u->codes); /* a number takes two bytes at least */
    u->classes = host->alloc(host, 3ull * lines * sizeof *u->classes);
    if (!u->maps || !u->lower || !u->codes || !u->classes) return NULL;
    while (at < end) {
        char kind = *at;
        uint32_t count = read_line(&at, end, n, sizeof n / sizeof *n);
        if (kind == 'C' && count == 3)
            memcpy(u->classes + 3 * (size_t)u->class_count++, n, 3 * sizeof *n);
        else if (kind != '#' && count > 1 && !add_map(u, kind, n, count))
            return NULL;
    }
    return u;
}

static const entry *find(const entry *list, uint32_t count, uint32_t code)
{
    uint32_t low = 0;
    while (low < count) {
        uint32_t mid = low + (count - low) / 2;
        if (list[mid].code == code) return &list[mid];
        if (list[mid].code < code)
            low = mid + 1;
        else
            count = mid;
    }
    return NULL;
}

static uint32_t class_of(const vocab_unicode *u, uint32_t code)
{
    for (uint32_t i = 0; code >= 0x300 && i < u->class_count; i++)
        if (code >= u->classes[3 * i + 1] && code <= u->classes[3 * i + 2]) return u->classes[3 * i];
    return 0;
}

/* The text as code points, each with its class. */
typedef struct marks {
    const ggx_host *host;
    uint32_t *code, *class;
    uint64_t count, capacity;
    int failed;
} marks;

static void add_mark(marks *m, uint32_t code, uint32_t class)
{
    if (m->count == m->capacity) {
        uint64_t wider = m->capacity ? 2 * m->capacity : 256;
        uint32_t *codes = wider <= VOCAB_TEXT ? m->host->alloc(m->host, wider * 2 * sizeof *codes) : NULL;
        if (!codes) {
            m->failed = 1;
            return;
        }
        if (m->count) {
            memcpy(codes, m->code, (size_t)m->count * sizeof *codes);
            memcpy(codes + wider, m->class, (size_t)m->count * sizeof *codes);
        }
        m->code = codes;
        m->class = codes + wider;
        m->capacity = wider;
    }
    m->code[m->count] = code;
    m->class[m->count++] = class;
}

/* The mappings' depth is at most five in the table. */
static void decompose(const vocab_unicode *u, uint32_t code, uint32_t form, marks *out)
{
    if (code >= 0xac00 && code < 0xd7a4) { /* Hangul */
        uint32_t s = code - 0xac00;
        add_mark(out, 0x1100 + s / 588, 0);
        add_mark(out, 0x1161 + s % 588 / 28, 0);
        if (s % 28) add_mark(out, 0x11a7 + s % 28, 0);
        return;
    }
    const entry *e = code < 0xa0 ? NULL : find(u->maps, u->map_count, code);
    if (!e || (e->kind == 'K' && !(form & VOCAB_COMPATIBLE))) {
        add_mark(out, code, class_of(u, code));
        return;
    }
    for (uint32_t i = 0; i < e->count; i++) decompose(u, u->codes[e->first + i], form, out);
}

/* Marks behind a starter in the order of their classes, those of one class as they were. */
static void order(marks *m)
{
    for (uint64_t i = 1; i < m->count; i++) {
        uint32_t code = m->code[i], class = m->class[i];
        uint64_t at = i;
        if (!class) continue;
        for (; at > 0 && m->class[at - 1] > class; at--) {
            m->code[at] = m->code[at - 1];
            m->class[at] = m->class[at - 1];
        }
        m->code[at] = code;
        m->class[at] = class;
    }
}

static uint32_t composed(const vocab_unicode *u, uint32_t a, uint32_t b)
{
    if (a >= 0x1100 && a < 0x1113 && b >= 0x1161 && b < 0x1176) return 0xac00 + ((a - 0x1100) * 21 + b - 0x1161) * 28;
    if (a >= 0xac00 && a < 0xd7a4 && (a - 0xac00) % 28 == 0 && b > 0x11a7 && b < 0x11c3) return a + b - 0x11a7;
    const vocab_slot *s = vocab_map_find_pair(&u->pairs, a, b);
    return s ? s->value : 0;
}

static void compose(const vocab_unicode *u, marks *m)
{
    uint64_t starter = UINT64_MAX, size = 0;
    uint32_t last = 0;
    for (uint64_t i = 0; i < m->count; i++) {
        uint32_t code = m->code[i], class = m->class[i];
        int blocked = starter == UINT64_MAX || (size > starter + 1 && last >= class);
        uint32_t whole = blocked ? 0 : composed(u, m->code[starter], code);
        if (whole) {
            m->code[starter] = whole;
            continue;
        }
        if (!class) starter = size;
        last = class;
        m->code[size] = code;
        m->class[size++] = class;
    }
    m->count = size;
}

void vocab_normal_form(const vocab_unicode *u, ggx_str text, uint32_t form, vocab_buffer *out)
{
    marks m = {.host = out->host};
    for (uint64_t at = 0; at < text.size && !m.failed;) decompose(u, vocab_code(text, &at), form, &m);
    order(&m);
    if (form & VOCAB_COMPOSE) compose(u, &m);
    for (uint64_t i = 0; i < m.count; i++) vocab_buffer_code(out, m.code[i]);
    out->failed |= m.failed;
}

void vocab_lower(const vocab_unicode *u, ggx_str text, vocab_buffer *out)
{
    for (uint64_t at = 0; at < text.size;) {
        uint32_t code = vocab_code(text, &at);
        const entry *e = find(u->lower, u->lower_count, code);
        for (uint32_t i = 0; e && i < e->count; i++) vocab_buffer_code(out, u->codes[e->first + i]);
        if (!e) vocab_buffer_code(out, code);
    }
}
