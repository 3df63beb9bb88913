/* plugin.c - reader-tf: TensorFlow's checkpoints (V2 and V1), SavedModels and frozen graphs. The formats: docs/formats/tf.md. */
#include "tf.h"

#include <ggx/plugin.h>
#include <ggx_sdk/checked.h>
#include <ggx_sdk/names.h>
#include <ggx_sdk/options.h>

#define HEAD_WANT 512u
#define VERIFY_SUM (32ull << 20) /* bytes that are checked unasked */

static int32_t probe_tf(const ggx_probe *probe) GGX_NOEXCEPT
{
    return tf_find_probe(probe);
}

static ggx_status open_tf(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                          ggx_error *error) GGX_NOEXCEPT
{
    static ggx_status (*const readers[])(tf_reader * r, ggx_error * error) = {
        [TF_BUNDLE] = tf_bundle_read, [TF_SLICES] = tf_slices_read, [TF_GRAPH] = tf_graph_read};
    tf_reader *r = self;
    const ggx_option_value *verify = ggx_option_find(options, "tf.verify");
    r->host = host;
    r->source = source;
    r->verify = verify ? verify->number != 0 : -1;
    r->verify_left = VERIFY_SUM;
    ggx_status status = tf_find(r, error);
    return status == GGX_OK ? readers[r->format](r, error) : status;
}

/* Keys of a table differ, as it checks; names of a graph's nodes may not. */
static ggx_status check_name(const tf_reader *r, const tf_tensor *t, ggx_names *names, ggx_error *error)
{
    uint64_t place = t->piece_count ? t->pieces->offset : 0;
    if (!t->name.size || memchr(t->name.data, 0, (size_t)t->name.size))
        return ggx_fail_at(error, GGX_E_MALFORMED, r->main, r->format == TF_GRAPH ? place : GGX_NO_OFFSET,
                           "a tensor's name is empty or has a NUL in it");
    if (r->format != TF_GRAPH) return GGX_OK;
    ggx_status status = ggx_names_add(names, t->name, "node", NULL, error);
    if (status == GGX_E_MALFORMED && error) {
        error->member = r->main;
        error->offset = place;
    }
    return status;
}

static ggx_status push_tensor(const tf_reader *r, uint64_t number, const ggx_sink *sink, ggx_error *error)
{
    const tf_tensor *from = &r->tensors[number];
    const tf_dtype *d = from->dtype;
    const tf_piece *piece = from->pieces;
    const int checked = from->access == GGX_ACCESS_READER && from->piece_count == 1 && !d->bits && piece->check;
    int in_file = (from->access == GGX_ACCESS_RAW || checked) && piece->size;
    ggx_tensor t;
    memset(&t, 0, sizeof t);
    t.struct_size = sizeof t;
    t.rank = from->rank;
    t.name = from->name;
    t.type = ggx_type_make(d->type, 1, d->bytes);
    t.access = from->access;
    t.flags = from->auxiliary || tf_name_auxiliary(from->name) ? GGX_TENSOR_AUXILIARY : 0;
    if (checked && in_file) t.flags |= GGX_TENSOR_IN_PLACE;
    t.member = in_file ? piece->member : r->main;
    t.offset = in_file ? piece->offset : 0;
    t.nbytes = in_file ? piece->size : 0;
    t.cookie = number;
    if (from->access == GGX_ACCESS_RAW)
        t.byte_order = !r->big ? GGX_LITTLE_ENDIAN : d->units == 2 ? GGX_BIG_ENDIAN_PAIRS : GGX_BIG_ENDIAN;
    else
        t.byte_order = tf_host_little() ? GGX_LITTLE_ENDIAN : GGX_BIG_ENDIAN;
    memcpy(t.shape, from->shape, from->rank * sizeof t.shape[0]);
    if (from->access == GGX_ACCESS_READER && from->piece_count > 1) memcpy(t.chunk, piece->count, sizeof t.chunk);
    return sink->tensor(sink, &t, error);
}

static ggx_status index_tf(void *self, const ggx_sink *sink, ggx_error *error) GGX_NOEXCEPT
{
    tf_reader *r = self;
    ggx_names names;
    ggx_names_init(&names, r->host);
    ggx_status status = tf_objects_push(r, sink, error);
    for (uint64_t i = 0; status == GGX_OK && i < r->string_count; i++)
        status = tf_strings_push(r, &r->strings[i], sink, error);
    for (uint64_t i = 0; status == GGX_OK && i < r->tensor_count; i++) {
        status = check_name(r, &r->tensors[i], &names, error);
        if (status == GGX_OK) status = push_tensor(r, i, sink, error);
    }
    if (status == GGX_OK && r->left_out) {
        char text[200];
        snprintf(text, sizeof text, "%llu tensors hold long strings or handles and are left out, the first is '%s'",
                 (unsigned long long)r->left_out, r->first_left_out);
        r->host->log(r->host, GGX_LOG_INFO, text);
    }
    return status;
}

static ggx_status read_tf(void *self, uint64_t cookie, const ggx_box *box, void *out, uint64_t out_size,
                          ggx_error *error) GGX_NOEXCEPT
{
    (void)out_size;
    return tf_box_read(self, cookie, box, out, error);
}

static const ggx_option options[] = {
    {sizeof(ggx_option), GGX_OPTION_BOOL, "tf.verify",
     "check the CRC of every tensor when opening (on), of none (off); by default of those up to 1 MiB, 32 MiB in all, "
     "and of "
     "the others as they are read"},
};

static const ggx_reader reader = {
    .struct_size = sizeof(ggx_reader),
    .instance_size = sizeof(tf_reader),
    .head_want = HEAD_WANT,
    .tail_want = GGX_SSTABLE_FOOTER,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .probe = probe_tf,
    .open = open_tf,
    .index = index_tf,
    .read = read_tf,
};

static const ggx_provide provides[] = {{GGX_READER_ID, &reader}};
GGX_PLUGIN("reader-tf", "0.1.0", "MIT", provides);
