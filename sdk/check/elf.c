/* sdk/check/elf.c - the dynamic symbols of a 64-bit little-endian ELF file, read with every offset checked.
 *
 * The section headers give the table (.dynsym is never stripped from a shared object that link editors make). Layouts: System V
 * ABI, "Object Files"; field offsets are written out below, since the file is never cast to a struct. */
#include "check.h"

#include <string.h>

#define SHT_DYNSYM 11
#define SYMBOL_SIZE 24
#define SECTION_SIZE 64

typedef struct bytes {
    const uint8_t *data;
    uint64_t size;
} bytes;

static int inside(const bytes *b, uint64_t offset, uint64_t size)
{
    return offset <= b->size && size <= b->size - offset;
}

static uint64_t uint_at(const bytes *b, uint64_t offset, uint32_t width)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < width; i++) v |= (uint64_t)b->data[offset + i] << (8 * i);
    return v;
}

/* A NUL-terminated name of the string table, or NULL. */
static const char *name_at(const bytes *b, uint64_t table, uint64_t table_size, uint64_t at)
{
    if (at >= table_size) return NULL;
    const char *name = (const char *)b->data + table + at;
    return memchr(name, 0, (size_t)(table_size - at)) ? name : NULL;
}

static int read_symbol(const bytes *b, uint64_t at, uint64_t strings, uint64_t strings_size, elf_facts *out)
{
    uint32_t info = b->data[at + 4], binding = info >> 4, kind = info & 15, visibility = b->data[at + 5] & 3;
    uint64_t section = uint_at(b, at + 6, 2);
    if (!section || !(binding == 1 || binding == 2 || binding == 10) || visibility == 1 || visibility == 2) return 1;
    const char *name = name_at(b, strings, strings_size, uint_at(b, at, 4));
    if (!name) return 0;
    out->exported++;
    if (!strcmp(name, "ggx_plugin_1")) {
        out->has_plugin = 1;
        out->is_data = kind == 1;
        out->plugin_size = uint_at(b, at + 16, 8);
    } else if (!out->first[0]) {
        for (size_t i = 0; i + 1 < sizeof out->first && name[i]; i++)
            out->first[i] = (char)(name[i] < 0x20 ? '?' : name[i]);
    }
    return 1;
}

int elf_read(const void *data, uint64_t size, elf_facts *out, const char **why)
{
    bytes b = {data, size};
    memset(out, 0, sizeof *out);
    *why = "it is no ELF file";
    if (size < 64 || memcmp(data, "\177ELF", 4)) return 0;
    *why = "it is no 64-bit little-endian ELF file";
    if (b.data[4] != 2 || b.data[5] != 1) return 0;
    *why = "it is no shared object";
    if (uint_at(&b, 16, 2) != 3) return 0;
    *why = "its section table is damaged";
    uint64_t sections = uint_at(&b, 40, 8), count = uint_at(&b, 60, 2);
    if (uint_at(&b, 58, 2) != SECTION_SIZE || !inside(&b, sections, count * SECTION_SIZE)) return 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = sections + i * SECTION_SIZE;
        if (uint_at(&b, at + 4, 4) != SHT_DYNSYM) continue;
        uint64_t table = uint_at(&b, at + 24, 8), length = uint_at(&b, at + 32, 8), link = uint_at(&b, at + 40, 4);
        *why = "its dynamic symbol table is damaged";
        if (!inside(&b, table, length) || length % SYMBOL_SIZE || link >= count) return 0;
        uint64_t strings_at = sections + link * SECTION_SIZE;
        uint64_t strings = uint_at(&b, strings_at + 24, 8), strings_size = uint_at(&b, strings_at + 32, 8);
        if (!inside(&b, strings, strings_size)) return 0;
        for (uint64_t s = SYMBOL_SIZE; s < length; s += SYMBOL_SIZE)
            if (!read_symbol(&b, table + s, strings, strings_size, out)) return 0;
        return 1;
    }
    *why = "it has no dynamic symbol table";
    return 0;
}
