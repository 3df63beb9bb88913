/* graph.c - a GraphDef (tensorflow/core/framework/graph.proto): its nodes of op Const are the tensors. */
#include "tf.h"

#include <ggx_sdk/checked.h>

#define OP_ROOM 16u

/* NodeDef: 1 name, 2 op, 5 attr {1 key, 2 AttrValue {8 tensor}}. */
typedef struct node {
    uint64_t name, name_size; /* where they lie */
    uint64_t tensor, tensor_size;
    int is_const;
} node;

/* The node's attribute "value". */
static void read_attr(ggx_pb *m, node *n)
{
    char key[OP_ROOM];
    uint64_t size = 0;
    ggx_pb value;
    while (ggx_pb_next(m)) {
        if (ggx_pb_is(m, 1, GGX_PB_LEN))
            size = m->number <= sizeof key ? ggx_pb_bytes(m, key, sizeof key, "an attribute") : 0;
        if (!ggx_pb_is(m, 2, GGX_PB_LEN) || size != 5 || memcmp(key, "value", 5) != 0) continue;
        for (ggx_pb_enter(&value, m); ggx_pb_next(&value);) {
            if (!ggx_pb_is(&value, 8, GGX_PB_LEN)) continue;
            n->tensor = value.at;
            n->tensor_size = value.number;
        }
    }
}

static void read_node(ggx_pb *m, node *n)
{
    char op[OP_ROOM];
    ggx_pb attr;
    memset(n, 0, sizeof *n);
    while (ggx_pb_next(m)) {
        if (ggx_pb_is(m, 1, GGX_PB_LEN)) {
            n->name = m->at;
            n->name_size = m->number;
        }
        if (ggx_pb_is(m, 2, GGX_PB_LEN))
            n->is_const = m->number == 5 && ggx_pb_bytes(m, op, sizeof op, "an op") && !memcmp(op, "Const", 5);
        if (!ggx_pb_is(m, 5, GGX_PB_LEN)) continue;
        ggx_pb_enter(&attr, m);
        read_attr(&attr, n);
    }
}

/* TensorProto: 1 dtype, 2 tensor_shape, 4 tensor_content. */
static ggx_status read_tensor(ggx_cursor *c, const node *n, tf_tensor *t, uint64_t *content)
{
    ggx_pb m, shape;
    uint64_t code = 0;
    t->elems = 1;
    c->at = n->tensor;
    for (ggx_pb_begin(&m, c, n->tensor + n->tensor_size); ggx_pb_next(&m);) {
        if (ggx_pb_is(&m, 1, GGX_PB_VARINT)) code = m.number;
        if (ggx_pb_is(&m, 4, GGX_PB_LEN)) *content = m.number;
        if (!ggx_pb_is(&m, 2, GGX_PB_LEN)) continue;
        ggx_pb_enter(&shape, &m);
        if (tf_shape_read(&shape, t) != GGX_OK) return c->status;
    }
    t->dtype = tf_dtype_find(code);
    if (c->status == GGX_OK && !t->dtype)
        c->status = ggx_fail_at(c->error, GGX_E_UNSUPPORTED, c->member, n->tensor,
                                "tensor '%.*s' has an element type that this reader does not know: DataType %llu",
                                GGX_STR_ARGS(t->name), (unsigned long long)code);
    return c->status;
}

/* Numbers that lie in one run as they are need no reading by us. */
static ggx_status place_tensor(tf_reader *r, const node *n, tf_tensor *t, uint64_t content, ggx_error *error)
{
    tf_piece *piece = &r->pieces[r->piece_count++];
    uint64_t bytes = 0;
    t->pieces = piece;
    t->piece_count = 1;
    t->access = GGX_ACCESS_SEQUENTIAL;
    memcpy(piece->count, t->shape, sizeof t->shape);
    piece->member = r->main;
    piece->offset = n->tensor;
    piece->size = n->tensor_size;
    if (!ggx_mul_u64(t->elems, t->dtype->bytes, &bytes) || (content && content != bytes))
        return ggx_fail_at(error, GGX_E_MALFORMED, r->main, n->tensor,
                           "tensor '%.*s' holds %llu bytes, but its shape needs %llu; the file is damaged",
                           GGX_STR_ARGS(t->name), (unsigned long long)content, (unsigned long long)bytes);
    ggx_status status = tf_values_begin(&r->values, r->source, r->main, n->tensor, n->tensor_size, t->dtype, error);
    uint64_t run = status == GGX_OK ? tf_values_run(&r->values, bytes) : 0;
    if (status == GGX_OK) status = r->values.c.status;
    if (!run || t->dtype->bits) return status;
    t->access = GGX_ACCESS_RAW;
    piece->offset = run;
    piece->size = bytes;
    return status;
}

/* A whole number, or a list of them, in a graph is a shape, an axis or a permutation, and no weight. */
static int is_argument(const tf_tensor *t)
{
    return t->rank <= 1 && t->dtype->field != 0 &&
           (!strcmp(t->dtype->name, "int32") || !strcmp(t->dtype->name, "int64"));
}

static ggx_status add_node(tf_reader *r, ggx_cursor *c, const node *n, ggx_error *error)
{
    tf_tensor *t = &r->tensors[r->tensor_count];
    uint64_t content = 0;
    char *name = n->name_size <= TF_MAX_NAME ? r->host->alloc(r->host, n->name_size) : NULL;
    if (n->name_size > TF_MAX_NAME)
        return ggx_fail_at(error, GGX_E_UNSUPPORTED, r->main, n->name, "a node's name is longer than 65535 bytes");
    if (!name) return tf_no_memory(r->tensor_count, error);
    c->at = n->name;
    if (n->name_size && ggx_cursor_bytes(c, name, n->name_size, "a node's name") != GGX_OK) return c->status;
    memset(t, 0, sizeof *t);
    t->name = (ggx_str){name, n->name_size};
    ggx_status status = read_tensor(c, n, t, &content);
    if (status != GGX_OK) return status;
    if (!t->dtype->type) {
        tf_leave_out(r, t->name);
        return GGX_OK;
    }
    t->auxiliary = (uint32_t)is_argument(t);
    status = place_tensor(r, n, t, content, error);
    if (status == GGX_OK) r->tensor_count++;
    return status;
}

/* Without arrays to fill, counts the constants. */
static ggx_status walk(tf_reader *r, uint64_t *count, int fill, ggx_error *error)
{
    ggx_cursor c;
    ggx_pb graph, inner;
    ggx_cursor_init(&c, r->source, r->main, r->graph, r->graph_end, error);
    uint64_t nodes = 0;
    for (ggx_pb_begin(&graph, &c, r->graph_end); ggx_pb_next(&graph);) {
        node n;
        if (!ggx_pb_is(&graph, 1, GGX_PB_LEN)) continue;
        nodes++;
        ggx_pb_enter(&inner, &graph);
        read_node(&inner, &n);
        if (c.status == GGX_OK && r->host->canceled(r->host))
            return ggx_fail(error, GGX_E_CANCELED, "stopped while reading a graph");
        if (c.status != GGX_OK || !n.is_const) continue;
        ++*count;
        ggx_status status = fill ? add_node(r, &c, &n, error) : GGX_OK;
        if (status != GGX_OK) return status;
    }
    if (c.status == GGX_OK && !nodes)
        return ggx_fail_at(error, GGX_E_MALFORMED, r->main, r->graph,
                           "the file holds no node of a graph; it is neither a GraphDef nor a checkpoint");
    return c.status;
}

ggx_status tf_graph_read(tf_reader *r, ggx_error *error)
{
    uint64_t count = 0, again = 0;
    ggx_status status = walk(r, &count, 0, error);
    if (status != GGX_OK) return status;
    r->tensors = r->host->alloc(r->host, count * sizeof *r->tensors); /* the count is below the file's bytes */
    r->pieces = r->host->alloc(r->host, count * sizeof *r->pieces);
    return r->tensors && r->pieces ? walk(r, &again, 1, error) : tf_no_memory(count, error);
}
