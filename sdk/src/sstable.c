/* Sorted string tables: footer, blocks with their trailers, entries with shortened keys. */
#include <ggx_sdk/checked.h>
#include <ggx_sdk/crc32c.h>
#include <ggx_sdk/protobuf.h> /* its varints are LevelDB's */
#include <ggx_sdk/snappy.h>
#include <ggx_sdk/sstable.h>

#define PACKED_NOT 0u
#define PACKED_SNAPPY 1u
#define FIRST_KEY_ROOM 64u
#define HANDLES_BYTES 40u /* two places, padded */

static uint64_t uint_of(const uint8_t *b, uint32_t bytes)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < bytes; i++) v |= (uint64_t)b[i] << (8 * i);
    return v;
}

static void read_place(ggx_cursor *c, uint64_t end, ggx_sstable_place *out)
{
    out->offset = ggx_pb_varint(c, end, "a block's offset");
    out->size = ggx_pb_varint(c, end, "a block's size");
}

/* Whether a block and its trailer lie before the footer. */
static int place_fits(const ggx_sstable_place *p, uint64_t size)
{
    uint64_t room = size - GGX_SSTABLE_FOOTER;
    return room >= GGX_SSTABLE_TRAILER && p->offset <= room - GGX_SSTABLE_TRAILER &&
           p->size <= room - GGX_SSTABLE_TRAILER - p->offset;
}

int ggx_sstable_probe(ggx_str tail, uint64_t size)
{
    ggx_memory m;
    ggx_cursor c;
    ggx_error ignored;
    ggx_sstable_place meta, index;
    if (tail.size < GGX_SSTABLE_FOOTER || size < GGX_SSTABLE_FOOTER) return 0;
    const uint8_t *footer = (const uint8_t *)tail.data + (tail.size - GGX_SSTABLE_FOOTER);
    if (uint_of(footer + HANDLES_BYTES, 8) != GGX_SSTABLE_MAGIC) return 0;
    ggx_memory_init(&m, footer, HANDLES_BYTES, 0, 0);
    ggx_cursor_init(&c, &m.source, 0, 0, HANDLES_BYTES, &ignored);
    read_place(&c, c.end, &meta);
    read_place(&c, c.end, &index);
    return c.status == GGX_OK && place_fits(&meta, size) && place_fits(&index, size);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------------------ */

/* Room for `size` bytes, twice that of before when it has to grow: what the arena has given stays given. */
static ggx_status make_room(const ggx_sstable *t, uint8_t **bytes, uint64_t *room, uint64_t size, uint64_t at,
                            ggx_error *error)
{
    if (size <= *room && *bytes) return GGX_OK;
    uint64_t wider = *room < UINT64_MAX / 2 && *room * 2 > size ? *room * 2 : size;
    uint8_t *fresh = (uint8_t *)t->host->alloc(t->host, wider);
    if (!fresh && wider > size) fresh = (uint8_t *)t->host->alloc(t->host, wider = size);
    if (!fresh)
        return ggx_fail_at(error, GGX_E_NOMEM, t->member, at,
                           "a block of %llu bytes does not fit into this reader's memory", (unsigned long long)size);
    *bytes = fresh;
    *room = wider;
    return GGX_OK;
}

/* `crc` is that of the block without its trailer. */
static ggx_status compare_crc(const ggx_sstable *t, ggx_sstable_place place, uint32_t crc, const uint8_t *trailer,
                              ggx_error *error)
{
    crc = ggx_crc32c(crc, trailer, 1);
    uint32_t stored = ggx_crc32c_unmask((uint32_t)uint_of(trailer + 1, 4));
    if (crc == stored) return GGX_OK;
    return ggx_fail_at(error, GGX_E_INTEGRITY, t->member, place.offset,
                       "the CRC of the block here is %08x, and should be %08x; the file is damaged, fetch it again",
                       crc, stored);
}

static ggx_status unpack(const ggx_sstable *t, ggx_sstable_block *b, uint64_t *size, ggx_error *error)
{
    uint64_t head = 0;
    ggx_status status = ggx_snappy_length(b->packed, b->place.size, size, &head, error);
    if (status == GGX_OK) status = make_room(t, &b->bytes, &b->bytes_room, *size, b->place.offset, error);
    if (status == GGX_OK) status = ggx_snappy_unpack(b->packed, b->place.size, b->bytes, *size, error);
    if (status != GGX_OK && error) {
        error->member = t->member;
        error->offset = b->place.offset;
    }
    return status;
}

/* The block's bytes in memory, its CRC checked. */
static ggx_status fetch(const ggx_sstable *t, ggx_sstable_block *b, const uint8_t trailer[GGX_SSTABLE_TRAILER],
                        uint64_t *size, ggx_error *error)
{
    uint8_t **to = b->snappy ? &b->packed : &b->bytes;
    uint64_t *room = b->snappy ? &b->packed_room : &b->bytes_room;
    ggx_status status = make_room(t, to, room, b->place.size, b->place.offset, error);
    if (status == GGX_OK && b->place.size)
        status = t->source->read_at(t->source, t->member, b->place.offset, *to, b->place.size, error);
    if (status == GGX_OK) status = compare_crc(t, b->place, ggx_crc32c(0, *to, b->place.size), trailer, error);
    *size = b->place.size;
    return status == GGX_OK && b->snappy ? unpack(t, b, size, error) : status;
}

/* The block's last four bytes count its restarts, whose offsets (four bytes each) lie before. */
static ggx_status find_restarts(ggx_sstable_block *b, uint64_t size, uint32_t member, ggx_error *error)
{
    if (size >= 4) {
        b->c.at = b->entries + size - 4;
        b->restart_count = ggx_cursor_u32(&b->c, "a block's end");
        if (b->c.status != GGX_OK) return b->c.status;
        b->end = b->entries + size - 4;
    }
    if (size < 4 || b->restart_count > (size - 4) / 4)
        return ggx_fail_at(error, GGX_E_MALFORMED, member, b->place.offset,
                           "the block here has %llu bytes and claims %llu restarts; the file is damaged",
                           (unsigned long long)size, (unsigned long long)b->restart_count);
    b->end -= 4 * b->restart_count;
    b->next = b->c.at = b->entries;
    return GGX_OK;
}

static ggx_status load(const ggx_sstable *t, ggx_sstable_block *b, ggx_sstable_place place, int in_file,
                       ggx_error *error)
{
    uint8_t trailer[GGX_SSTABLE_TRAILER];
    uint64_t size = place.size;
    if (!place_fits(&place, t->size))
        return ggx_fail_at(error, GGX_E_MALFORMED, t->member, place.offset < t->size ? place.offset : GGX_NO_OFFSET,
                           "a block of %llu bytes at offset %llu does not lie within the file's %llu; it is damaged",
                           (unsigned long long)place.size, (unsigned long long)place.offset,
                           (unsigned long long)t->size);
    ggx_status status =
        t->source->read_at(t->source, t->member, place.offset + place.size, trailer, sizeof trailer, error);
    if (status != GGX_OK) return status;
    if (trailer[0] > PACKED_SNAPPY)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, t->member, place.offset + place.size,
                           "the block at offset %llu is packed by method %u; only Snappy is read",
                           (unsigned long long)place.offset, trailer[0]);
    b->ready = 0;
    b->place = place;
    b->snappy = trailer[0] == PACKED_SNAPPY;
    b->restart_count = 0;
    b->entries = place.offset;
    in_file = in_file && !b->snappy;
    if (!in_file) status = fetch(t, b, trailer, &size, error);
    if (status != GGX_OK) return status;
    if (!in_file) ggx_memory_init(&b->memory, b->bytes, size, place.offset, t->member);
    ggx_cursor_init(&b->c, in_file ? t->source : &b->memory.source, t->member, b->entries, b->entries + size, error);
    return find_restarts(b, size, t->member, error);
}

void ggx_sstable_blame(const ggx_sstable_block *b, ggx_error *error)
{
    if (error && b->snappy && error->member == b->c.member && error->offset >= b->place.offset)
        error->offset = b->place.offset;
}

/* ---- entries ----------------------------------------------------------------------------------------------------------------- */

static int entry_fails(ggx_sstable_block *b, uint64_t at, const char *what)
{
    if (b->c.status == GGX_OK)
        b->c.status = ggx_fail_at(b->c.error, GGX_E_MALFORMED, b->c.member, at,
                                  "an entry of the table %s; the file is damaged", what);
    ggx_sstable_blame(b, b->c.error);
    return 0;
}

/* < 0, 0, > 0 as the entry's key comes before, at or behind `key`. */
static int compare_key(const ggx_sstable_block *b, const void *key, uint64_t key_size)
{
    uint64_t n = b->key_size < key_size ? b->key_size : key_size;
    int order = n ? memcmp(b->key, key, (size_t)n) : 0;
    return order ? order : (b->key_size > key_size) - (b->key_size < key_size);
}

/* Room for a key of `size` bytes and for the one before it. */
static int grow_keys(ggx_sstable_block *b, uint64_t begin, uint64_t size)
{
    uint64_t room = b->key_room * 2 > size ? b->key_room * 2 : size + FIRST_KEY_ROOM;
    uint8_t *key = (uint8_t *)b->host->alloc(b->host, room), *spare = (uint8_t *)b->host->alloc(b->host, room);
    if (!key || !spare) {
        b->c.status =
            ggx_fail_at(b->c.error, GGX_E_NOMEM, b->c.member, begin,
                        "a key of %llu bytes does not fit into this reader's memory", (unsigned long long)size);
        return 0;
    }
    if (b->key && b->has_key && b->key_size) memcpy(key, b->key, (size_t)b->key_size);
    b->key = key;
    b->spare = spare;
    b->key_room = room;
    return 1;
}

/* The entry's key from the key before, which is kept for the comparison, and its own bytes. */
static int read_key(ggx_sstable_block *b, uint64_t begin, uint64_t shared, uint64_t own)
{
    uint64_t size = b->key_size;
    if (shared > (b->has_key ? size : 0)) return entry_fails(b, begin, "shares more of the key before than it has");
    if (own > GGX_SSTABLE_KEY - shared) return entry_fails(b, begin, "has a key longer than 196608 bytes");
    if ((!b->key || shared + own > b->key_room) && !grow_keys(b, begin, shared + own)) return 0;
    if (shared) memcpy(b->spare, b->key, (size_t)shared);
    if (ggx_cursor_bytes(&b->c, b->spare + shared, own, "a key") != GGX_OK) return entry_fails(b, begin, "");
    uint8_t *turn = b->key;
    b->key = b->spare;
    b->spare = turn;
    b->key_size = shared + own;
    if (b->has_key && compare_key(b, b->spare, size) <= 0)
        return entry_fails(b, begin, "has a key that does not come behind the one before it");
    b->has_key = 1;
    return 1;
}

/* An entry: bytes shared with the key before, bytes of its own, bytes of the value; then those. */
int ggx_sstable_block_next(ggx_sstable_block *b)
{
    uint64_t begin = b->next;
    if (b->c.status != GGX_OK || begin >= b->end) return 0;
    b->c.at = begin;
    uint64_t shared = ggx_pb_varint(&b->c, b->end, "an entry's shared bytes");
    uint64_t own = ggx_pb_varint(&b->c, b->end, "an entry's own bytes");
    uint64_t value = ggx_pb_varint(&b->c, b->end, "an entry's value");
    if (b->c.status != GGX_OK) return entry_fails(b, begin, "");
    uint64_t left = b->end - b->c.at;
    if (own > left || value > left - own) return entry_fails(b, begin, "goes on beyond its block");
    if (!read_key(b, begin, shared, own)) return 0;
    b->value = b->c.at;
    b->value_size = value;
    b->next = b->value + value;
    return 1;
}

/* Puts the block at a restart, where a key is whole. */
static int go_to_restart(ggx_sstable_block *b, uint64_t i)
{
    b->c.at = b->end + 4 * i;
    uint64_t offset = ggx_cursor_u32(&b->c, "a restart");
    if (b->c.status != GGX_OK || offset >= b->end - b->entries)
        return entry_fails(b, b->end + 4 * i, "begins beyond its block");
    b->next = b->entries + offset;
    b->has_key = 0;
    return 1;
}

/* The first entry whose key is not before `key`: by halves over the restarts, then one by one. */
static int seek(ggx_sstable_block *b, const void *key, uint64_t key_size)
{
    uint64_t low = 0, high = b->restart_count;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (!go_to_restart(b, middle) || !ggx_sstable_block_next(b)) return 0;
        if (compare_key(b, key, key_size) <= 0)
            low = middle;
        else
            high = middle;
    }
    b->next = b->entries;
    b->has_key = 0;
    if (low && !go_to_restart(b, low)) return 0;
    while (ggx_sstable_block_next(b))
        if (compare_key(b, key, key_size) >= 0) return 1;
    return 0;
}

/* ---- the table --------------------------------------------------------------------------------------------------------------- */

static ggx_sstable_block *make_block(const ggx_host *host)
{
    ggx_sstable_block *b = (ggx_sstable_block *)host->alloc(host, sizeof *b);
    if (b) b->host = host;
    return b;
}

static ggx_status read_footer(ggx_sstable *t, ggx_error *error)
{
    ggx_member m;
    ggx_cursor c;
    ggx_sstable_place meta;
    memset(&m, 0, sizeof m);
    m.struct_size = sizeof m;
    ggx_status status = t->source->member(t->source, t->member, &m, error);
    if (status != GGX_OK) return status;
    t->size = m.size;
    if (t->size < GGX_SSTABLE_FOOTER)
        return ggx_fail_at(error, GGX_E_MALFORMED, t->member, t->size,
                           "the file has %llu bytes and a table's footer alone takes 48; it is cut short",
                           (unsigned long long)t->size);
    ggx_cursor_init(&c, t->source, t->member, t->size - GGX_SSTABLE_FOOTER, t->size, error);
    read_place(&c, c.end, &meta);
    read_place(&c, c.end, &t->index_place);
    c.at = t->size - 8;
    if (c.status == GGX_OK && ggx_cursor_u64(&c, "the magic") != GGX_SSTABLE_MAGIC)
        return ggx_fail_at(error, GGX_E_MALFORMED, t->member, t->size - 8,
                           "the file does not end as a table does; it is none, or cut short: fetch it again");
    return c.status;
}

ggx_status ggx_sstable_open(ggx_sstable *t, const ggx_host *host, const ggx_source *source, uint32_t member,
                            ggx_error *error)
{
    memset(t, 0, sizeof *t);
    t->host = host;
    t->source = source;
    t->member = member;
    t->index = make_block(host);
    t->data = make_block(host);
    if (!t->index || !t->data) return ggx_fail(error, GGX_E_NOMEM, "no memory to read a table");
    ggx_status status = read_footer(t, error);
    return status == GGX_OK ? load(t, t->index, t->index_place, 0, error) : status;
}

void ggx_sstable_rewind(ggx_sstable *t, ggx_error *error)
{
    t->status = t->index->c.status = GGX_OK;
    t->index->c.error = error;
    t->index->next = t->index->entries;
    t->index->has_key = t->data->has_key = 0;
    t->data->next = t->data->end = 0;
    t->walked = 0;
}

static ggx_status next_block(ggx_sstable *t, ggx_error *error)
{
    ggx_sstable_place place;
    t->index->c.at = t->index->value;
    read_place(&t->index->c, t->index->value + t->index->value_size, &place);
    if (t->index->c.status != GGX_OK) return t->index->c.status;
    if (place.offset < t->walked)
        return ggx_fail_at(error, GGX_E_MALFORMED, t->member, t->index_place.offset,
                           "the table's index names a block at offset %llu behind one that ends at %llu; it is damaged",
                           (unsigned long long)place.offset, (unsigned long long)t->walked);
    ggx_status status = load(t, t->data, place, 0, error);
    if (status == GGX_OK) t->walked = place.offset + place.size + GGX_SSTABLE_TRAILER;
    return status;
}

int ggx_sstable_next(ggx_sstable *t, ggx_error *error)
{
    while (t->status == GGX_OK) {
        if (t->data->next < t->data->end) {
            int more = ggx_sstable_block_next(t->data);
            t->status = t->data->c.status;
            return more;
        }
        int more = ggx_sstable_block_next(t->index);
        t->status = t->index->c.status;
        if (!more) return 0;
        if (t->host->canceled(t->host)) t->status = ggx_fail(error, GGX_E_CANCELED, "stopped while reading a table");
        if (t->status == GGX_OK) t->status = next_block(t, error);
    }
    return 0;
}

ggx_status ggx_sstable_find(ggx_sstable *t, const void *key, uint64_t key_size, ggx_sstable_place *out,
                            ggx_error *error)
{
    ggx_sstable_block *b = t->index;
    b->c.error = error;
    b->c.status = GGX_OK;
    if (seek(b, key, key_size)) {
        b->c.at = b->value;
        read_place(&b->c, b->value + b->value_size, out);
        return b->c.status;
    }
    return b->c.status != GGX_OK
               ? b->c.status
               : ggx_fail_at(error, GGX_E_NOTFOUND, t->member, t->index_place.offset, "the table has no such key");
}

ggx_status ggx_sstable_load(ggx_sstable *t, ggx_sstable_place place, int in_file, ggx_error *error)
{
    ggx_sstable_block *b = t->data;
    int same = b->ready && b->place.offset == place.offset && b->place.size == place.size && b->in_file == in_file;
    b->has_key = 0;
    b->c.error = error;
    b->next = b->entries;
    if (same) return b->c.status = GGX_OK;
    ggx_status status = load(t, b, place, in_file, error);
    b->ready = status == GGX_OK;
    b->in_file = in_file;
    return status;
}

int ggx_sstable_seek(ggx_sstable *t, const void *key, uint64_t key_size)
{
    return seek(t->data, key, key_size) && !compare_key(t->data, key, key_size);
}

ggx_status ggx_sstable_check(const ggx_sstable *t, ggx_sstable_place place, ggx_error *error)
{
    uint8_t part[16384], trailer[GGX_SSTABLE_TRAILER];
    uint32_t crc = 0;
    for (uint64_t at = 0; at < place.size;) {
        uint64_t n = place.size - at < sizeof part ? place.size - at : sizeof part;
        ggx_status status = t->source->read_at(t->source, t->member, place.offset + at, part, n, error);
        if (status != GGX_OK) return status;
        crc = ggx_crc32c(crc, part, n);
        at += n;
        if (t->host->canceled(t->host)) return ggx_fail(error, GGX_E_CANCELED, "stopped while checking a table");
    }
    ggx_status status =
        t->source->read_at(t->source, t->member, place.offset + place.size, trailer, sizeof trailer, error);
    return status == GGX_OK ? compare_crc(t, place, crc, trailer, error) : status;
}
