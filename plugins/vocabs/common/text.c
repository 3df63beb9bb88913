/* text.c - buffers, UTF-8 and maps. */
#include "text.h"

void vocab_buffer_add(vocab_buffer *b, const char *data, uint64_t size)
{
    if (b->failed || !size) return;
    if (size > VOCAB_TEXT - b->size) {
        b->failed = 1;
        return;
    }
    if (b->size + size > b->capacity) {
        uint64_t wider = b->capacity ? 2 * b->capacity : 64;
        while (wider < b->size + size) wider *= 2;
        char *longer = b->host->alloc(b->host, wider);
        if (!longer) {
            b->failed = 1;
            return;
        }
        if (b->size) memcpy(longer, b->data, (size_t)b->size);
        b->data = longer;
        b->capacity = wider;
    }
    memcpy(b->data + b->size, data, (size_t)size);
    b->size += size;
}

void vocab_buffer_code(vocab_buffer *b, uint32_t c)
{
    char bytes[4];
    uint32_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (uint32_t i = size - 1; i > 0; i--, c >>= 6) bytes[i] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)(lead[size] | c);
    vocab_buffer_add(b, bytes, size);
}

ggx_str vocab_buffer_str(const vocab_buffer *b)
{
    return (ggx_str){b->data ? b->data : "", b->size};
}

uint32_t vocab_code(ggx_str text, uint64_t *at)
{
    const uint8_t *s = (const uint8_t *)text.data + *at;
    uint64_t left = text.size - *at;
    uint32_t more = s[0] < 0x80 ? 0 : s[0] < 0xc2 ? 9 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : s[0] < 0xf5 ? 3 : 9;
    uint32_t c = more == 0 ? s[0] : s[0] & (0x3fu >> (more & 7));
    if (more >= left) more = 9;
    for (uint32_t i = 1; i <= more && more != 9; i++) {
        if ((s[i] & 0xc0) != 0x80) more = 9;
        c = c << 6 | (s[i] & 0x3fu);
    }
    if (more == 9 || (more == 2 && c < 0x800) || (more == 3 && (c < 0x10000 || c > 0x10ffff)) ||
        (c >= 0xd800 && c < 0xe000)) {
        *at += 1;
        return 0xfffd;
    }
    *at += 1 + more;
    return c;
}

int vocab_same(ggx_str a, ggx_str b)
{
    return a.size == b.size && (!a.size || !memcmp(a.data, b.data, (size_t)a.size));
}

int vocab_is(ggx_str a, const char *b)
{
    return a.data && vocab_same(a, (ggx_str){b, strlen(b)});
}

int vocab_white(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

int vocab_is_han(uint32_t c)
{
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) ||
           (c >= 0x2a700 && c <= 0x2b73f) || (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

static uint64_t hash_of(ggx_str key, uint64_t pair)
{
    uint64_t h = 0xcbf29ce484222325u ^ pair;
    for (uint64_t i = 0; i < key.size; i++) h = (h ^ (uint8_t)key.data[i]) * 0x100000001b3u;
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* The slot of the key, or the free one where it would be. NULL: too many in its place. */
static vocab_slot *slot_of(const vocab_map *m, ggx_str key, uint64_t pair)
{
    if (!m->capacity) return NULL;
    uint64_t at = hash_of(key, pair) & (m->capacity - 1);
    for (uint32_t probe = 0; probe < VOCAB_PROBES; probe++, at = (at + 1) & (m->capacity - 1)) {
        vocab_slot *s = &m->slots[at];
        if (!s->used || (s->pair == pair && vocab_same(s->key, key))) return s;
    }
    return NULL;
}

static int widen(vocab_map *m)
{
    vocab_map wider = {.host = m->host, .capacity = m->capacity ? 2 * m->capacity : 1024};
    wider.slots = m->host->alloc(m->host, wider.capacity * sizeof *wider.slots);
    if (!wider.slots) return 0;
    for (uint64_t i = 0; i < m->capacity; i++) {
        if (!m->slots[i].used) continue;
        vocab_slot *s = slot_of(&wider, m->slots[i].key, m->slots[i].pair);
        if (!s) return 0;
        *s = m->slots[i];
    }
    wider.count = m->count;
    *m = wider;
    return 1;
}

static int put(vocab_map *m, ggx_str key, uint64_t pair, uint32_t value, uint32_t other)
{
    if (2 * m->count >= m->capacity && !widen(m)) return 0;
    vocab_slot *s = slot_of(m, key, pair);
    if (!s) return 0;
    m->count += !s->used;
    *s = (vocab_slot){.key = key, .pair = pair, .value = value, .other = other, .used = 1};
    return 1;
}

int vocab_map_put(vocab_map *m, ggx_str key, uint32_t value)
{
    return put(m, key, 0, value, 0);
}

int vocab_map_put_pair(vocab_map *m, uint32_t left, uint32_t right, uint32_t value, uint32_t other)
{
    return put(m, (ggx_str){NULL, 0}, (uint64_t)left << 32 | right, value, other);
}

const vocab_slot *vocab_map_find(const vocab_map *m, ggx_str key)
{
    const vocab_slot *s = slot_of(m, key, 0);
    return s && s->used ? s : NULL;
}

const vocab_slot *vocab_map_find_pair(const vocab_map *m, uint32_t left, uint32_t right)
{
    const vocab_slot *s = slot_of(m, (ggx_str){NULL, 0}, (uint64_t)left << 32 | right);
    return s && s->used ? s : NULL;
}
