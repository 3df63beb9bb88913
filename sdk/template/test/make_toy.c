/* make_toy.c - writes a small checkpoint for the test: make_toy FILE. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void put(FILE *file, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) fputc((int)(value >> (8 * i) & 255), file);
}

static void put_tensor(FILE *file, const char *name, uint32_t rank, const uint32_t *shape)
{
    uint32_t elems = 1;
    put(file, (uint32_t)strlen(name), 1);
    fputs(name, file);
    put(file, rank, 1);
    for (uint32_t i = 0; i < rank; i++) {
        put(file, shape[i], 4);
        elems *= shape[i];
    }
    for (uint32_t i = 0; i < elems; i++) {
        float value = (float)i / 8 - 1;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        put(file, bits, 4);
    }
}

int main(int argc, char **argv)
{
    static const uint32_t weight[] = {4, 32}, bias[] = {4};
    FILE *file = argc == 2 ? fopen(argv[1], "wb") : NULL;
    if (!file) return fprintf(stderr, "usage: make_toy FILE\n"), 2;
    fputs("TOY1", file);
    put(file, 3, 4);
    put_tensor(file, "layer.weight", 2, weight);
    put_tensor(file, "layer.bias", 1, bias);
    put_tensor(file, "step", 0, NULL);
    return fclose(file) ? 1 : 0;
}
