/* The yardstick of bench.py: plain IN IN_BYTES OUT OUT_BYTES reads one file and writes another with nothing but read(), write()
 * and one fsync(), 1 MiB at a time. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK (1 << 20)

int main(int argc, char **argv)
{
    static char buffer[CHUNK];
    if (argc != 5) return 2;
    int in = open(argv[1], O_RDONLY);
    int out = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0666);
    long long left_in = atoll(argv[2]), left_out = atoll(argv[4]);
    if (in < 0 || out < 0) {
        perror(in < 0 ? argv[1] : argv[3]);
        return 1;
    }
    while (left_in > 0 || left_out > 0) {
        ssize_t got = left_in > 0 ? read(in, buffer, left_in < CHUNK ? (size_t)left_in : CHUNK) : 0;
        if (left_in > 0 && got <= 0) return 1;
        left_in -= got;
        /* Writes follow reads in the proportion of the two files, as in a conversion. */
        long long share = left_in > 0 ? left_out / (left_in / CHUNK + 2) : left_out;
        while (share > 0) {
            ssize_t put = write(out, buffer, share < CHUNK ? (size_t)share : CHUNK);
            if (put <= 0) return 1;
            share -= put;
            left_out -= put;
        }
    }
    return fsync(out) || close(out) ? 1 : 0;
}
