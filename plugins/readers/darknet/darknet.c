/* The reader of Darknet's .weights: a header of 16 or 20 bytes, then every layer's float32 values, one after the other.
 *
 * The file names and measures nothing: which tensors lie where follows from the network's .cfg alone, which must lie beside it or be named.
 * docs/formats/darknet.md has the offsets and orders with their sources. */
#include "darknet.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/cursor.h>

#define HEADER_SHORT 16 /* major, minor, revision, 32-bit seen */
#define HEADER_LONG 20  /* the same with 64-bit seen */
#define STEM_MAX 512    /* bytes of a file name that are looked at */

typedef struct darknet_header {
    darknet_version version;
    uint32_t size; /* bytes: HEADER_SHORT or HEADER_LONG */
    uint64_t seen;
} darknet_header;

typedef struct darknet_reader {
    const ggx_host *host;
    darknet_header header;
    darknet_network network;
    uint64_t file_size;
    int32_t allow_partial;
    int32_t skip_alexey;   /* 1: batchnorm layers have no biases in this file */
    uint32_t whole_layers; /* layers that the file holds; all, unless it is partial */
} darknet_reader;

/* load_weights_upto in pjreddie's parser.c. AlexeyAB's leaves out the two upper bounds, which only the transposed files of a
 * development version ever passed; those have a 32-bit `seen`. */
static void judge_header(darknet_header *h)
{
    int wide =
        (int64_t)h->version.major * 10 + h->version.minor >= 2 && h->version.major < 1000 && h->version.minor < 1000;
    h->size = wide ? HEADER_LONG : HEADER_SHORT;
    h->version.transposed = h->version.major > 1000 || h->version.minor > 1000;
}

static int version_is_plausible(const darknet_header *h)
{
    return h->version.major >= 0 && h->version.major < 2000 && h->version.minor >= 0 && h->version.minor < 2000 &&
           h->version.revision >= 0 && h->version.revision < 1000;
}

/* ---- probe ------------------------------------------------------------------------------------------------------------------- */

static int32_t head_i32(ggx_str head, uint64_t at)
{
    uint32_t v = 0;
    for (uint32_t i = 0; i < 4; i++) v |= (uint32_t)(uint8_t)head.data[at + i] << (8 * i);
    return (int32_t)v;
}

static int header_fits(const ggx_probe *probe)
{
    if (probe->head.size < HEADER_SHORT) return 0;
    darknet_header h = {.version = {.major = head_i32(probe->head, 0),
                                    .minor = head_i32(probe->head, 4),
                                    .revision = head_i32(probe->head, 8)}};
    judge_header(&h);
    /* 0.0.0 is what a file of zeros says; Darknet's first version was 0.1.0 */
    return version_is_plausible(&h) && (h.version.major || h.version.minor) && probe->size > h.size &&
           probe->size % 4 == 0;
}

static int ends_with(ggx_str name, const char *end)
{
    uint64_t n = strlen(end);
    return name.size > n && !memcmp(name.data + name.size - n, end, (size_t)n);
}

/* "x.weights", Darknet's own "x.backup", and the cut networks to train on from: "x.conv.15". */
static int name_fits(ggx_str name)
{
    uint64_t digits = 0;
    if (ends_with(name, ".weights") || ends_with(name, ".backup")) return 1;
    while (digits < name.size && name.data[name.size - 1 - digits] >= '0' && name.data[name.size - 1 - digits] <= '9')
        digits++;
    return digits && ends_with((ggx_str){name.data, name.size - digits}, ".conv.");
}

/* The name of the cfg that belongs to a file: its last extension, or ".conv.N", turned to ".cfg". 0: the name is too long. */
static uint64_t cfg_name(ggx_str name, char *out)
{
    uint64_t stem = name.size;
    for (uint64_t i = name.size; i-- > 1;)
        if (name.data[i] == '.') {
            stem = i;
            break;
        }
    if (name_fits(name) && !ends_with(name, ".weights") && !ends_with(name, ".backup")) stem -= 5; /* ".conv" */
    if (stem > STEM_MAX - 4) return 0;
    memcpy(out, name.data, (size_t)stem);
    memcpy(out + stem, ".cfg", 4);
    return stem + 4;
}

static int cfg_is_beside(const ggx_probe *probe)
{
    char name[STEM_MAX];
    uint64_t size = cfg_name(probe->name, name);
    for (uint32_t i = 0; size && i < probe->sibling_count; i++)
        if (probe->siblings[i].name.size == size && !memcmp(probe->siblings[i].name.data, name, (size_t)size))
            return darknet_cfg_begins(probe->siblings[i].head);
    return 0;
}

static int32_t darknet_probe(const ggx_probe *probe) GGX_NOEXCEPT
{
    if (probe->kind != GGX_SOURCE_FILE || !probe->name.size) return GGX_PROBE_NO;
    int name = name_fits(probe->name), header = header_fits(probe), cfg = cfg_is_beside(probe);
    if (header && cfg) return name ? GGX_PROBE_MAGIC : GGX_PROBE_STRUCTURE;
    if (header && name) return 40; /* without its cfg: `open` says how to name it */
    return name ? GGX_PROBE_NAME : GGX_PROBE_NO;
}

/* ---- open -------------------------------------------------------------------------------------------------------------------- */

static const ggx_option options_known[] = {
    {(uint32_t)sizeof(ggx_option), GGX_OPTION_FILE, "darknet.cfg",
     "the network's .cfg; without it NAME.cfg beside NAME.weights"},
    {(uint32_t)sizeof(ggx_option), GGX_OPTION_BOOL, "darknet.allow-partial",
     "take a file that ends early, as yolov3-tiny.conv.15: its whole layers are read"},
};

static const ggx_option_value *find_value(const ggx_options *options, const char *name)
{
    for (uint32_t i = 0; options && i < options->count; i++)
        if (!strcmp(options->values[i].name, name)) return &options->values[i];
    return NULL;
}

static ggx_status find_cfg(const ggx_source *source, const ggx_options *options, uint32_t *member, ggx_error *error)
{
    const ggx_option_value *given = find_value(options, "darknet.cfg");
    if (given) {
        *member = (uint32_t)given->number;
        return GGX_OK;
    }
    char name[STEM_MAX];
    ggx_member about = {.struct_size = sizeof about};
    ggx_status status = source->member(source, 0, &about, error);
    if (status != GGX_OK) return status;
    uint64_t size = cfg_name(about.name, name);
    if (size) status = source->find(source, (ggx_str){name, size}, member, error);
    if (size && status != GGX_E_NOTFOUND) return status;
    return ggx_fail_at(error, GGX_E_NOTFOUND, 0, GGX_NO_OFFSET,
                       "no %.*s beside it, and a .weights cannot be read without its cfg; name one with "
                       "-O darknet.cfg=FILE",
                       (int)(size < 100 ? size : 100), name);
}

static ggx_status read_header(const ggx_source *source, uint64_t file_size, darknet_header *h, ggx_error *error)
{
    ggx_cursor c;
    ggx_cursor_init(&c, source, 0, 0, file_size, error);
    h->version.major = (int32_t)ggx_cursor_u32(&c, "the header");
    h->version.minor = (int32_t)ggx_cursor_u32(&c, "the header");
    h->version.revision = (int32_t)ggx_cursor_u32(&c, "the header");
    judge_header(h);
    h->seen = h->size == HEADER_LONG ? ggx_cursor_u64(&c, "the header") : ggx_cursor_u32(&c, "the header");
    if (c.status != GGX_OK) return c.status;
    if (!version_is_plausible(h))
        return ggx_fail_at(error, GGX_E_MALFORMED, 0, 0,
                           "its version %d.%d.%d is none that Darknet wrote; is it a "
                           "Darknet .weights?",
                           (int)h->version.major, (int)h->version.minor, (int)h->version.revision);
    return GGX_OK;
}

static uint64_t layer_floats(const darknet_reader *r, uint32_t layer)
{
    const darknet_layer *l = &r->network.layers[layer];
    uint64_t floats = 0;
    for (uint32_t i = 0; i < l->tensor_count; i++)
        if (!(l->tensors[i].alexey_only && r->skip_alexey)) floats += l->tensors[i].floats;
    return floats;
}

/* How many whole layers the file holds: Darknet's cutoff, which falls between two layers. 0 when it ends inside one. */
static int find_cutoff(darknet_reader *r)
{
    uint64_t left = r->file_size - r->header.size;
    uint32_t layer = 0;
    for (; layer < r->network.layer_count; layer++) {
        uint64_t bytes = layer_floats(r, layer) * 4;
        if (bytes && !left) break;
        if (bytes > left) return 0;
        left -= bytes;
    }
    r->whole_layers = layer;
    return left == 0;
}

static ggx_status check_size(darknet_reader *r, ggx_error *error)
{
    const darknet_network *n = &r->network;
    uint64_t with = r->header.size + n->floats * 4, without = with - n->alexey_floats * 4;
    int alexey = r->header.version.revision >= 5; /* 0.2.5 is AlexeyAB's; decides only where the size cannot */
    if (with == r->file_size || without == r->file_size) alexey = with == r->file_size;
    r->skip_alexey = !alexey;
    uint64_t wanted = alexey ? with : without;
    int cut = find_cutoff(r);
    if (wanted == r->file_size || (r->allow_partial && cut && r->whole_layers)) return GGX_OK;
    if (r->allow_partial && wanted > r->file_size)
        return ggx_fail_at(error, GGX_E_MALFORMED, 0, r->file_size,
                           "cfg needs %llu bytes, file has %llu and ends inside a layer; is it the cfg of another "
                           "network?",
                           (unsigned long long)wanted, (unsigned long long)r->file_size);
    return ggx_fail_at(error, GGX_E_MALFORMED, 0, wanted < r->file_size ? wanted : r->file_size,
                       "cfg needs %llu bytes, file has %llu; is it cut short, or the cfg of another network?%s",
                       (unsigned long long)wanted, (unsigned long long)r->file_size,
                       cut && wanted > r->file_size ? " -O darknet.allow-partial takes its whole layers" : "");
}

static ggx_status darknet_open(void *self, const ggx_host *host, const ggx_source *source, const ggx_options *options,
                               ggx_error *error) GGX_NOEXCEPT
{
    darknet_reader *r = self;
    darknet_cfg cfg;
    uint32_t cfg_member = 0;
    ggx_member about = {.struct_size = sizeof about};
    const ggx_option_value *partial = find_value(options, "darknet.allow-partial");
    r->host = host;
    r->allow_partial = partial && partial->number;
    if (source->kind != GGX_SOURCE_FILE)
        return ggx_fail(error, GGX_E_UNSUPPORTED, "a Darknet network is one .weights file; name the file itself");
    ggx_status status = source->member(source, 0, &about, error);
    if (status != GGX_OK) return status;
    r->file_size = about.size;
    status = read_header(source, about.size, &r->header, error);
    if (status == GGX_OK) status = find_cfg(source, options, &cfg_member, error);
    if (status == GGX_OK) status = darknet_cfg_read(host, source, cfg_member, &cfg, error);
    if (status == GGX_OK) status = darknet_network_build(host, &cfg, &r->header.version, &r->network, error);
    return status == GGX_OK ? check_size(r, error) : status;
}

/* ---- index ------------------------------------------------------------------------------------------------------------------- */

static ggx_str str_of(const char *text)
{
    return (ggx_str){text, strlen(text)};
}

static ggx_status push_kv(const ggx_sink *sink, const char *key, uint32_t type, const void *data, ggx_error *error)
{
    ggx_kv kv = {
        .struct_size = sizeof kv, .type = type, .elem_type = type, .key = str_of(key), .count = 1, .data = data};
    return sink->kv(sink, &kv, error);
}

static ggx_status push_layer_types(const darknet_reader *r, const ggx_sink *sink, ggx_error *error)
{
    const darknet_network *n = &r->network;
    ggx_str *types = r->host->alloc(r->host, (uint64_t)n->layer_count * sizeof *types);
    if (!types) return ggx_fail(error, GGX_E_NOMEM, "no memory for the list of layers");
    for (uint32_t i = 0; i < n->layer_count; i++) types[i] = str_of(darknet_layer_type(&n->layers[i]));
    ggx_kv kv = {.struct_size = sizeof kv,
                 .type = GGX_KV_ARRAY,
                 .elem_type = GGX_KV_STRING,
                 .key = str_of("darknet.layer_types"),
                 .count = n->layer_count,
                 .data = types};
    return sink->kv(sink, &kv, error);
}

static ggx_status push_kvs(const darknet_reader *r, const ggx_sink *sink, ggx_error *error)
{
    const darknet_network *n = &r->network;
    const struct {
        const char *key;
        uint32_t value;
    } numbers[] = {{"darknet.width", (uint32_t)n->width},
                   {"darknet.height", (uint32_t)n->height},
                   {"darknet.channels", (uint32_t)n->channels},
                   {"darknet.classes", (uint32_t)n->classes},
                   {"darknet.layers", n->layer_count}};
    char text[48];
    ggx_status status = GGX_OK;
    for (size_t i = 0; status == GGX_OK && i < sizeof numbers / sizeof numbers[0]; i++)
        status = push_kv(sink, numbers[i].key, GGX_KV_U32, &numbers[i].value, error);
    snprintf(text, sizeof text, "%d.%d.%d", (int)r->header.version.major, (int)r->header.version.minor,
             (int)r->header.version.revision);
    ggx_str version = str_of(text);
    if (status == GGX_OK) status = push_kv(sink, "darknet.version", GGX_KV_STRING, &version, error);
    if (status == GGX_OK) status = push_kv(sink, "darknet.seen", GGX_KV_U64, &r->header.seen, error);
    if (status == GGX_OK && r->allow_partial) {
        uint8_t partial = r->whole_layers < n->layer_count;
        status = push_kv(sink, "darknet.partial", GGX_KV_BOOL, &partial, error);
    }
    return status == GGX_OK ? push_layer_types(r, sink, error) : status;
}

/* Pushes one tensor and moves `offset` past it. */
static ggx_status push_tensor(const ggx_sink *sink, uint32_t layer, const darknet_tensor *t, uint64_t *offset,
                              ggx_error *error)
{
    char name[64];
    snprintf(name, sizeof name, "l%u_%s%s%s", layer, t->group ? t->group : "", t->group ? "_" : "", t->part);
    ggx_tensor out = {.struct_size = sizeof out,
                      .rank = t->rank,
                      .name = str_of(name),
                      .type = ggx_type_make("f32", 1, 4),
                      .byte_order = GGX_LITTLE_ENDIAN,
                      .access = GGX_ACCESS_RAW,
                      .member = 0,
                      .offset = *offset,
                      .nbytes = t->floats * 4};
    memcpy(out.shape, t->shape, sizeof t->shape);
    memcpy(out.stride, t->stride, sizeof t->stride);
    *offset += out.nbytes;
    return sink->tensor(sink, &out, error);
}

static ggx_status darknet_index(void *self, const ggx_sink *sink, ggx_error *error) GGX_NOEXCEPT
{
    const darknet_reader *r = self;
    uint64_t offset = r->header.size;
    ggx_status status = push_kvs(r, sink, error);
    for (uint32_t i = 0; i < r->whole_layers && status == GGX_OK; i++) {
        const darknet_layer *l = &r->network.layers[i];
        if (r->host->canceled(r->host)) return ggx_fail(error, GGX_E_CANCELED, "stopped while listing the tensors");
        for (uint32_t j = 0; j < l->tensor_count && status == GGX_OK; j++)
            if (!(l->tensors[j].alexey_only && r->skip_alexey))
                status = push_tensor(sink, i, &l->tensors[j], &offset, error);
    }
    return status;
}

static const ggx_reader reader = {
    .struct_size = sizeof(ggx_reader),
    .instance_size = sizeof(darknet_reader),
    .head_want = HEADER_LONG,
    .options = options_known,
    .option_count = sizeof options_known / sizeof options_known[0],
    .probe = darknet_probe,
    .open = darknet_open,
    .index = darknet_index,
};

static const ggx_provide provides[] = {{GGX_READER_ID, &reader}};
GGX_PLUGIN("reader-darknet", "0.1.0", "MIT", provides);
