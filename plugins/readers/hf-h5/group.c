/* group.c - the children of a group: symbol tables (III.B, III.C), link messages (IV.A.2.g), and links in a heap (IV.A.2.c). */
#include "h5.h"

#define MAX_NAME 65535u
#define BTREE1_LEVELS 16u
#define SYMBOL_SOFT 2u /* cache type */

typedef struct group {
    h5_file *f;
    h5_child_fn fn;
    void *context;
    uint64_t tree, heap;   /* of a symbol table */
    uint64_t links, names; /* heap and B-tree of dense links */
    int is_group;
    h5_fractal fractal;
} group;

static ggx_status give(group *g, ggx_str name, uint64_t address, ggx_error *error)
{
    if (!name.size || memchr(name.data, 0, (size_t)name.size) || memchr(name.data, '/', (size_t)name.size))
        return ggx_fail(error, GGX_E_MALFORMED, "the link '%.*s' is empty, or holds a NUL or a slash",
                        GGX_STR_ARGS(name));
    if (address == H5_NONE)
        return ggx_fail(error, GGX_E_MALFORMED, "the link '%.*s' leads nowhere", GGX_STR_ARGS(name));
    return g->fn(g->context, name, address, error);
}

static ggx_status walk_symbols(group *g, uint64_t address, ggx_error *error)
{
    ggx_cursor c;
    ggx_status status = h5_file_at(g->f, &c, address, H5_NONE, "a symbol table", error);
    if (status == GGX_OK) status = h5_signature(&c, "SNOD", error);
    if (status != GGX_OK) return status;
    ggx_cursor_skip(&c, 2, "a symbol table");
    uint32_t count = ggx_cursor_u16(&c, "a symbol table");
    for (uint32_t i = 0; i < count && c.status == GGX_OK; i++) {
        ggx_str name = {NULL, 0};
        uint64_t offset = ggx_cursor_uint(&c, g->f->offset_bytes, "a symbol table");
        uint64_t child = h5_address(g->f, &c, "a symbol table");
        uint32_t cached = ggx_cursor_u32(&c, "a symbol table");
        ggx_cursor_skip(&c, 4 + 16, "a symbol table");
        if (c.status != GGX_OK) return c.status;
        status = h5_local_name(g->f, g->heap, offset, &name, error);
        if (status != GGX_OK) return status;
        if (cached == SYMBOL_SOFT)
            return ggx_fail_at(error, GGX_E_UNSUPPORTED, c.member, c.at,
                               "'%.*s' is a soft link; only hard links are followed, copy the file with h5repack",
                               GGX_STR_ARGS(name));
        status = give(g, name, child, error);
        if (status != GGX_OK) return status;
    }
    return c.status;
}

static ggx_status walk_tree(group *g, uint64_t address, uint32_t level, ggx_error *error)
{
    ggx_cursor c;
    ggx_status status = h5_file_at(g->f, &c, address, H5_NONE, "a group's B-tree", error);
    if (status == GGX_OK) status = h5_signature(&c, "TREE", error);
    if (status != GGX_OK) return status;
    uint32_t type = ggx_cursor_u8(&c, "a group's B-tree"), own = ggx_cursor_u8(&c, "a group's B-tree");
    uint32_t count = ggx_cursor_u16(&c, "a group's B-tree");
    if (c.status == GGX_OK && (type || own >= level)) return h5_bad(&c, error, "a group's B-tree has a wrong node");
    ggx_cursor_skip(&c, 2 * (uint64_t)g->f->offset_bytes, "a group's B-tree");
    for (uint32_t i = 0; i < count && c.status == GGX_OK; i++) {
        h5_length(g->f, &c, "a group's B-tree"); /* key: a name's offset */
        uint64_t child = h5_address(g->f, &c, "a group's B-tree");
        if (c.status != GGX_OK) break;
        status = own ? walk_tree(g, child, own, error) : walk_symbols(g, child, error);
        if (status != GGX_OK) return status;
    }
    return c.status;
}

static ggx_status read_link(group *g, ggx_cursor *c, ggx_error *error)
{
    uint32_t version = ggx_cursor_u8(c, "a link"), flags = ggx_cursor_u8(c, "a link");
    uint32_t type = flags & 8 ? ggx_cursor_u8(c, "a link") : 0;
    ggx_cursor_skip(c, (flags & 4 ? 8u : 0u) + (flags & 16 ? 1u : 0u), "a link");
    ggx_str name = {NULL, ggx_cursor_uint(c, 1u << (flags & 3), "a link")};
    if (c->status != GGX_OK) return c->status;
    if (version != 1) return h5_cannot(c, error, "a link has a version that this reader does not know");
    if (name.size > MAX_NAME || name.size > ggx_cursor_left(c)) return h5_bad(c, error, "a link's name is too long");
    char *copy = g->f->host->alloc(g->f->host, name.size);
    if (!copy) return ggx_fail(error, GGX_E_NOMEM, "the names do not fit into this reader's memory");
    name.data = copy;
    if (ggx_cursor_bytes(c, copy, name.size, "a link's name") != GGX_OK) return c->status;
    if (type)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, c->member, c->at,
                           "'%.*s' is %s link; only hard links are followed, copy the file with h5repack",
                           GGX_STR_ARGS(name), type == 1 ? "a soft" : "an external");
    uint64_t address = h5_address(g->f, c, "a link");
    return c->status == GGX_OK ? give(g, name, address, error) : c->status;
}

static ggx_status read_dense(void *context, const uint8_t *record, uint32_t size, uint32_t type, ggx_error *error)
{
    group *g = context;
    ggx_cursor c;
    uint64_t address = 0, length = 0;
    uint32_t skip = 4; /* the hash of the name */
    if (type != 5 || size <= skip)
        return ggx_fail(error, GGX_E_MALFORMED, "the links of a group lie in a B-tree of another kind");
    ggx_status status = h5_fractal_find(g->f, &g->fractal, record + skip, size - skip, &address, &length, error);
    if (status == GGX_OK) status = h5_file_at(g->f, &c, address, length, "a link", error);
    return status == GGX_OK ? read_link(g, &c, error) : status;
}

static ggx_status take_message(void *context, uint32_t type, uint32_t flags, ggx_cursor *c, ggx_error *error)
{
    group *g = context;
    (void)flags;
    if (type == H5_MSG_SYMBOLS) {
        g->is_group = 1;
        g->tree = h5_address(g->f, c, "a symbol table");
        g->heap = h5_address(g->f, c, "a symbol table");
    } else if (type == H5_MSG_LINK) {
        g->is_group = 1;
        return read_link(g, c, error);
    } else if (type == H5_MSG_LINK_INFO) {
        g->is_group = 1;
        ggx_cursor_skip(c, 1, "link information");
        uint32_t order = ggx_cursor_u8(c, "link information") & 1;
        ggx_cursor_skip(c, order ? 8 : 0, "link information");
        g->links = h5_address(g->f, c, "link information");
        g->names = h5_address(g->f, c, "link information");
    }
    return c->status;
}

ggx_status h5_group_walk(h5_file *f, uint64_t address, h5_child_fn fn, void *context, int *is_group, ggx_error *error)
{
    group g = {
        .f = f, .fn = fn, .context = context, .tree = H5_NONE, .heap = H5_NONE, .links = H5_NONE, .names = H5_NONE};
    ggx_status status = h5_object_walk(f, address, take_message, &g, error);
    if (status == GGX_OK && g.tree != H5_NONE) status = walk_tree(&g, g.tree, BTREE1_LEVELS, error);
    if (status == GGX_OK && g.links != H5_NONE && g.names != H5_NONE) {
        status = h5_fractal_open(f, g.links, &g.fractal, error);
        if (status == GGX_OK) status = h5_btree2_walk(f, g.names, read_dense, &g, error);
    }
    *is_group = g.is_group;
    return status;
}
