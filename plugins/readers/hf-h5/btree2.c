/* btree2.c - version 2 B-trees (III.A.2): all records, in order. */
#include "h5.h"

#define MAX_LEVELS 16u
#define MAX_RECORD 512u
#define NODE_OVERHEAD 10u /* signature, version, type, checksum */

typedef struct level {
    uint64_t max_records;
    uint32_t total_bytes; /* width of the field with the number of records in and below a node of this level */
} level;

typedef struct tree {
    h5_file *f;
    h5_record_fn fn;
    void *context;
    uint32_t type, node_size, record_size, depth;
    uint32_t count_bytes; /* width of the field with the number of records in a node */
    level levels[MAX_LEVELS];
} tree;

static uint32_t bytes_for(uint64_t value) /* 1 for 0..255 and so on */
{
    uint32_t n = 1;
    while (n < 8 && value >> (8 * n)) n++;
    return n;
}

/* How wide the pointers at each level are follows from how many records fit below. */
static ggx_status size_levels(tree *t, const ggx_cursor *c, ggx_error *error)
{
    if (!t->record_size || t->record_size > MAX_RECORD || t->depth >= MAX_LEVELS ||
        t->node_size < NODE_OVERHEAD + t->record_size)
        return h5_bad(c, error, "a B-tree has impossible measures");
    uint64_t below = t->levels[0].max_records = (t->node_size - NODE_OVERHEAD) / t->record_size;
    t->count_bytes = bytes_for(below);
    for (uint32_t i = 1; i <= t->depth; i++) {
        uint32_t pointer = t->f->offset_bytes + t->count_bytes + t->levels[i - 1].total_bytes;
        if (t->node_size < NODE_OVERHEAD + pointer) return h5_bad(c, error, "a B-tree has impossible measures");
        uint64_t n = t->levels[i].max_records = (t->node_size - NODE_OVERHEAD - pointer) / (t->record_size + pointer);
        if (!ggx_mul_u64(n + 1, below, &below) || !ggx_add_u64(below, n, &below)) below = UINT64_MAX;
        t->levels[i].total_bytes = bytes_for(below);
    }
    return GGX_OK;
}

static ggx_status walk_node(tree *t, uint64_t address, uint64_t count, uint32_t depth, ggx_error *error)
{
    ggx_cursor records, pointers;
    uint8_t record[MAX_RECORD];
    uint32_t pointer = depth ? t->f->offset_bytes + t->count_bytes + t->levels[depth - 1].total_bytes : 0;
    ggx_status status = h5_file_at(t->f, &records, address, t->node_size, "a B-tree's node", error);
    if (status == GGX_OK) status = h5_signature(&records, depth ? "BTIN" : "BTLF", error);
    if (status != GGX_OK) return status;
    ggx_cursor_skip(&records, 2, "a B-tree's node");
    if (count > t->levels[depth].max_records) return h5_bad(&records, error, "a B-tree's node has too many records");
    pointers = records;
    pointers.at += count * t->record_size;
    for (uint64_t i = 0; i <= count; i++) {
        if (depth) {
            uint64_t child = h5_address(t->f, &pointers, "a B-tree's node");
            uint64_t n = ggx_cursor_uint(&pointers, t->count_bytes, "a B-tree's node");
            ggx_cursor_skip(&pointers, pointer - t->f->offset_bytes - t->count_bytes, "a B-tree's node");
            if (pointers.status != GGX_OK) return pointers.status;
            status = walk_node(t, child, n, depth - 1, error);
            if (status != GGX_OK) return status;
        }
        if (i == count) break;
        if (ggx_cursor_bytes(&records, record, t->record_size, "a B-tree's record") != GGX_OK) return records.status;
        status = t->fn(t->context, record, t->record_size, t->type, error);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

ggx_status h5_btree2_walk(h5_file *f, uint64_t address, h5_record_fn fn, void *context, ggx_error *error)
{
    tree t = {.f = f, .fn = fn, .context = context};
    ggx_cursor c;
    ggx_status status = h5_file_at(f, &c, address, H5_NONE, "a B-tree", error);
    if (status == GGX_OK) status = h5_signature(&c, "BTHD", error);
    if (status != GGX_OK) return status;
    ggx_cursor_skip(&c, 1, "a B-tree");
    t.type = ggx_cursor_u8(&c, "a B-tree");
    t.node_size = ggx_cursor_u32(&c, "a B-tree");
    t.record_size = ggx_cursor_u16(&c, "a B-tree");
    t.depth = ggx_cursor_u16(&c, "a B-tree");
    ggx_cursor_skip(&c, 2, "a B-tree"); /* when nodes are split and merged */
    uint64_t root = h5_address(f, &c, "a B-tree");
    uint64_t count = ggx_cursor_u16(&c, "a B-tree");
    if (c.status != GGX_OK) return c.status;
    status = size_levels(&t, &c, error);
    if (status != GGX_OK || root == H5_NONE) return status;
    return walk_node(&t, root, count, t.depth, error);
}
