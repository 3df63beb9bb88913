/* header.c - the header of one safetensors file: a length, then JSON, and the rules that tie it to the data.
 *
 * The rules are those of the safetensors crate (Apache-2.0: safetensors/src/tensor.rs, read_metadata and validate) and of the
 * format's text, which is stricter in two points: the header begins with '{', and keys do not repeat. */
#include "safetensors.h"

#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>
#include <stdlib.h>

/* Types of less than a byte are packed; their blocks are the fewest elements that fill whole bytes. */
static const st_dtype dtypes[] = {
    {"F64", "f64", 1, 8},
    {"F32", "f32", 1, 4},
    {"F16", "f16", 1, 2},
    {"BF16", "bf16", 1, 2},
    {"F8_E4M3", "f8_e4m3", 1, 1},
    {"F8_E5M2", "f8_e5m2", 1, 1},
    {"F8_E8M0", "f8_e8m0", 1, 1},
    {"F8_E4M3FNUZ", "f8_e4m3fnuz", 1, 1},
    {"F8_E5M2FNUZ", "f8_e5m2fnuz", 1, 1},
    {"F6_E2M3", "f6_e2m3", 4, 3},
    {"F6_E3M2", "f6_e3m2", 4, 3},
    {"F4", "f4", 2, 1},
    {"I64", "i64", 1, 8},
    {"I32", "i32", 1, 4},
    {"I16", "i16", 1, 2},
    {"I8", "i8", 1, 1},
    {"U64", "u64", 1, 8},
    {"U32", "u32", 1, 4},
    {"U16", "u16", 1, 2},
    {"U8", "u8", 1, 1},
    {"BOOL", "bool", 1, 1},
    {"C64", "c64", 1, 8},
};

/* What parsing one header needs. */
typedef struct parse {
    st_reader *r;
    st_file *file;
    ggx_json_parser json;
    ggx_json_token token; /* the last */
    ggx_str text;
    ggx_error *error;
} parse;

static ggx_status next(parse *p)
{
    return st_json_next(&p->json, &p->token, p->file->member, ST_LENGTH_BYTES, p->error);
}

/* Refuses with the place of the last token. */
static GGX_PRINTF(3, 4) ggx_status refuse(const parse *p, ggx_status status, const char *format, ...)
{
    char text[sizeof p->error->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ggx_fail_at(p->error, status, p->file->member, ST_LENGTH_BYTES + p->token.offset, "%s", text);
}

static ggx_status expect(parse *p, uint32_t kind, ggx_str name, const char *what)
{
    ggx_status status = next(p);
    if (status != GGX_OK) return status;
    return p->token.kind == kind ? GGX_OK : refuse(p, GGX_E_MALFORMED, "'%.*s': %s", GGX_STR_ARGS(name), what);
}

static int is_key(const ggx_json_token *token, const char *key)
{
    return token->text.size == strlen(key) && !memcmp(token->text.data, key, strlen(key));
}

/* A whole number >= 0. "-0" is none, as for the crate's usize. */
static ggx_status expect_size(parse *p, ggx_str name, const char *what, uint64_t *out)
{
    ggx_status status = expect(p, GGX_JSON_INT, name, what);
    if (status == GGX_OK && p->token.text.data[0] == '-')
        status = refuse(p, GGX_E_MALFORMED, "'%.*s': %s", GGX_STR_ARGS(name), what);
    *out = status == GGX_OK ? (uint64_t)p->token.integer : 0;
    return status;
}

static ggx_status parse_dtype(parse *p, st_tensor *t)
{
    ggx_status status = expect(p, GGX_JSON_STRING, t->name, "dtype must be a string");
    if (status != GGX_OK) return status;
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (is_key(&p->token, dtypes[i].dtype)) t->dtype = &dtypes[i];
    if (t->dtype) return GGX_OK;
    return refuse(p, GGX_E_UNSUPPORTED, "'%.*s' has dtype %.*s, which this reader does not know", GGX_STR_ARGS(t->name),
                  GGX_STR_ARGS(p->token.text));
}

static ggx_status parse_shape(parse *p, st_tensor *t)
{
    static const char what[] = "shape must be a list of whole numbers";
    ggx_status status = expect(p, GGX_JSON_ARRAY, t->name, what);
    while (status == GGX_OK) {
        status = next(p);
        if (status != GGX_OK || p->token.kind == GGX_JSON_ARRAY_END) return status;
        if (p->token.kind != GGX_JSON_INT || p->token.text.data[0] == '-')
            return refuse(p, GGX_E_MALFORMED, "'%.*s': %s", GGX_STR_ARGS(t->name), what);
        if (t->rank == GGX_MAX_RANK)
            return refuse(p, GGX_E_UNSUPPORTED, "'%.*s' has more than %d axes", GGX_STR_ARGS(t->name), GGX_MAX_RANK);
        t->shape[t->rank++] = (uint64_t)p->token.integer;
    }
    return status;
}

static ggx_status parse_offsets(parse *p, st_tensor *t)
{
    static const char what[] = "data_offsets must be two whole numbers";
    ggx_status status = expect(p, GGX_JSON_ARRAY, t->name, what);
    if (status == GGX_OK) status = expect_size(p, t->name, what, &t->begin);
    if (status == GGX_OK) status = expect_size(p, t->name, what, &t->end);
    if (status == GGX_OK) status = expect(p, GGX_JSON_ARRAY_END, t->name, what);
    return status;
}

static ggx_status check_size(parse *p, const st_tensor *t)
{
    ggx_type type = ggx_type_make(t->dtype->type, t->dtype->block_elems, t->dtype->block_bytes);
    uint64_t elems = 0, bytes = 0;
    if (!ggx_product_u64(t->shape, t->rank, &elems) || elems > UINT64_MAX / 8)
        return refuse(p, GGX_E_MALFORMED, "the shape of '%.*s' overflows", GGX_STR_ARGS(t->name));
    if (!ggx_type_bytes(&type, elems, &bytes))
        return refuse(p, GGX_E_MALFORMED, "'%.*s': %llu elements of %s are not whole bytes", GGX_STR_ARGS(t->name),
                      (unsigned long long)elems, t->dtype->dtype);
    if (t->end < t->begin || t->end - t->begin != bytes)
        return refuse(p, GGX_E_MALFORMED, "'%.*s': its shape needs %llu bytes, its data_offsets are [%llu, %llu]",
                      GGX_STR_ARGS(t->name), (unsigned long long)bytes, (unsigned long long)t->begin,
                      (unsigned long long)t->end);
    if (elems && t->rank && t->shape[t->rank - 1] % type.block_elems)
        return refuse(p, GGX_E_UNSUPPORTED, "'%.*s': rows of %llu elements of %s do not end on a byte",
                      GGX_STR_ARGS(t->name), (unsigned long long)t->shape[t->rank - 1], t->dtype->dtype);
    return GGX_OK;
}

/* The value of one tensor's key. Fields that the format does not name are passed over, as the crate does. */
static ggx_status parse_tensor(parse *p, st_tensor *t)
{
    static const struct {
        const char *key;
        ggx_status (*parse)(parse *p, st_tensor *t);
    } fields[] = {{"dtype", parse_dtype}, {"shape", parse_shape}, {"data_offsets", parse_offsets}};
    uint32_t seen = 0;
    ggx_status status =
        expect(p, GGX_JSON_OBJECT, t->name, "its value must be an object with dtype, shape, data_offsets");
    while (status == GGX_OK) {
        status = next(p);
        if (status != GGX_OK || p->token.kind == GGX_JSON_OBJECT_END) break;
        uint32_t i = 0;
        while (i < 3 && !is_key(&p->token, fields[i].key)) i++;
        if (i < 3 && (seen & 1u << i))
            return refuse(p, GGX_E_MALFORMED, "'%.*s': %s is given twice", GGX_STR_ARGS(t->name), fields[i].key);
        if (i < 3) {
            seen |= 1u << i;
            status = fields[i].parse(p, t);
        } else {
            status = next(p);
            if (status == GGX_OK)
                status = st_json_skip(&p->json, &p->token, p->file->member, ST_LENGTH_BYTES, p->error);
        }
    }
    if (status != GGX_OK) return status;
    for (uint32_t i = 0; i < 3; i++)
        if (!(seen & 1u << i))
            return refuse(p, GGX_E_MALFORMED, "'%.*s' has no %s", GGX_STR_ARGS(t->name), fields[i].key);
    return check_size(p, t);
}

/* The string-to-string map __metadata__; null stands for none, as for the crate. */
static ggx_status parse_metadata(parse *p)
{
    static const ggx_str name = {"__metadata__", 12};
    ggx_names keys;
    ggx_names_init(&keys, p->r->host);
    ggx_status status = next(p);
    if (status != GGX_OK || p->token.kind == GGX_JSON_NULL) return status;
    if (p->token.kind != GGX_JSON_OBJECT)
        return refuse(p, GGX_E_MALFORMED, "__metadata__ must be an object whose values are strings");
    for (;;) {
        st_note *note = &p->file->notes[p->file->note_count];
        status = next(p);
        if (status != GGX_OK || p->token.kind == GGX_JSON_OBJECT_END) return status;
        status = st_string_keep(p->r, &p->token, &note->key, p->error);
        if (status == GGX_OK) status = ggx_names_add(&keys, note->key, "key of __metadata__", NULL, p->error);
        if (status == GGX_E_MALFORMED)
            return refuse(p, status, "__metadata__ has '%.*s' twice", GGX_STR_ARGS(note->key));
        if (status == GGX_OK) status = expect(p, GGX_JSON_STRING, name, "all values must be strings");
        if (status == GGX_OK) status = st_string_keep(p->r, &p->token, &note->value, p->error);
        if (status != GGX_OK) return status;
        p->file->note_count++;
    }
}

/* That no two overlap is known when all are sorted; two that follow each other in the header are compared at once, so that a header of a million
 * that do is refused at the second. */
static ggx_status check_neighbour(parse *p, const st_tensor *t)
{
    const st_tensor *before = t > p->file->tensors ? t - 1 : NULL;
    if (!before || before->end <= t->begin || t->end <= before->begin || before->begin == before->end ||
        t->begin == t->end)
        return GGX_OK;
    return refuse(p, GGX_E_MALFORMED,
                  "'%.*s' begins at byte %llu of the data, inside '%.*s'; there must be no overlaps",
                  GGX_STR_ARGS(t->name), (unsigned long long)t->begin, GGX_STR_ARGS(before->name));
}

static ggx_status parse_entry(parse *p, uint32_t *metadata)
{
    if (is_key(&p->token, "__metadata__")) {
        if ((*metadata)++) return refuse(p, GGX_E_MALFORMED, "__metadata__ is given twice");
        return parse_metadata(p);
    }
    st_tensor *t = &p->file->tensors[p->file->tensor_count++];
    t->place = ST_LENGTH_BYTES + p->token.offset;
    ggx_status status = st_string_keep(p->r, &p->token, &t->name, p->error);
    if (status != GGX_OK) return status;
    if (!t->name.size || t->name.size > ST_MAX_NAME || memchr(t->name.data, 0, (size_t)t->name.size))
        return refuse(p, GGX_E_UNSUPPORTED, "a tensor's name is empty, longer than 65535 bytes, or has a NUL in it");
    status = parse_tensor(p, t);
    return status == GGX_OK ? check_neighbour(p, t) : status;
}

/* Counts what the header holds, and finds every fault of its grammar. */
static ggx_status count_entries(parse *p)
{
    uint64_t tensors = 0, notes = 0;
    ggx_json_init(&p->json, p->text);
    ggx_status status = next(p);
    while (status == GGX_OK) {
        status = next(p);
        if (status != GGX_OK || p->token.kind != GGX_JSON_KEY) break;
        int metadata = is_key(&p->token, "__metadata__");
        tensors += !metadata;
        status = next(p);
        if (!metadata || p->token.kind != GGX_JSON_OBJECT) {
            if (status == GGX_OK)
                status = st_json_skip(&p->json, &p->token, p->file->member, ST_LENGTH_BYTES, p->error);
            continue;
        }
        for (uint32_t depth = p->json.depth; status == GGX_OK && p->json.depth >= depth;) {
            status = next(p);
            notes += status == GGX_OK && p->token.kind == GGX_JSON_KEY;
        }
    }
    if (status == GGX_OK) status = next(p); /* END, or something after the object */
    if (status != GGX_OK) return status;
    /* the counts are below 10^8, like the header's bytes */
    p->file->tensors = p->r->host->alloc(p->r->host, tensors * sizeof(st_tensor));
    p->file->notes = p->r->host->alloc(p->r->host, notes * sizeof(st_note));
    if (!p->file->tensors || !p->file->notes)
        return ggx_fail_at(p->error, GGX_E_NOMEM, p->file->member, ST_LENGTH_BYTES,
                           "%llu tensors do not fit into this reader's memory", (unsigned long long)tensors);
    return GGX_OK;
}

static int by_data(const void *left, const void *right)
{
    const st_tensor *a = left, *b = right;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end) return a->end < b->end ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* Files mostly are in this order already, and qsort would take memory of its own. */
static void sort_by_data(st_file *file)
{
    uint64_t i = 1;
    while (i < file->tensor_count && by_data(&file->tensors[i - 1], &file->tensors[i]) < 0) i++;
    if (i < file->tensor_count) qsort(file->tensors, (size_t)file->tensor_count, sizeof *file->tensors, by_data);
}

/* In the order of their offsets, tensors must fill the data from its first byte to its last. */
static ggx_status check_data(st_file *file, ggx_error *error)
{
    uint64_t at = 0, room = file->size - file->data;
    sort_by_data(file);
    for (uint64_t i = 0; i < file->tensor_count; i++) {
        const st_tensor *t = &file->tensors[i];
        if (t->begin != at)
            return ggx_fail_at(
                error, GGX_E_MALFORMED, file->member, t->place,
                "'%.*s' begins at byte %llu of the data, but the tensor before it ends at %llu; there must be no %s",
                GGX_STR_ARGS(t->name), (unsigned long long)t->begin, (unsigned long long)at,
                t->begin > at ? "holes" : "overlaps");
        at = t->end;
    }
    if (at == room) return GGX_OK;
    return ggx_fail_at(
        error, GGX_E_MALFORMED, file->member, file->size,
        at > room ? "the tensors need %llu bytes of data, the file has %llu; it is cut short, fetch it again"
                  : "the tensors need %llu bytes of data, the file has %llu; what follows them belongs to nothing",
        (unsigned long long)at, (unsigned long long)room);
}

static ggx_status read_length(st_reader *r, st_file *file, uint64_t *length, ggx_error *error)
{
    uint8_t b[ST_LENGTH_BYTES], first = 0;
    if (file->size < ST_LENGTH_BYTES)
        return ggx_fail_at(error, GGX_E_MALFORMED, file->member, file->size,
                           "the file has %llu bytes and its header's length alone takes 8; it is cut short",
                           (unsigned long long)file->size);
    ggx_status status = r->source->read_at(r->source, file->member, 0, b, sizeof b, error);
    if (status != GGX_OK) return status;
    *length = 0;
    for (int i = 0; i < 8; i++) *length |= (uint64_t)b[i] << (8 * i);
    if (*length > ST_MAX_HEADER)
        return ggx_fail_at(
            error, GGX_E_MALFORMED, file->member, 0,
            "the header claims %llu bytes, and the format allows 100000000; this is no safetensors file, or damaged",
            (unsigned long long)*length);
    if (*length > file->size - ST_LENGTH_BYTES)
        return ggx_fail_at(error, GGX_E_MALFORMED, file->member, 0,
                           "the header claims %llu bytes, the file has %llu after its length; it is cut short",
                           (unsigned long long)*length, (unsigned long long)(file->size - ST_LENGTH_BYTES));
    if (*length) status = r->source->read_at(r->source, file->member, ST_LENGTH_BYTES, &first, 1, error);
    if (status == GGX_OK && first != '{')
        return ggx_fail_at(error, GGX_E_MALFORMED, file->member, ST_LENGTH_BYTES,
                           "the header does not begin with '{'; this is no safetensors file");
    return status;
}

ggx_status st_header_read(st_reader *r, st_file *file, ggx_error *error)
{
    ggx_member member;
    uint64_t length = 0, done = 0;
    uint32_t metadata = 0;
    parse p;
    memset(&member, 0, sizeof member);
    memset(&p, 0, sizeof p);
    member.struct_size = sizeof member;
    p.r = r;
    p.file = file;
    p.error = error;
    ggx_status status = r->source->member(r->source, file->member, &member, error);
    if (status != GGX_OK) return status;
    file->size = member.size;
    status = read_length(r, file, &length, error);
    if (status == GGX_OK) status = st_text_load(r, file->member, ST_LENGTH_BYTES, length, &p.text, error);
    if (status != GGX_OK) return status;
    file->data = ST_LENGTH_BYTES + length;
    status = count_entries(&p);
    ggx_json_init(&p.json, p.text);
    if (status == GGX_OK) status = next(&p);
    while (status == GGX_OK) {
        status = next(&p);
        if (status != GGX_OK || p.token.kind != GGX_JSON_KEY) break;
        status = parse_entry(&p, &metadata);
        if (status == GGX_OK && ++done % 4096 == 0 && r->host->canceled(r->host))
            return ggx_fail(error, GGX_E_CANCELED, "stopped while reading a header");
    }
    return status == GGX_OK ? check_data(file, error) : status;
}
