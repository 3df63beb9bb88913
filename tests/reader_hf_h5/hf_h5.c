/* reader-hf-h5 on its corpus: whole files open, cut and changed ones end in order, within their memory, and so does the end of memory. */
#include "reader_harness.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct sample {
    char name[64];
    uint8_t *data;
    uint64_t size;
} sample;

static sample samples[64];
static unsigned sample_count;

static int load(void **state)
{
    const char *source = getenv("GGX_SOURCE");
    char path[4096];
    (void)state;
    snprintf(path, sizeof path, "%s/tests/corpus/reader_hf_h5", source ? source : ".");
    DIR *folder = opendir(path);
    if (!folder) return -1;
    for (struct dirent *e = readdir(folder); e && sample_count < 64; e = readdir(folder)) {
        sample *s = &samples[sample_count];
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/tests/corpus/reader_hf_h5/%s", source ? source : ".", e->d_name);
        snprintf(s->name, sizeof s->name, "%.60s", e->d_name);
        FILE *file = fopen(path, "rb");
        if (!file || fseek(file, 0, SEEK_END)) return -1;
        s->size = (uint64_t)ftell(file);
        s->data = malloc((size_t)s->size);
        rewind(file);
        if (!s->data || fread(s->data, 1, (size_t)s->size, file) != s->size) return -1;
        fclose(file);
        sample_count++;
    }
    closedir(folder);
    return sample_count ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sample_count; i++) free(samples[i].data);
    return 0;
}

/* Everything that the reader gives, small tensors with their values. */
static ggx_status run(reader_harness *h, const void *data, uint64_t size, uint64_t fail_alloc, ggx_error *error)
{
    static uint8_t out[1 << 16];
    const ggx_reader *reader = reader_harness_vtable();
    reader_harness_init(h, GGX_SOURCE_FILE);
    h->memory_cap = ((uint64_t)64 << 20) + 4 * size;
    h->fail_alloc = fail_alloc;
    reader_harness_add(h, "model.h5", data, size);
    (void)reader_harness_probe(h, reader);
    ggx_status status = reader_harness_open(h, reader, error);
    if (status == GGX_OK) status = reader_harness_index(h, reader, error);
    for (uint64_t i = 0; i < h->tensor_count && status == GGX_OK; i++) {
        const ggx_tensor *t = &h->tensors[i];
        ggx_box box = {.struct_size = sizeof box, .rank = t->rank};
        uint64_t bytes = t->type.block_bytes;
        for (uint32_t a = 0; a < t->rank; a++) {
            box.count[a] = t->shape[a] < 64 ? t->shape[a] : 64;
            bytes *= box.count[a];
            if (bytes > sizeof out) bytes = 0;
        }
        if (t->access != GGX_ACCESS_RAW && bytes) status = reader_harness_read(h, reader, t, &box, out, bytes, error);
    }
    reader_harness_close(h, reader);
    return status;
}

/* Ends one run; `status` must be one that damaged input may have. */
static void end(reader_harness *h, ggx_status status, const sample *s, uint64_t at)
{
    int allowed = status == GGX_OK || status == GGX_E_MALFORMED || status == GGX_E_UNSUPPORTED ||
                  status == GGX_E_INTEGRITY || status == GGX_E_NOMEM;
    if (!allowed || h->violation[0] || h->refused)
        fail_msg("%s at %llu: status %d, %llu refused, violation '%s'", s->name, (unsigned long long)at, (int)status,
                 (unsigned long long)h->refused, h->violation);
    reader_harness_free(h);
}

static void whole_files_open(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sample_count; i++) {
        reader_harness h;
        ggx_error error = {0};
        ggx_status status = run(&h, samples[i].data, samples[i].size, 0, &error);
        /* cursor-nowhere: a data block beyond the file's end, whose cursor was once read all the same */
        ggx_status wanted =
            !strcmp(samples[i].name, "soft-link") || !strcmp(samples[i].name, "log-newline") ? GGX_E_UNSUPPORTED
            : !strcmp(samples[i].name, "cursor-nowhere") || !strcmp(samples[i].name, "empty-weight-name")
                ? GGX_E_MALFORMED
                : GGX_OK;
        int refused = wanted != GGX_OK;
        if (status != wanted) fail_msg("%s: %s", samples[i].name, error.text);
        assert_int_equal(h.score, GGX_PROBE_PROVEN);
        if (!refused) assert_true(h.tensor_count > 1);
        end(&h, status, &samples[i], 0);
    }
}

static void cut_files_end_in_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sample_count; i++)
        for (uint64_t size = 0; size < samples[i].size; size += size < 2048 ? 1 : 7) {
            reader_harness h;
            ggx_error error;
            ggx_status status = run(&h, samples[i].data, size, 0, &error);
            if (status == GGX_OK) fail_msg("%s cut to %llu bytes is taken", samples[i].name, (unsigned long long)size);
            end(&h, status, &samples[i], size);
        }
}

static void changed_bytes_end_in_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sample_count; i++)
        for (uint64_t at = 0; at < samples[i].size; at++) {
            uint8_t kept = samples[i].data[at];
            const uint8_t changes[] = {(uint8_t)(1u << at % 8), 0xff, 0x80};
            for (unsigned k = 0; k < (at < 4096 ? 3 : 1); k++) {
                reader_harness h;
                ggx_error error;
                samples[i].data[at] = kept ^ changes[k];
                end(&h, run(&h, samples[i].data, samples[i].size, 0, &error), &samples[i], at);
            }
            samples[i].data[at] = kept;
        }
}

static void the_end_of_memory_is_an_error(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sample_count; i++) {
        reader_harness h;
        ggx_error error;
        ggx_status status = run(&h, samples[i].data, samples[i].size, 0, &error);
        uint64_t allocations = h.alloc_count;
        end(&h, status, &samples[i], 0);
        for (uint64_t n = 1; n <= allocations && status == GGX_OK; n++) {
            assert_int_equal(run(&h, samples[i].data, samples[i].size, n, &error), GGX_E_NOMEM);
            end(&h, GGX_E_NOMEM, &samples[i], n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_files_open),
        cmocka_unit_test(cut_files_end_in_order),
        cmocka_unit_test(changed_bytes_end_in_order),
        cmocka_unit_test(the_end_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
