/* reader_list [-f FOLDER | -d FOLDER | -p FOLDER] [-s NAME=TEXT | -i NAME=NUMBER | -b NAME=0]… FILE [SIBLING…] - everything that the
 * reader linked into this program gives for a file, for scripts that compare it with an oracle. With -d the source is the folder, with -p a
 * prefix in it; after one of the three, files are named from the folder on. On stdout: one line of JSON for each key/value and
 * tensor, that of a tensor followed by its `nbytes` bytes (C order, packed, the file's byte order). Names, keys and strings are
 * hexadecimal. Tensors that go through the reader's `read` are read whole and again in boxes of many cuts, which must give the same
 * bytes. Exit code: the ggx_status with its sign turned, the error on stderr; 1 for a breach of contract.
 * tests/support/reader_list.py calls it. */
#include "reader_harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_hex(ggx_str s)
{
    putchar('"');
    for (uint64_t i = 0; i < s.size; i++) printf("%02x", (unsigned char)s.data[i]);
    putchar('"');
}

static void print_kv(const ggx_kv *kv)
{
    printf("{\"kv\":");
    print_hex(kv->key);
    printf(",\"type\":%u,\"elem\":%u,\"values\":[", kv->type, kv->elem_type);
    for (uint64_t i = 0; i < kv->count; i++) {
        static const uint8_t widths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
        uint32_t width = kv->elem_type < sizeof widths ? widths[kv->elem_type] : 0;
        ggx_str bytes = {(const char *)kv->data + i * width, width}; /* the tests run on little-endian machines */
        if (i) putchar(',');
        print_hex(width ? bytes : ((const ggx_str *)kv->data)[i]);
    }
    printf("]}\n");
}

static void breach(const char *what, const ggx_tensor *t)
{
    fprintf(stderr, "breach of contract: %s (tensor '%.*s')\n", what, (int)t->name.size, t->name.data);
    exit(1);
}

/* Copies a box that was read by itself to its place in the whole. */
static void put_box(uint8_t *whole, const ggx_tensor *t, const ggx_box *box, const uint8_t *part)
{
    uint64_t width = t->type.block_bytes, elems = t->type.block_elems, rows = 1,
             row = box->count[t->rank - 1] / elems * width;
    for (uint32_t a = 0; a + 1 < t->rank; a++) rows *= box->count[a];
    for (uint64_t r = 0; r < rows; r++) {
        uint64_t at = 0, left = r, scale = 1;
        at = box->start[t->rank - 1];
        scale = t->shape[t->rank - 1];
        for (uint32_t a = t->rank - 1; a-- > 0;) {
            at += (box->start[a] + left % box->count[a]) * scale;
            left /= box->count[a];
            scale *= t->shape[a];
        }
        memcpy(whole + at / elems * width, part + r * row, (size_t)row);
    }
}

/* The tensor in boxes: each axis cut in up to three parts of uneven length. */
static ggx_status read_in_boxes(reader_harness *h, const ggx_reader *reader, const ggx_tensor *t, uint8_t *whole,
                                ggx_error *error)
{
    uint64_t cuts[GGX_MAX_RANK][4], parts[GGX_MAX_RANK], total = 1;
    for (uint32_t a = 0; a < t->rank; a++) {
        uint64_t n = t->shape[a];
        parts[a] = n >= 3 && t->rank <= 4 && (a + 1 < t->rank || t->type.block_elems == 1) ? 3 : 1;
        cuts[a][0] = 0;
        cuts[a][1] = parts[a] == 3 ? (n + 2) / 3 : n;
        cuts[a][2] = n / 2 + 1;
        cuts[a][3] = n;
        total *= parts[a];
    }
    for (uint64_t i = 0; i < total; i++) {
        ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
        uint64_t left = i, bytes = t->type.block_bytes;
        for (uint32_t a = t->rank; a-- > 0;) { /* rising order, as sequential tensors want it */
            uint64_t p = left % parts[a];
            left /= parts[a];
            box.start[a] = cuts[a][p];
            box.count[a] = cuts[a][p + 1] - cuts[a][p];
            bytes *= box.count[a];
        }
        bytes /= t->type.block_elems;
        uint8_t *part = malloc((size_t)(bytes ? bytes : 1));
        if (!part) return GGX_E_NOMEM;
        ggx_status status = reader_harness_read(h, reader, t, &box, part, bytes, error);
        if (status == GGX_OK && bytes) put_box(whole, t, &box, part);
        free(part);
        if (status != GGX_OK) return status;
    }
    return GGX_OK;
}

/* A RAW tensor in C order, element by element. */
static void copy_strided(const ggx_tensor *t, const uint8_t *extent, uint8_t *out, uint64_t elems)
{
    uint64_t width = t->type.block_bytes;
    for (uint64_t i = 0; i < elems; i++) {
        uint64_t at = 0, left = i;
        for (uint32_t a = t->rank; a-- > 0; left /= t->shape[a]) at += left % t->shape[a] * (uint64_t)t->stride[a];
        memcpy(out + i * width, extent + at * width, (size_t)width);
    }
}

static int is_strided(const ggx_tensor *t)
{
    for (uint32_t a = 0; a < t->rank; a++)
        if (t->stride[a]) return 1;
    return 0;
}

static ggx_status print_tensor(reader_harness *h, const ggx_reader *reader, const ggx_tensor *t, ggx_error *error)
{
    ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
    uint64_t elems = 1;
    for (uint32_t a = 0; a < t->rank; a++) elems *= box.count[a] = t->shape[a];
    uint64_t bytes = elems / t->type.block_elems * t->type.block_bytes;
    uint8_t *data = malloc((size_t)(bytes ? bytes : 1)), *again = calloc(1, (size_t)(bytes ? bytes : 1));
    ggx_status status = data && again ? GGX_OK : GGX_E_NOMEM;
    if (status == GGX_OK && t->access == GGX_ACCESS_RAW) {
        const void *extent = reader_harness_extent(h, t);
        if (!extent && bytes) breach("an extent outside the file", t);
        if (bytes && is_strided(t))
            copy_strided(t, extent, data, elems);
        else if (bytes)
            memcpy(data, extent, (size_t)bytes);
    } else if (status == GGX_OK) {
        status = reader_harness_read(h, reader, t, &box, data, bytes, error);
        if (status == GGX_OK && t->rank && bytes) {
            status = read_in_boxes(h, reader, t, again, error);
            if (status == GGX_OK && memcmp(data, again, (size_t)bytes)) breach("boxes differ from the whole", t);
        }
    }
    if (status == GGX_OK) {
        printf("{\"tensor\":");
        print_hex(t->name);
        printf(",\"type\":\"%s\",\"order\":%u,\"access\":%u,\"flags\":%u,\"storage\":%llu,\"nbytes\":%llu,\"shape\":[",
               t->type.name, t->byte_order, t->access, t->flags, (unsigned long long)t->storage_id,
               (unsigned long long)bytes);
        for (uint32_t a = 0; a < t->rank; a++) printf("%s%llu", a ? "," : "", (unsigned long long)t->shape[a]);
        printf("]}\n");
        fwrite(data, 1, (size_t)bytes, stdout);
    }
    free(data);
    free(again);
    return status;
}

/* Kept to the end of the program. */
static void *files[READER_HARNESS_MEMBERS];
static unsigned file_count;

static void add_file(reader_harness *h, const char *path, const char *folder)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file && !fseek(file, 0, SEEK_END)) size = ftell(file);
    uint8_t *data = size >= 0 ? malloc((size_t)size + 1) : NULL;
    if (!data || fseek(file, 0, SEEK_SET) || fread(data, 1, (size_t)size, file) != (size_t)size) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    fclose(file);
    files[file_count++ % READER_HARNESS_MEMBERS] = data;
    const char *slash = strrchr(path, '/');
    const char *name = folder && strlen(path) > strlen(folder) ? path + strlen(folder) + 1 : slash ? slash + 1 : path;
    if (!reader_harness_add(h, name, data, (uint64_t)size)) {
        fprintf(stderr, "%s is one file too many\n", path);
        exit(1);
    }
}

static void add_option(reader_harness *h, char kind, char *text)
{
    char *value = strchr(text, '=');
    if (!value) exit(1);
    *value++ = 0;
    if (kind == 'i')
        reader_harness_option_int(h, text, strtoll(value, NULL, 0));
    else if (kind == 'b')
        reader_harness_option_bool(h, text, *value == '1');
    else
        reader_harness_option_string(h, text, value);
}

int main(int argc, char **argv)
{
    static reader_harness h;
    ggx_error error = {0};
    const ggx_reader *reader = reader_harness_vtable();
    const char *folder = NULL;
    int first = 1;
    uint32_t kind = GGX_SOURCE_FILE;
    if (argc > 2 && argv[1][0] == '-' && argv[1][1] && strchr("fdp", argv[1][1])) {
        folder = argv[2];
        first = 3;
        if (argv[1][1] != 'f') kind = argv[1][1] == 'd' ? GGX_SOURCE_DIRECTORY : GGX_SOURCE_PREFIX;
    }
    reader_harness_init(&h, kind);
    for (int i = first; i < argc; i++) {
        if (argv[i][0] == '-' && i + 1 < argc)
            add_option(&h, argv[i][1], argv[i + 1]), i++;
        else
            add_file(&h, argv[i], folder);
    }
    int32_t score = reader_harness_probe(&h, reader);
    ggx_status status = reader_harness_open(&h, reader, &error);
    if (status == GGX_OK) status = reader_harness_index(&h, reader, &error);
    if (status == GGX_OK) printf("{\"score\":%d}\n", (int)score);
    for (uint64_t i = 0; i < h.kv_count && status == GGX_OK; i++) print_kv(&h.kvs[i]);
    for (uint64_t i = 0; i < h.tensor_count && status == GGX_OK; i++)
        status = print_tensor(&h, reader, &h.tensors[i], &error);
    reader_harness_close(&h, reader);
    if (status != GGX_OK) fprintf(stderr, "%s (offset %llu)\n", error.text, (unsigned long long)error.offset);
    if (h.violation[0]) {
        fprintf(stderr, "breach of contract: %s\n", h.violation);
        return 1;
    }
    reader_harness_free(&h);
    return -status;
}
