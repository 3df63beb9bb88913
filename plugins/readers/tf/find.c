/* find.c - what was given: a checkpoint's index, its prefix, its folder, a SavedModel, a V1 checkpoint or a GraphDef; and the probe. */
#include "tf.h"

#define SAVED_MODEL "saved_model.pb"
#define VARIABLES "variables/variables"
#define STATE "checkpoint"
#define STATE_MAX (1u << 20) /* bytes of a `checkpoint` file */

static const char state_word[] = "model_checkpoint_path:";

/* ---- probe ------------------------------------------------------------------------------------------------------------------- */

static int begins(ggx_str text, const char *word)
{
    size_t n = strlen(word);
    return text.size >= n && !memcmp(text.data, word, n);
}

/* A GraphDef's first node: its name, then its op, which begins with a capital letter or an underscore (op_def_builder.cc). */
static int looks_like_graph(ggx_str head, uint64_t size)
{
    ggx_memory memory;
    ggx_cursor c;
    ggx_pb graph, node;
    ggx_error ignored;
    char op[2] = {0, 0};
    ggx_memory_init(&memory, head.data, head.size, 0, 0);
    ggx_cursor_init(&c, &memory.source, 0, 0, head.size, &ignored);
    ggx_pb_begin(&graph, &c, size);
    if (!ggx_pb_next(&graph) || !ggx_pb_is(&graph, 1, GGX_PB_LEN) || graph.number < 6) return 0;
    ggx_pb_enter(&node, &graph);
    if (!ggx_pb_next(&node) || !ggx_pb_is(&node, 1, GGX_PB_LEN) || !node.number || node.number > 4096) return 0;
    if (!ggx_pb_next(&node) || !ggx_pb_is(&node, 2, GGX_PB_LEN) || node.number < 2 || node.number > 256) return 0;
    if (ggx_cursor_bytes(&c, op, 2, "an op") != GGX_OK) return 0;
    return (op[0] == '_' || (op[0] >= 'A' && op[0] <= 'Z')) && op[1] > ' ' && op[1] < 127;
}

/* saved_model_schema_version 1, then the first MetaGraphDef. */
static int looks_like_saved_model(ggx_str head)
{
    return head.size > 3 && head.data[0] == 8 && head.data[1] == 1 && head.data[2] == 18;
}

static int has_sibling(const ggx_probe *p, ggx_str prefix, const char *end)
{
    size_t n = strlen(end);
    for (uint32_t i = 0; i < p->sibling_count; i++) {
        ggx_str name = p->siblings[i].name;
        if (name.size == prefix.size + n && !memcmp(name.data + prefix.size, end, n) &&
            (!prefix.size || !memcmp(name.data, prefix.data, (size_t)prefix.size)))
            return 1;
    }
    return 0;
}

/* 1 for model.ckpt.data-00000-of-00001; `prefix` is then model.ckpt. */
static int is_data_shard(ggx_str name, ggx_str *prefix)
{
    uint32_t shard, count;
    uint64_t n = tf_name_shard(name, &shard, &count);
    *prefix = (ggx_str){name.data, name.size - n};
    if (!n || !tf_name_ends(*prefix, ".data")) return 0;
    prefix->size -= strlen(".data");
    return 1;
}

static int is_index(ggx_str name)
{
    return tf_name_ends(name, ".index");
}

static int32_t probe_file(const ggx_probe *p)
{
    ggx_str prefix;
    if (tf_name_is(p->name, STATE)) return begins(p->head, state_word) ? GGX_PROBE_PROVEN : GGX_PROBE_NAME;
    if (tf_name_is(p->name, SAVED_MODEL)) return looks_like_saved_model(p->head) ? GGX_PROBE_PROVEN : GGX_PROBE_NAME;
    if (ggx_sstable_probe(p->tail, p->size)) return GGX_PROBE_PROVEN;
    if (is_data_shard(p->name, &prefix)) return has_sibling(p, prefix, ".index") ? GGX_PROBE_STRUCTURE : GGX_PROBE_NAME;
    if (looks_like_graph(p->head, p->size))
        return tf_name_ends(p->name, ".pb") ? GGX_PROBE_MAGIC : p->size > 64 ? GGX_PROBE_STRUCTURE : GGX_PROBE_NO;
    return is_index(p->name) || tf_name_ends(p->name, ".pb") ? GGX_PROBE_NAME : GGX_PROBE_NO;
}

/* Of a folder's or prefix's files only the first bytes are seen. */
static int32_t probe_member(const ggx_probe *p, const ggx_sibling *s)
{
    uint32_t shard, count;
    ggx_str prefix;
    if (memchr(s->name.data, '/', (size_t)s->name.size)) return GGX_PROBE_NO;
    if (tf_name_is(s->name, SAVED_MODEL)) return looks_like_saved_model(s->head) ? GGX_PROBE_PROVEN : GGX_PROBE_NO;
    if (tf_name_is(s->name, STATE)) return begins(s->head, state_word) ? GGX_PROBE_PROVEN : GGX_PROBE_NO;
    if (is_data_shard(s->name, &prefix)) return has_sibling(p, prefix, ".index") ? GGX_PROBE_MAGIC : GGX_PROBE_NO;
    /* the first key of a table, the empty one, neither shares bytes nor has its own */
    if (tf_name_shard(s->name, &shard, &count) && s->head.size > 4 && !s->head.data[0] && !s->head.data[1])
        return GGX_PROBE_STRUCTURE;
    return GGX_PROBE_NO;
}

int32_t tf_find_probe(const ggx_probe *p)
{
    int32_t best = GGX_PROBE_NO;
    if (p->kind == GGX_SOURCE_FILE) return probe_file(p);
    for (uint32_t i = 0; i < p->sibling_count; i++) {
        int32_t score = probe_member(p, &p->siblings[i]);
        if (score > best) best = score;
    }
    return best;
}

/* ---- from a member to a format ------------------------------------------------------------------------------------------------- */

static ggx_status describe(const tf_reader *r, uint32_t member, ggx_member *out, ggx_error *error)
{
    memset(out, 0, sizeof *out);
    out->struct_size = sizeof *out;
    return r->source->member(r->source, member, out, error);
}

static ggx_status find(const tf_reader *r, ggx_str stem, const char *end, uint32_t *out, ggx_error *error)
{
    ggx_str name = tf_name_join(r, stem, end);
    if (!name.data) return ggx_fail(error, GGX_E_NOMEM, "no memory for a file's name");
    return r->source->find(r->source, name, out, error);
}

/* A V1 checkpoint may lie in several tables: export-00000-of-00002 …, each with names of its own. */
static ggx_status open_tables(tf_reader *r, ggx_str name, uint32_t member, ggx_error *error)
{
    uint32_t shard = 0, count = 1;
    uint64_t n = tf_name_shard(name, &shard, &count);
    if (!n || !count) count = 1;
    r->format = TF_SLICES;
    r->main = member;
    r->tables = r->host->alloc(r->host, (uint64_t)count * sizeof *r->tables);
    if (!r->tables) return ggx_fail(error, GGX_E_NOMEM, "no memory for %u tables", count);
    for (uint32_t i = 0; i < count; i++) {
        char end[TF_BIG_SLOT];
        ggx_status status = GGX_OK;
        snprintf(end, sizeof end, "-%05u-of-%05u", i, count);
        if (n) status = find(r, (ggx_str){name.data, name.size - n}, end, &member, error);
        if (status == GGX_E_NOTFOUND)
            return ggx_fail_at(error, status, r->main, 0, "the checkpoint has %u parts, and %.*s%s is not there", count,
                               GGX_STR_ARGS(((ggx_str){name.data, name.size - n})), end);
        if (status == GGX_OK) status = ggx_sstable_open(&r->tables[i], r->host, r->source, member, error);
        if (status != GGX_OK) return status;
        r->table_count++;
    }
    return GGX_OK;
}

/* The table's first key is the empty one: its value is a BundleHeaderProto (field 1 is a number) in V2, SavedTensorSlices
 * (field 1 is a message) in V1. */
static ggx_status from_table(tf_reader *r, uint32_t member, ggx_error *error)
{
    ggx_member m;
    ggx_sstable table;
    ggx_sstable_place place;
    ggx_pb value;
    ggx_status status = describe(r, member, &m, error);
    if (status == GGX_OK) status = ggx_sstable_open(&table, r->host, r->source, member, error);
    if (status == GGX_OK) status = ggx_sstable_find(&table, "", 0, &place, error);
    if (status == GGX_OK) status = ggx_sstable_load(&table, place, 1, error);
    if (status != GGX_OK) return status;
    if (!ggx_sstable_seek(&table, "", 0))
        return table.data->c.status != GGX_OK
                   ? table.data->c.status
                   : ggx_fail_at(error, GGX_E_UNSUPPORTED, member, place.offset,
                                 "the table has no empty key, as TensorFlow's have; it is no checkpoint");
    table.data->c.at = table.data->value;
    ggx_pb_begin(&value, &table.data->c, table.data->value + table.data->value_size);
    (void)ggx_pb_next(&value);
    if (ggx_pb_is(&value, 1, GGX_PB_LEN)) return open_tables(r, m.name, member, error);
    if (!is_index(m.name))
        return ggx_fail_at(
            error, GGX_E_USAGE, member, GGX_NO_OFFSET,
            "this is a checkpoint's index, but its name does not end in .index: that of its data is unknown");
    r->format = TF_BUNDLE;
    r->main = member;
    r->prefix = (ggx_str){m.name.data, m.name.size - strlen(".index")};
    return GGX_OK;
}

static ggx_status from_graph(tf_reader *r, uint32_t member, ggx_error *error)
{
    ggx_member m;
    ggx_status status = describe(r, member, &m, error);
    r->format = TF_GRAPH;
    r->main = member;
    r->graph = 0;
    r->graph_end = m.size;
    return status;
}

/* Without variables beside it, a SavedModel's weights are the constants of its first MetaGraphDef: SavedModel {2 meta_graphs
 * {2 graph_def}}. */
static ggx_status from_saved_model(tf_reader *r, uint32_t member, ggx_error *error)
{
    static const ggx_str variables = {VARIABLES, sizeof VARIABLES - 1};
    uint32_t index;
    ggx_cursor c;
    ggx_pb model, meta;
    ggx_member m;
    ggx_status status = find(r, variables, ".index", &index, error);
    if (status == GGX_OK) return from_table(r, index, error);
    if (status == GGX_E_NOTFOUND) status = describe(r, member, &m, error);
    if (status != GGX_OK) return status;
    r->format = TF_GRAPH;
    r->main = member;
    ggx_cursor_init(&c, r->source, member, 0, m.size, error);
    for (ggx_pb_begin(&model, &c, m.size); ggx_pb_next(&model);) {
        if (!ggx_pb_is(&model, 2, GGX_PB_LEN)) continue;
        for (ggx_pb_enter(&meta, &model); ggx_pb_next(&meta);) {
            if (!ggx_pb_is(&meta, 2, GGX_PB_LEN)) continue;
            r->graph = meta.at;
            r->graph_end = meta.next;
            return GGX_OK;
        }
    }
    return c.status != GGX_OK ? c.status
                              : ggx_fail_at(error, GGX_E_NOTFOUND, member, 0,
                                            "the SavedModel has no graph, and " VARIABLES ".index is not beside it");
}

/* What a checkpoint is called by its prefix: V2 PREFIX.index, V1 the file PREFIX itself. */
static ggx_status from_prefix(tf_reader *r, ggx_str prefix, ggx_error *error)
{
    uint32_t member;
    ggx_status status = find(r, prefix, ".index", &member, error);
    if (status == GGX_E_NOTFOUND) status = find(r, prefix, "", &member, error);
    if (status == GGX_E_NOTFOUND)
        return ggx_fail(error, status,
                        "neither %.*s.index nor %.*s is there; the checkpoint was moved or is not complete",
                        GGX_STR_ARGS(prefix), GGX_STR_ARGS(prefix));
    return status == GGX_OK ? from_table(r, member, error) : status;
}

/* ---- the `checkpoint` file: CheckpointState as text ------------------------------------------------------------------------------ */

/* A quoted string's bytes, escapes resolved in place; the text goes on at *at. 0 when it is not one. */
static int read_string(char *text, uint64_t size, uint64_t *at, ggx_str *out)
{
    static const char names[] = "abfnrtv", values[] = "\a\b\f\n\r\t\v";
    while (*at < size && (text[*at] == ' ' || text[*at] == '\t')) ++*at;
    if (*at == size || (text[*at] != '"' && text[*at] != '\'')) return 0;
    char quote = text[(*at)++], *to = text + *at;
    *out = (ggx_str){to, 0};
    while (*at < size && text[*at] != quote && text[*at] != '\n') {
        char ch = text[(*at)++];
        if (ch == '\\' && *at < size) {
            ch = text[(*at)++];
            const char *name = strchr(names, ch);
            if (name && ch) ch = values[name - names];
            if (ch >= '0' && ch <= '7') { /* how protobuf prints bytes that are no ASCII */
                uint32_t v = (uint32_t)(ch - '0');
                for (int i = 0; i < 2 && *at < size && text[*at] >= '0' && text[*at] <= '7'; i++)
                    v = v * 8 + (uint32_t)(text[(*at)++] - '0');
                ch = (char)v;
            }
        }
        *to++ = ch;
        out->size++;
    }
    return *at < size && text[*at] == quote;
}

/* The path in the file is that of the machine that wrote it; only a relative one can be followed, and of an absolute one the base
 * name, when that lies here. */
static ggx_status from_state(tf_reader *r, uint32_t member, ggx_error *error)
{
    ggx_member m;
    ggx_str path = {NULL, 0};
    ggx_status status = describe(r, member, &m, error);
    if (status == GGX_OK && m.size > STATE_MAX)
        return ggx_fail_at(error, GGX_E_MALFORMED, member, 0,
                           "the file `checkpoint` has %llu bytes; it is no list of checkpoints",
                           (unsigned long long)m.size);
    char *text = status == GGX_OK ? r->host->alloc(r->host, m.size) : NULL;
    if (status == GGX_OK && !text) return ggx_fail(error, GGX_E_NOMEM, "no memory for the file `checkpoint`");
    if (status == GGX_OK && m.size) status = r->source->read_at(r->source, member, 0, text, m.size, error);
    if (status != GGX_OK) return status;
    for (uint64_t at = 0; at < m.size && !path.size; at++) {
        ggx_str line = {text + at, m.size - at};
        if (!begins(line, state_word)) {
            while (at < m.size && text[at] != '\n') at++;
            continue;
        }
        at += sizeof state_word - 1;
        if (!read_string(text, m.size, &at, &path)) {
            path.size = 0;
            break;
        }
    }
    if (!path.size)
        return ggx_fail_at(
            error, GGX_E_MALFORMED, member, 0,
            "the file `checkpoint` has no line model_checkpoint_path: \"…\"; name the .index file instead");
    if (path.data[0] == '/')
        for (uint64_t i = path.size; i-- > 0;)
            if (path.data[i] == '/') {
                path = (ggx_str){path.data + i + 1, path.size - i - 1};
                break;
            }
    return from_prefix(r, path, error);
}

/* ---- folders and prefixes -------------------------------------------------------------------------------------------------------- */

/* What the top of a folder holds. */
typedef struct folder {
    uint32_t state, saved_model, index, shard, graph; /* a member of each kind, the first */
    uint32_t states, saved_models, indexes, shards, graphs;
} folder;

static void note(uint32_t *count, uint32_t *first, uint32_t member)
{
    if (!(*count)++) *first = member;
}

static ggx_status look_around(const tf_reader *r, folder *f, ggx_error *error)
{
    memset(f, 0, sizeof *f);
    for (uint32_t i = 0; i < r->source->count(r->source); i++) {
        ggx_member m;
        ggx_str prefix;
        uint32_t shard, count;
        ggx_status status = describe(r, i, &m, error);
        if (status != GGX_OK) return status;
        if (memchr(m.name.data, '/', (size_t)m.name.size)) continue;
        if (tf_name_is(m.name, STATE)) note(&f->states, &f->state, i);
        if (tf_name_is(m.name, SAVED_MODEL)) note(&f->saved_models, &f->saved_model, i);
        if (is_index(m.name)) note(&f->indexes, &f->index, i);
        if (tf_name_ends(m.name, ".pb")) note(&f->graphs, &f->graph, i);
        if (!is_data_shard(m.name, &prefix) && tf_name_shard(m.name, &shard, &count) && !shard)
            note(&f->shards, &f->shard, i);
    }
    return GGX_OK;
}

static ggx_status from_folder(tf_reader *r, ggx_error *error)
{
    static const ggx_str variables = {VARIABLES, sizeof VARIABLES - 1};
    uint32_t member;
    folder f;
    ggx_status status = look_around(r, &f, error);
    if (status != GGX_OK) return status;
    if (f.saved_models) return from_saved_model(r, f.saved_model, error);
    if (f.states) return from_state(r, f.state, error);
    if (f.indexes == 1) return from_table(r, f.index, error);
    if (f.indexes > 1)
        return ggx_fail(error, GGX_E_USAGE, "the folder holds %u checkpoints; name the .index file of the one to read",
                        f.indexes);
    if (find(r, variables, ".index", &member, error) == GGX_OK) return from_table(r, member, error);
    if (f.shards == 1) return from_table(r, f.shard, error);
    if (f.graphs == 1) return from_graph(r, f.graph, error);
    return ggx_fail(error, GGX_E_NOTFOUND,
                    "the folder holds neither checkpoint, " SAVED_MODEL
                    ", nor one .index or .pb file; name the file to read");
}

/* Of all names that go on from a prefix, that with ".index" behind it is the shortest that ends so. */
static ggx_status from_members(tf_reader *r, ggx_error *error)
{
    uint32_t best = GGX_NO_MEMBER;
    uint64_t size = UINT64_MAX;
    for (uint32_t i = 0; i < r->source->count(r->source); i++) {
        ggx_member m;
        ggx_status status = describe(r, i, &m, error);
        if (status != GGX_OK) return status;
        if (!is_index(m.name) || m.name.size >= size) continue;
        best = i;
        size = m.name.size;
    }
    if (best != GGX_NO_MEMBER) return from_table(r, best, error);
    return ggx_fail(error, GGX_E_NOTFOUND, "none of the files with this beginning is a checkpoint's .index");
}

static ggx_status from_file(tf_reader *r, ggx_error *error)
{
    ggx_member m;
    ggx_str prefix;
    uint8_t tail[GGX_SSTABLE_FOOTER];
    ggx_status status = describe(r, 0, &m, error);
    if (status != GGX_OK) return status;
    if (tf_name_is(m.name, STATE)) return from_state(r, 0, error);
    if (tf_name_is(m.name, SAVED_MODEL)) return from_saved_model(r, 0, error);
    if (is_data_shard(m.name, &prefix)) return from_prefix(r, prefix, error);
    if (m.size >= sizeof tail) {
        status = r->source->read_at(r->source, 0, m.size - sizeof tail, tail, sizeof tail, error);
        if (status != GGX_OK) return status;
        if (ggx_sstable_probe((ggx_str){(const char *)tail, sizeof tail}, m.size)) return from_table(r, 0, error);
    }
    return is_index(m.name) ? from_table(r, 0, error) : from_graph(r, 0, error);
}

ggx_status tf_find(tf_reader *r, ggx_error *error)
{
    if (r->source->kind == GGX_SOURCE_FILE) return from_file(r, error);
    return r->source->kind == GGX_SOURCE_PREFIX ? from_members(r, error) : from_folder(r, error);
}
