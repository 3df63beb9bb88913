/* tests/fuzz/replay.c - runs every file of the folders (or the files) given on the command line through a fuzz target once.
 *
 * Fails when a folder cannot be read or holds no file: a corpus that went missing must not look like success. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    if (!file || fstat(fileno(file), &st) != 0) {
        perror(path);
        if (file) fclose(file);
        return 0;
    }
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1); /* exactly the input: a sanitizer sees a read beyond it */
    int good = data && fread(data, 1, size, file) == size;
    fclose(file);
    if (good) {
        printf("%s\n", path);
        fflush(stdout); /* the last line names the input when the target crashes */
        LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    return good;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int run_folder(const char *path, unsigned *count)
{
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, NULL, by_name), good = n >= 0;
    if (n < 0) perror(path);
    for (int i = 0; i < n; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            good &= run_file(file);
            ++*count;
        }
        free(entries[i]);
    }
    free(entries);
    return good;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    int good = 1;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            good &= run_folder(argv[i], &count);
        } else {
            good &= run_file(argv[i]);
            count++;
        }
    }
    printf("%u inputs replayed\n", count);
    return good && count ? EXIT_SUCCESS : EXIT_FAILURE;
}
