/* objects.c - the object graph of a TensorFlow 2 checkpoint (tensorflow/core/protobuf/trackable_object_graph.proto). A checkpoint's keys
 * are paths through objects, "layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE"; the graph tells what the variables were
 * called, "dense/kernel". Each such name becomes a key/value "tf.full_name.<key>". */
#include "tf.h"

#include <ggx_sdk/names.h>

#define KEY "tf.full_name."

/* SerializedTensor: 1 name, 2 full_name, 3 checkpoint_key. */
static ggx_status push_name(tf_reader *r, ggx_pb *m, ggx_names *seen, const ggx_sink *sink, ggx_error *error)
{
    ggx_str name = {NULL, 0}, kept = {NULL, 0};
    char *key = NULL;
    uint64_t size = 0;
    while (ggx_pb_next(m)) {
        if (ggx_pb_is(m, 2, GGX_PB_LEN) && tf_name_keep(r, m, &name, "a variable's name") != GGX_OK) break;
        if (!ggx_pb_is(m, 3, GGX_PB_LEN) || m->number > TF_MAX_NAME - (sizeof KEY - 1)) continue;
        size = sizeof KEY - 1 + m->number;
        key = r->host->alloc(r->host, size);
        if (!key) return tf_no_memory(r->tensor_count, error);
        memcpy(key, KEY, sizeof KEY - 1);
        (void)ggx_pb_bytes(m, key + sizeof KEY - 1, m->number, "a checkpoint's key");
    }
    if (m->c->status != GGX_OK) return m->c->status;
    if (!name.size || !key || memchr(key, 0, (size_t)size)) return GGX_OK;
    ggx_status status = ggx_names_add(seen, (ggx_str){key, size}, "key", &kept, NULL);
    if (status == GGX_E_MALFORMED) return GGX_OK; /* two paths to one variable */
    if (status != GGX_OK) return tf_no_memory(r->tensor_count, error);
    ggx_kv kv;
    memset(&kv, 0, sizeof kv);
    kv.struct_size = sizeof kv;
    kv.type = kv.elem_type = GGX_KV_STRING;
    kv.key = kept;
    kv.count = 1;
    kv.data = &name;
    return sink->kv(sink, &kv, error);
}

/* The string tensor: its length, a CRC of that (four bytes), and TrackableObjectGraph {1 nodes {2 attributes}}. */
ggx_status tf_objects_push(tf_reader *r, const ggx_sink *sink, ggx_error *error)
{
    ggx_cursor c;
    ggx_pb graph, object, attribute;
    ggx_names seen;
    const uint64_t end = r->objects.offset + r->objects.size;
    if (!r->objects.size) return GGX_OK;
    ggx_names_init(&seen, r->host);
    ggx_cursor_init(&c, r->source, r->objects.member, r->objects.offset, end, error);
    uint64_t length = ggx_pb_varint(&c, end, "the object graph's length");
    (void)ggx_cursor_skip(&c, 4, "the object graph's length");
    if (c.status == GGX_OK && length != ggx_cursor_left(&c))
        return ggx_fail_at(error, GGX_E_MALFORMED, c.member, r->objects.offset,
                           "the object graph has %llu bytes, but claims %llu; the file is damaged",
                           (unsigned long long)ggx_cursor_left(&c), (unsigned long long)length);
    for (ggx_pb_begin(&graph, &c, end); ggx_pb_next(&graph);) {
        if (!ggx_pb_is(&graph, 1, GGX_PB_LEN)) continue;
        for (ggx_pb_enter(&object, &graph); ggx_pb_next(&object);) {
            if (!ggx_pb_is(&object, 2, GGX_PB_LEN)) continue;
            ggx_pb_enter(&attribute, &object);
            ggx_status status = push_name(r, &attribute, &seen, sink, error);
            if (status != GGX_OK) return status;
        }
        if (r->host->canceled(r->host)) return ggx_fail(error, GGX_E_CANCELED, "stopped while reading an object graph");
    }
    return c.status;
}
