/* toy.c - reads .toy checkpoints. Copy this folder, rename "toy", and replace the format:
 *
 *     offset 0   "TOY1"
 *            4   u32 number of tensors, little-endian like everything below
 *            8   for each tensor: u8 length of its name, the name, u8 rank (<= 4), rank x u32 shape (slowest axis first),
 *                then its float32 elements in C order
 *
 * The elements lie in the file as they are, so `index` only says where (GGX_ACCESS_RAW), and there is no `read`. */
#include <ggx/reader.h>
#include <ggx_sdk/checked.h>
#include <ggx_sdk/cursor.h>

typedef struct toy {
    const ggx_host *host;
    const ggx_source *source;
    uint64_t size;  /* bytes of the file */
    uint32_t count; /* tensors */
} toy;

/* Pure: looks at the window it is given and at nothing else. A second field makes the magic a proof. */
static int32_t toy_probe(const ggx_probe *probe) GGX_NOEXCEPT
{
    if (probe->head.size < 8 || memcmp(probe->head.data, "TOY1", 4)) return GGX_PROBE_NO;
    return probe->head.data[7] == 0 ? GGX_PROBE_PROVEN : GGX_PROBE_MAGIC;
}

static ggx_status toy_open(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                           ggx_error *error) GGX_NOEXCEPT
{
    toy *t = self;
    ggx_member file = {.struct_size = sizeof file};
    ggx_cursor c; /* never reads beyond its end; the first failure sticks and has filled `error` */
    char magic[4];
    (void)options; /* this reader declares none */
    t->host = host;
    t->source = source;
    ggx_status status = source->member(source, 0, &file, error);
    if (status != GGX_OK) return status;
    t->size = file.size;
    ggx_cursor_init(&c, source, 0, 0, t->size, error);
    ggx_cursor_bytes(&c, magic, sizeof magic, "the magic");
    t->count = ggx_cursor_u32(&c, "the number of tensors");
    if (c.status == GGX_OK && memcmp(magic, "TOY1", 4))
        return ggx_fail_at(error, GGX_E_MALFORMED, 0, 0, "this is no toy checkpoint: it does not begin with TOY1");
    return c.status;
}

static ggx_status toy_index(void *self, const ggx_sink *sink, ggx_error *error) GGX_NOEXCEPT
{
    toy *t = self;
    ggx_cursor c;
    ggx_cursor_init(&c, t->source, 0, 8, t->size, error);
    for (uint32_t i = 0; i < t->count; i++) {
        char name[255];
        uint64_t elems;
        if (t->host->canceled(t->host)) return ggx_fail(error, GGX_E_CANCELED, "stopped after %u tensors", i);
        ggx_tensor tensor = {.struct_size = sizeof tensor, .type = ggx_type_make("f32", 1, 4), .name.data = name};
        tensor.name.size = ggx_cursor_u8(&c, "the length of a name");
        ggx_cursor_bytes(&c, name, tensor.name.size, "a tensor's name");
        tensor.rank = ggx_cursor_u8(&c, "a tensor's rank");
        if (tensor.rank > 4)
            return ggx_fail_at(error, GGX_E_MALFORMED, 0, c.at, "tensor %.*s has rank %u, at most 4 is possible",
                               GGX_STR_ARGS(tensor.name), tensor.rank);
        for (uint32_t a = 0; a < tensor.rank; a++) tensor.shape[a] = ggx_cursor_u32(&c, "a tensor's shape");
        /* The shape comes from the file: its product is computed with a check, and skipped with one. */
        if (!ggx_product_u64(tensor.shape, tensor.rank, &elems) || !ggx_type_bytes(&tensor.type, elems, &tensor.nbytes))
            return ggx_fail_at(error, GGX_E_MALFORMED, 0, c.at, "the shape of %.*s does not fit 64 bits",
                               GGX_STR_ARGS(tensor.name));
        tensor.offset = c.at;
        if (ggx_cursor_skip(&c, tensor.nbytes, "a tensor's elements") != GGX_OK) return c.status;
        ggx_status status = sink->tensor(sink, &tensor, error); /* copies what it keeps, checks all of it again */
        if (status != GGX_OK) return status;
    }
    return c.status;
}

static const ggx_reader toy_reader = {.struct_size = sizeof toy_reader,
                                      .instance_size = sizeof(toy),
                                      .head_want = 8, /* the same in the manifest */
                                      .probe = toy_probe,
                                      .open = toy_open,
                                      .index = toy_index};
static const ggx_provide provides[] = {{GGX_READER_ID, &toy_reader}};
GGX_PLUGIN("reader-toy", "1.0.0", "MIT", provides);
