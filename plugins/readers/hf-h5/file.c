/* file.c - the superblock, and reads that stay inside the file. */
#include "h5.h"

ggx_status h5_bad(const ggx_cursor *c, ggx_error *error, const char *text)
{
    return ggx_fail_at(error, GGX_E_MALFORMED, c->member, c->at, "%s; the file is damaged", text);
}

ggx_status h5_cannot(const ggx_cursor *c, ggx_error *error, const char *text)
{
    return ggx_fail_at(error, GGX_E_UNSUPPORTED, c->member, c->at, "%s", text);
}

static ggx_status place(h5_file *f, uint64_t address, uint64_t size, const char *what, ggx_error *error)
{
    uint64_t room = f->end - f->base;
    if (++f->steps > f->max_steps)
        return ggx_fail_at(error, GGX_E_MALFORMED, f->member, GGX_NO_OFFSET,
                           "the file's structures refer to each other more often than a file of this size can");
    if (f->host->canceled(f->host))
        return ggx_fail(error, GGX_E_CANCELED, "stopped while reading the file's structures");
    if (address > room || (size != H5_NONE && size > room - address))
        return ggx_fail_at(error, GGX_E_MALFORMED, f->member, GGX_NO_OFFSET,
                           "%s at address %llu lies beyond the end of the file; it is cut short or damaged", what,
                           (unsigned long long)address);
    return GGX_OK;
}

/* Also a cursor that could not be placed may be read: it gives zeros and keeps its status. */
ggx_status h5_file_at(h5_file *f, ggx_cursor *c, uint64_t address, uint64_t size, const char *what, ggx_error *error)
{
    ggx_status status = place(f, address, size, what, error);
    uint64_t begin = status == GGX_OK ? f->base + address : f->end;
    ggx_cursor_init(c, f->source, f->member, begin, size == H5_NONE || status != GGX_OK ? f->end : begin + size, error);
    c->status = status;
    return status;
}

uint64_t h5_address(const h5_file *f, ggx_cursor *c, const char *what)
{
    uint64_t v = ggx_cursor_uint(c, f->offset_bytes, what);
    uint64_t none = f->offset_bytes == 8 ? UINT64_MAX : ((uint64_t)1 << (8 * f->offset_bytes)) - 1;
    return v == none ? H5_NONE : v;
}

uint64_t h5_length(const h5_file *f, ggx_cursor *c, const char *what)
{
    return ggx_cursor_uint(c, f->length_bytes, what);
}

ggx_status h5_signature(ggx_cursor *c, const char *signature, ggx_error *error)
{
    char found[4];
    uint64_t at = c->at;
    if (ggx_cursor_bytes(c, found, 4, "a signature") != GGX_OK) return c->status;
    if (memcmp(found, signature, 4) != 0)
        return ggx_fail_at(error, GGX_E_MALFORMED, c->member, at,
                           "there is no %s where one should be; the file is damaged", signature);
    return GGX_OK;
}

static int size_is_known(uint32_t bytes)
{
    return bytes == 2 || bytes == 4 || bytes == 8;
}

/* II.A, versions 0 and 1: the root group's symbol table entry is part of the superblock. */
static ggx_status read_old(h5_file *f, ggx_cursor *c, uint32_t version)
{
    ggx_cursor_skip(c, 4, "the superblock"); /* versions of other parts, and a reserved byte */
    f->offset_bytes = ggx_cursor_u8(c, "the superblock");
    f->length_bytes = ggx_cursor_u8(c, "the superblock");
    if (c->status != GGX_OK) return c->status;
    if (!size_is_known(f->offset_bytes) || !size_is_known(f->length_bytes))
        return h5_bad(c, c->error, "addresses or lengths have an odd size");
    ggx_cursor_skip(c, 1 + 2 + 2 + 4 + (version ? 4 : 0), "the superblock");
    uint64_t base = h5_address(f, c, "the base address");
    h5_address(f, c, "the superblock"); /* free space */
    uint64_t end = h5_address(f, c, "the end of file");
    h5_address(f, c, "the superblock"); /* driver information */
    h5_address(f, c, "the root group"); /* its name: empty */
    f->root = h5_address(f, c, "the root group");
    (void)base; /* the file may have been put behind other bytes: what counts is where the superblock lies */
    if (c->status == GGX_OK && end != H5_NONE && base != H5_NONE && end > base && end - base > f->end - f->base)
        return h5_bad(c, c->error, "the file is shorter than its superblock says; it is cut short");
    return c->status;
}

/* II.B, versions 2 and 3. */
static ggx_status read_new(h5_file *f, ggx_cursor *c)
{
    f->offset_bytes = ggx_cursor_u8(c, "the superblock");
    f->length_bytes = ggx_cursor_u8(c, "the superblock");
    if (c->status != GGX_OK) return c->status;
    if (!size_is_known(f->offset_bytes) || !size_is_known(f->length_bytes))
        return h5_bad(c, c->error, "addresses or lengths have an odd size");
    ggx_cursor_skip(c, 1, "the superblock");
    uint64_t base = h5_address(f, c, "the base address");
    h5_address(f, c, "the superblock"); /* extension */
    uint64_t end = h5_address(f, c, "the end of file");
    f->root = h5_address(f, c, "the root group");
    if (c->status == GGX_OK && end != H5_NONE && base != H5_NONE && end > base && end - base > f->end - f->base)
        return h5_bad(c, c->error, "the file is shorter than its superblock says; it is cut short");
    return c->status;
}

ggx_status h5_file_open(h5_file *f, uint64_t begin, uint64_t end, ggx_error *error)
{
    static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    ggx_cursor c;
    uint8_t found[8];
    f->end = end;
    f->max_steps = 100000 + (end - begin) / 16;
    /* the superblock lies at 0, 512, 1024 and so on, behind a user block */
    for (uint64_t at = 0; end - begin >= 9 && at < end - begin - 8; at = at ? 2 * at : 512) {
        ggx_cursor_init(&c, f->source, f->member, begin + at, end, error);
        if (ggx_cursor_bytes(&c, found, 8, "the superblock") != GGX_OK) return c.status;
        if (memcmp(found, signature, 8) != 0) continue;
        f->base = begin + at;
        uint32_t version = ggx_cursor_u8(&c, "the superblock");
        if (c.status == GGX_OK && version > 3)
            return h5_cannot(&c, error, "the superblock has a version above 3, which this reader does not know");
        ggx_status status = version < 2 ? read_old(f, &c, version) : read_new(f, &c);
        if (status == GGX_OK && f->root == H5_NONE) return h5_bad(&c, error, "there is no root group");
        return status;
    }
    return ggx_fail_at(error, GGX_E_MALFORMED, f->member, begin, "there is no HDF5 superblock; this is no HDF5 file");
}
