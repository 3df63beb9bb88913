/* darknet_list CFG WEIGHTS|SIZE: what the Darknet reader pushes for a cfg and its weights, a line each, or why it refuses.
 *
 *     tensor NAME OFFSET NBYTES AXIS,AXIS… STRIDE,STRIDE…
 *     kv KEY VALUE
 *     error STATUS TEXT
 *
 * With a SIZE instead of a file the weights are that many zero bytes behind a 0.2.5 header, so that a cfg can be measured without its
 * network. */
#include "reader_harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    if (!file) return NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        *size = (size_t)ftell(file);
        rewind(file);
        data = malloc(*size + 1);
        if (data && fread(data, 1, *size, file) != *size) {
            free(data);
            data = NULL;
        }
    }
    fclose(file);
    return data;
}

static void print_kv(const ggx_kv *kv)
{
    printf("kv %s", kv->key.data);
    for (uint64_t i = 0; i < kv->count; i++) {
        const char *between = i ? "," : " ";
        if (kv->elem_type == GGX_KV_STRING)
            printf("%s%s", between, ((const ggx_str *)kv->data)[i].data);
        else if (kv->elem_type == GGX_KV_U64)
            printf("%s%llu", between, (unsigned long long)((const uint64_t *)kv->data)[i]);
        else if (kv->elem_type == GGX_KV_U32)
            printf("%s%u", between, ((const uint32_t *)kv->data)[i]);
    }
    printf("\n");
}

static void print_tensor(const ggx_tensor *t)
{
    printf("tensor %s %llu %llu ", t->name.data, (unsigned long long)t->offset, (unsigned long long)t->nbytes);
    for (uint32_t i = 0; i < t->rank; i++) printf("%s%llu", i ? "," : "", (unsigned long long)t->shape[i]);
    printf(" ");
    for (uint32_t i = 0; i < t->rank; i++) printf("%s%lld", i ? "," : "", (long long)t->stride[i]);
    printf("\n");
}

int main(int argc, char **argv)
{
    if (argc != 3) return EXIT_FAILURE;
    size_t cfg_size = 0, size = 0;
    char *cfg = read_file(argv[1], &cfg_size), *weights = read_file(argv[2], &size);
    if (!weights && argv[2][strspn(argv[2], "0123456789")] == 0) {
        size = strtoul(argv[2], NULL, 10);
        weights = calloc(1, size < 20 ? 20 : size);
        if (weights) weights[4] = 2, weights[8] = 5;
    }
    if (!cfg || !weights) {
        fprintf(stderr, "%s or %s cannot be read\n", argv[1], argv[2]);
        return EXIT_FAILURE;
    }
    reader_harness h;
    ggx_error error;
    reader_harness_init(&h, GGX_SOURCE_FILE);
    reader_harness_add(&h, "net.weights", weights, size);
    reader_harness_add(&h, "net.cfg", cfg, cfg_size);
    if (reader_harness_run(&h, reader_harness_vtable(), &error) != GGX_OK)
        printf("error %d %s\n", (int)error.status, error.text);
    for (uint64_t i = 0; i < h.kv_count; i++) print_kv(&h.kvs[i]);
    for (uint64_t i = 0; i < h.tensor_count; i++) print_tensor(&h.tensors[i]);
    int good = !h.violation[0];
    if (!good) fprintf(stderr, "%s\n", h.violation);
    reader_harness_free(&h);
    free(cfg);
    free(weights);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
