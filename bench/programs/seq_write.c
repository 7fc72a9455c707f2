/*
 * Measures the speed of sequential writes, which the time of building a store is compared with.
 *
 *   seq_write FILE BYTES
 *
 * Writes BYTES of incompressible data to a new file in blocks of 1 MiB, syncs and removes the file,
 * and prints the seconds that writing and syncing took.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_SIZE ((size_t)1 << 20)

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fill(uint64_t *block)
{
    uint64_t state = 88172645463325252u;

    for (size_t i = 0; i < BLOCK_SIZE / sizeof(*block); i++) { /* xorshift64 */
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        block[i] = state;
    }
}

static int write_all(int fd, uint64_t *block, uint64_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(fd, block, bytes < BLOCK_SIZE ? (size_t)bytes : BLOCK_SIZE);

        if (written <= 0)
            return -1;
        bytes -= (uint64_t)written;
        block[0]++; /* makes every block unique */
    }
    return fdatasync(fd);
}

int main(int argc, char **argv)
{
    static uint64_t block[BLOCK_SIZE / sizeof(uint64_t)];
    char *end = NULL;
    uint64_t bytes = argc == 3 ? strtoull(argv[2], &end, 10) : 0;
    double start;
    int fd, result;

    if (argc != 3 || end == argv[2] || *end != '\0') {
        fprintf(stderr, "usage: seq_write FILE BYTES\n");
        return 2;
    }
    fill(block);
    fd = open(argv[1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(argv[1]);
        return 1;
    }
    start = seconds_now();
    result = write_all(fd, block, bytes);
    if (result < 0)
        perror(argv[1]);
    else
        printf("%.3f\n", seconds_now() - start);
    close(fd);
    unlink(argv[1]);
    return result < 0;
}
