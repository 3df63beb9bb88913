/* values.c - the numbers of a TensorProto (tensorflow/core/framework/tensor.proto): bytes as they are (tensor_content), or a field for
 * each kind of type, packed or one by one. When there are fewer than elements, the last stands for the rest (tensor.cc, FromProtoField). */
#include "tf.h"

#define CONTENT 4u /* tensor_content */

static uint32_t wire_of(const tf_dtype *d)
{
    static const uint8_t wires[] = {GGX_PB_VARINT, GGX_PB_I32, GGX_PB_I64, GGX_PB_LEN};
    return wires[d->pack];
}

/* Bytes that a unit takes in a packed run; 0 for varints. */
static uint64_t packed_bytes(const tf_dtype *d)
{
    static const uint8_t bytes[] = {0, 4, 8, 1};
    return bytes[d->pack];
}

static void go_to_start(tf_values *v)
{
    v->c.at = v->begin;
    ggx_pb_begin(&v->m, &v->c, v->c.end);
    v->run = v->run_end = v->at = v->seen = v->last[0] = v->last[1] = 0;
}

ggx_status tf_values_begin(tf_values *v, const ggx_source *source, uint32_t member, uint64_t offset, uint64_t size,
                           const tf_dtype *dtype, ggx_error *error)
{
    v->dtype = dtype;
    v->begin = offset;
    v->content = v->content_size = 0;
    ggx_cursor_init(&v->c, source, member, offset, offset + size, error);
    go_to_start(v);
    while (ggx_pb_next(&v->m)) {
        if (!ggx_pb_is(&v->m, CONTENT, GGX_PB_LEN)) continue;
        v->content = v->m.at;
        v->content_size = v->m.number;
    }
    if (v->c.status == GGX_OK) go_to_start(v);
    return v->c.status;
}

/* Puts run at the next bytes with values in them; 0 when there are no more. */
static int next_run(tf_values *v)
{
    uint64_t width = packed_bytes(v->dtype);
    if (v->content_size) {
        int first = !v->run_end;
        v->run = v->content;
        v->run_end = v->content + v->content_size;
        return first;
    }
    while (ggx_pb_next(&v->m)) {
        if (v->m.field != v->dtype->field) continue;
        if (v->m.wire != GGX_PB_LEN && v->m.wire != wire_of(v->dtype)) continue;
        v->run = v->m.at;
        v->run_end = v->m.next;
        if (v->m.wire == GGX_PB_LEN && width && (v->run_end - v->run) % width) {
            v->c.status = ggx_fail_at(v->c.error, GGX_E_MALFORMED, v->c.member, v->run,
                                      "the values of a tensor end in the middle of one; the file is damaged");
            return 0;
        }
        if (v->run < v->run_end) return 1;
    }
    return 0;
}

static uint32_t unit_bytes(const tf_dtype *d)
{
    return (uint32_t)d->bytes / d->units;
}

static void put(uint64_t bits, uint32_t bytes, uint8_t *out)
{
    for (uint32_t i = 0; i < bytes; i++) out[tf_host_little() ? i : bytes - 1 - i] = (uint8_t)(bits >> (8 * i));
}

/* Up to `units` of a run that is little-endian and as wide as wanted. */
static uint64_t take_plain(tf_values *v, uint64_t units, uint8_t *out)
{
    const uint32_t bytes = unit_bytes(v->dtype);
    uint64_t done = (v->run_end - v->run) / bytes;
    if (done > units) done = units;
    for (uint64_t i = done > 1 ? done - 2 : 0; i < done; i++) {
        v->c.at = v->run + i * bytes;
        v->last[(v->seen + i) & 1u] = ggx_cursor_uint(&v->c, bytes, "a value");
    }
    v->c.at = v->run;
    if (out && done) (void)ggx_cursor_bytes(&v->c, out, done * bytes, "a tensor's values");
    if (out && !tf_host_little()) tf_swap(out, done, bytes);
    v->run = done ? v->run + done * bytes : v->run_end; /* less than a unit is none */
    return done;
}

/* Up to `units` of a run of varints. */
static uint64_t take_varints(tf_values *v, uint64_t units, uint8_t *out)
{
    const uint32_t bytes = unit_bytes(v->dtype);
    uint64_t done = 0;
    v->c.at = v->run;
    for (; done < units && v->run < v->run_end && v->c.status == GGX_OK; done++) {
        uint64_t value = ggx_pb_varint(&v->c, v->run_end, "a value");
        v->last[(v->seen + done) & 1u] = value;
        v->run = v->c.at;
        if (out) put(value, bytes, out + done * bytes);
    }
    return done;
}

/* What a message leaves out is its last value, of complex numbers the last pair; of an empty one, zero. */
static void repeat(const tf_values *v, uint64_t units, uint8_t *out)
{
    const uint32_t bytes = unit_bytes(v->dtype);
    for (uint64_t i = 0; out && i < units; i++) {
        uint64_t which = v->dtype->units == 2 ? v->at + i : v->seen - 1;
        put(v->seen ? v->last[which & 1u] : 0, bytes, out + i * bytes);
    }
}

ggx_status tf_values_take(tf_values *v, uint64_t units, uint8_t *out, ggx_error *error)
{
    const uint32_t bytes = unit_bytes(v->dtype);
    v->c.error = error;
    while (units && v->c.status == GGX_OK) {
        if (v->run >= v->run_end && !next_run(v)) break;
        int plain = v->content_size || packed_bytes(v->dtype) == bytes;
        uint64_t n = plain ? take_plain(v, units, out) : take_varints(v, units, out);
        if (out) out += n * bytes;
        units -= n;
        v->at += n;
        v->seen += n;
    }
    if (v->c.status != GGX_OK) return v->c.status;
    repeat(v, units, out);
    v->at += units;
    return GGX_OK;
}

uint64_t tf_values_run(tf_values *v, uint64_t bytes)
{
    uint64_t at = 0;
    if (v->content_size) return v->content_size == bytes ? v->content : 0;
    if (packed_bytes(v->dtype) != unit_bytes(v->dtype)) return 0;
    if (next_run(v)) at = v->run;
    if (v->run_end - v->run != bytes) at = 0;
    if (at && next_run(v)) at = 0;
    if (v->c.status == GGX_OK) go_to_start(v);
    return at;
}
