/* torment [-s NAME=TEXT] FILE… - a reader and its file (the first; the others are siblings) cut at every length, and with every byte of it changed by
 * ^0x01 and ^0xff, siblings too. Files of more than EVERY bytes: cuts and changes in the first 4 KiB and the last, where archives have their
 * directories, and one in STEP between. Each ends with the reader's refusal or its tensors, within 2 s and the memory that the host would give.
 * Linked with one reader; tests/hostile/CMakeLists.txt says which files. */
#include "reader_harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EVERY (16u << 10)
#define EDGE (4u << 10)
#define STEP 97
#define SECONDS 2.0
#define BASE_MEMORY (64ull << 20)
#define LIMIT_MEMORY (512ull << 20)
#define BOX_BYTES (1u << 16)

typedef struct file {
    const char *name;
    uint8_t *data;
    size_t size;
} file;

typedef struct outcome {
    uint64_t read, refused;
    uint64_t memory; /* most of a run */
    double seconds;  /* longest run */
} outcome;

static file files[READER_HARNESS_MEMBERS];
static uint32_t file_count;
static char *option, *option_text;

static int load(const char *path)
{
    const char *slash = strrchr(path, '/');
    file *f = &files[file_count];
    FILE *stream = fopen(path, "rb");
    long size = -1;
    if (stream && !fseek(stream, 0, SEEK_END)) size = ftell(stream);
    f->data = size > 0 ? malloc((size_t)size) : NULL;
    f->size = (size_t)size;
    f->name = slash ? slash + 1 : path;
    int good = f->data && !fseek(stream, 0, SEEK_SET) && fread(f->data, 1, f->size, stream) == f->size;
    if (stream) fclose(stream);
    if (!good) fprintf(stderr, "%s: empty, or it cannot be read\n", path);
    file_count++;
    return good;
}

/* At most a box of 64 along each axis. */
static ggx_status read_box(reader_harness *h, const ggx_reader *reader, const ggx_tensor *t, ggx_error *error)
{
    static uint8_t out[BOX_BYTES];
    ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
    uint64_t bytes = t->type.block_bytes;
    for (uint32_t a = 0; a < t->rank; a++) {
        box.count[a] = t->shape[a] < 64 ? t->shape[a] : 64;
        if (a + 1 == t->rank && t->type.block_elems > 1) return GGX_OK; /* boxes of whole blocks are the other tests' */
        bytes *= box.count[a];
        if (bytes > sizeof out) return GGX_OK;
    }
    return reader_harness_read(h, reader, t, &box, out, bytes, error);
}

/* One run over what `data` is now; 0 when something is not as promised. */
static int run(uint32_t victim, const uint8_t *data, size_t size, outcome *o)
{
    static reader_harness h;
    const ggx_reader *reader = reader_harness_vtable();
    ggx_error error = {0};
    uint64_t total = 0;
    struct timespec a, b;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    reader_harness_init(&h, GGX_SOURCE_FILE);
    for (uint32_t i = 0; i < file_count; i++) {
        reader_harness_add(&h, files[i].name, i == victim ? data : files[i].data, i == victim ? size : files[i].size);
        total += i == victim ? size : files[i].size;
    }
    if (option) reader_harness_option_string(&h, option, option_text);
    h.memory_cap = BASE_MEMORY + 4 * total < LIMIT_MEMORY ? BASE_MEMORY + 4 * total : LIMIT_MEMORY;
    (void)reader_harness_probe(&h, reader);
    ggx_status status = reader_harness_open(&h, reader, &error);
    if (status == GGX_OK) status = reader_harness_index(&h, reader, &error);
    for (uint64_t i = 0; i < h.tensor_count && status == GGX_OK; i++)
        if (h.tensors[i].access != GGX_ACCESS_RAW) status = read_box(&h, reader, &h.tensors[i], &error);
    reader_harness_close(&h, reader);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    double seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
    if (seconds > o->seconds) o->seconds = seconds;
    if (h.memory_used > o->memory) o->memory = h.memory_used;
    *(status == GGX_OK ? &o->read : &o->refused) += 1;
    int allowed = status == GGX_OK || status == GGX_E_USAGE /* what it looks like now has to be named otherwise */ ||
                  status == GGX_E_MALFORMED || status == GGX_E_UNSUPPORTED || status == GGX_E_INTEGRITY ||
                  status == GGX_E_NOMEM || status == GGX_E_NOTFOUND;
    const char *fault = h.violation[0]                       ? h.violation
                        : h.refused                          ? "the host refuses what is pushed"
                        : !allowed                           ? "a status that damage does not explain"
                        : status != GGX_OK && !error.text[0] ? "a refusal without a word"
                        : seconds > SECONDS                  ? "more than 2 s"
                                                             : NULL;
    if (fault) fprintf(stderr, "%s (status %d: %s)", fault, (int)status, error.text);
    reader_harness_free(&h);
    return !fault;
}

static size_t next(size_t at, size_t size)
{
    return size <= EVERY || at < EDGE || at + EDGE >= size ? at + 1 : at + STEP;
}

static int cut_all(uint32_t victim, outcome *o)
{
    const file *f = &files[victim];
    for (size_t size = 0; size < f->size; size = next(size, f->size)) {
        uint8_t *cut = malloc(size ? size : 1); /* exactly as long: a sanitizer sees a step beyond */
        if (!cut) return 0;
        memcpy(cut, f->data, size);
        int good = run(victim, cut, size, o);
        free(cut);
        if (!good) {
            fprintf(stderr, " - %s cut to %zu bytes\n", f->name, size);
            return 0;
        }
    }
    return 1;
}

static int change_all(uint32_t victim, outcome *o)
{
    static const uint8_t changes[] = {0x01, 0xff};
    file *f = &files[victim];
    for (size_t at = 0; at < f->size; at = next(at, f->size))
        for (size_t k = 0; k < sizeof changes; k++) {
            f->data[at] ^= changes[k];
            int good = run(victim, f->data, f->size, o);
            f->data[at] ^= changes[k];
            if (!good) {
                fprintf(stderr, " - %s with byte %zu ^ 0x%02x\n", f->name, at, changes[k]);
                return 0;
            }
        }
    return 1;
}

int main(int argc, char **argv)
{
    outcome whole = {0}, o = {0};
    int good = argc > 1 && argc <= READER_HARNESS_MEMBERS;
    int first = good && !strcmp(argv[1], "-s") ? 3 : 1;
    if (first == 3 && argc > 3) {
        option = argv[2];
        option_text = strchr(option, '=');
        if (option_text) *option_text++ = 0;
    }
    for (int i = first; i < argc && good; i++) good = load(argv[i]);
    good = good && file_count;
    if (good && (!run(0, files[0].data, files[0].size, &whole) || !whole.read)) {
        fprintf(stderr, "%s: unharmed, it is not read\n", files[0].name);
        good = 0;
    }
    for (uint32_t i = 0; i < file_count && good; i++) good = cut_all(i, &o) && change_all(i, &o);
    if (good && !o.refused) good = 0; /* a reader that takes everything reads nothing */
    printf("%llu refused, %llu read; at most %.3f s, %llu bytes\n", (unsigned long long)o.refused,
           (unsigned long long)o.read, o.seconds, (unsigned long long)o.memory);
    for (uint32_t i = 0; i < file_count; i++) free(files[i].data);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
