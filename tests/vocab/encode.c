/* encode FOLDER: each line of standard input is a text in hexadecimal; each line of output its ids, or "!" and why there are none. The
 * tokenizer is the one that vocab-bpe and vocab-wordpiece make of the folder. */
#include "automatic.h"
#include "reader_harness.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[] = {"added_tokens.json",       "config.json",    "merges.txt",
                                    "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"};

static int add(reader_harness *h, const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    void *data = malloc((size_t)size + 1);
    rewind(file);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) exit(2);
    fclose(file);
    reader_harness_add(h, name, data, (uint64_t)size);
    return 1;
}

static void encode(automatic *a, const char *line)
{
    size_t size = strlen(line) / 2;
    char *text = malloc(size + 1);
    uint32_t *ids;
    uint64_t count;
    unsigned byte;
    for (size_t i = 0; text && i < size && sscanf(line + 2 * i, "%2x", &byte) == 1; i++) text[i] = (char)byte;
    ggx_status status = tokenizer_encode(&a->t, (ggx_str){text, size}, 1, &ids, &count);
    if (status != GGX_OK) printf("!%s", a->t.error->text);
    for (uint64_t i = 0; i < count && status == GGX_OK; i++) printf("%s%u", i ? " " : "", (unsigned)ids[i]);
    printf("\n");
    free(text);
}

static const ggx_provide provides[] = {{NULL, NULL}};
GGX_PLUGIN("none", "0", "MIT", provides); /* the harness asks for one */

int main(int argc, char **argv)
{
    static char line[1 << 20];
    static automatic a;
    reader_harness h;
    ggx_error error = {0};
    if (argc != 2) return 2;
    reader_harness_init(&h, GGX_SOURCE_DIRECTORY);
    h.memory_cap = 2ull << 30;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) add(&h, argv[1], names[i]);
    ggx_status status = automatic_open(&a, &h.host, &h.source, &error);
    if (status == GGX_OK) status = automatic_build(&a);
    if (status != GGX_OK || a.trouble.status != GGX_OK) {
        printf("!!%s\n", status != GGX_OK ? error.text : a.trouble.text);
        return 0;
    }
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        encode(&a, line);
    }
    return 0;
}
