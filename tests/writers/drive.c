/* writer_drive PLUGIN.so IN OUT - gives one writer the options, key/values, tensors and payloads that IN describes, and writes the
 * complete file to OUT. Scripts make IN with tests/support/writer_drive.py, which documents it. Exit code: the ggx_status with its
 * sign turned, the error's text on stderr; 1 for a breach of contract or an unreadable IN. */
#include "writer_harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* IN is the tests' own file: it is trusted as far as its lengths go, checked by `take`. */
typedef struct script {
    uint8_t *data;
    const uint8_t *at, *end;
    char *texts[128]; /* options: the writer may keep what they point to */
    size_t text_count;
} script;

static const void *take(script *in, uint64_t size)
{
    if (size > (uint64_t)(in->end - in->at)) {
        fprintf(stderr, "the script ends too early\n");
        exit(1);
    }
    const void *data = in->at;
    in->at += size;
    return data;
}

static uint32_t take_u32(script *in)
{
    uint32_t value;
    memcpy(&value, take(in, 4), 4);
    return value;
}

static uint64_t take_u64(script *in)
{
    uint64_t value;
    memcpy(&value, take(in, 8), 8);
    return value;
}

static ggx_str take_str(script *in)
{
    ggx_str s = {NULL, take_u32(in)};
    s.data = take(in, s.size);
    return s;
}

static const char *take_text(script *in)
{
    ggx_str s = take_str(in);
    char *text = calloc(1, (size_t)s.size + 1);
    if (!text || in->text_count == sizeof in->texts / sizeof *in->texts) exit(1);
    memcpy(text, s.data, (size_t)s.size);
    in->texts[in->text_count++] = text;
    return text;
}

static void *take_copy(script *in, uint64_t size) /* aligned */
{
    void *copy = malloc((size_t)(size ? size : 1));
    if (!copy) exit(1);
    memcpy(copy, take(in, size), (size_t)size);
    return copy;
}

static ggx_status drive_kv(writer_harness *h, script *in, ggx_error *error)
{
    ggx_kv kv = {.struct_size = sizeof kv};
    kv.type = take_u32(in);
    kv.elem_type = take_u32(in);
    kv.key = take_str(in);
    kv.count = take_u64(in);
    uint32_t width = take_u32(in); /* bytes an element, 0: strings */
    void *data;
    if (width) {
        data = take_copy(in, kv.count * width);
    } else {
        ggx_str *strings = calloc((size_t)kv.count + 1, sizeof *strings);
        if (!strings) exit(1);
        for (uint64_t i = 0; i < kv.count; i++) strings[i] = take_str(in);
        data = strings;
    }
    kv.data = data;
    ggx_status status = writer_harness_kv(h, &kv, error);
    free(data); /* the writer must have copied what it keeps */
    return status;
}

static ggx_status drive_tensor(writer_harness *h, script *in, ggx_error *error)
{
    ggx_out_tensor t = {.struct_size = sizeof t};
    t.name = take_str(in);
    memcpy(t.type.name, take(in, sizeof t.type.name), sizeof t.type.name);
    t.type.block_elems = take_u32(in);
    t.type.block_bytes = take_u32(in);
    t.type_code = (int32_t)take_u32(in);
    t.rank = take_u32(in);
    for (uint32_t i = 0; i < t.rank; i++) {
        uint64_t axis = take_u64(in);
        if (i < GGX_MAX_RANK) t.shape[i] = axis;
    }
    t.nbytes = take_u64(in);
    return writer_harness_tensor(h, &t, take(in, t.nbytes), error);
}

static ggx_status drive(writer_harness *h, script *in, ggx_error *error)
{
    for (uint32_t n = take_u32(in); n > 0; n--) {
        uint32_t type = take_u32(in);
        const char *name = take_text(in);
        int64_t number = (int64_t)take_u64(in);
        const char *text = take_text(in);
        if (type == GGX_OPTION_INT)
            writer_harness_option_int(h, name, number);
        else
            writer_harness_option_string(h, name, text);
    }
    ggx_status status = writer_harness_open(h, error);
    for (uint32_t n = take_u32(in); n > 0 && status == GGX_OK; n--) status = drive_kv(h, in, error);
    for (uint32_t n = status == GGX_OK ? take_u32(in) : 0; n > 0 && status == GGX_OK; n--)
        status = drive_tensor(h, in, error);
    return status == GGX_OK ? writer_harness_finish(h, error) : status;
}

static script load(const char *path)
{
    FILE *file = fopen(path, "rb");
    script in = {0};
    if (!file || fseek(file, 0, SEEK_END)) exit(1);
    long size = ftell(file);
    in.data = malloc((size_t)size + 1);
    rewind(file);
    if (!in.data || fread(in.data, 1, (size_t)size, file) != (size_t)size) exit(1);
    fclose(file);
    in.at = in.data;
    in.end = in.data + size;
    return in;
}

static void forget(script *in)
{
    while (in->text_count > 0) free(in->texts[--in->text_count]);
    free(in->data);
}

int main(int argc, char **argv)
{
    static writer_harness h;
    ggx_error error = {0};
    writer_harness_init(&h);
    if (argc != 4 || !(h.writer = writer_harness_load(argv[1]))) {
        fprintf(stderr, "usage: writer_drive PLUGIN.so IN OUT\n");
        return 1;
    }
    script in = load(argv[2]);
    ggx_status status = drive(&h, &in, &error);
    if (status != GGX_OK) fprintf(stderr, "%s\n", error.text);
    if (h.violation[0]) {
        fprintf(stderr, "breach of contract: %s\n", h.violation);
        return 1;
    }
    if (status == GGX_OK) {
        FILE *out = fopen(argv[3], "wb");
        if (!out || fwrite(h.file, 1, (size_t)h.size, out) != h.size || fclose(out)) return 1;
    }
    writer_harness_free(&h);
    forget(&in);
    return -status;
}
