/*
 * The device's ceiling: random 4 KiB reads of a file, bypassing the page cache, at one depth,
 * through a plain io_uring loop with a registered file and registered buffers that does nothing
 * else.
 *
 *   raw_reads FILE DEPTH COUNT [SEED]       prints: depth, reads a second
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <liburing.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#define BLOCK ((size_t)4096)

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The kernel writes to the buffers. NOLINTNEXTLINE(readability-non-const-parameter) */
static int set_up(struct io_uring *ring, unsigned depth, int fd, unsigned char *buffers)
{
    struct iovec memory = {buffers, depth * BLOCK};
    struct io_uring_params params = {.flags =
                                         IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    int code = io_uring_queue_init_params(depth, ring, &params);

    if (code == 0)
        code = io_uring_register_buffers(ring, &memory, 1);
    if (code == 0)
        code = io_uring_register_files(ring, &fd, 1);
    return code;
}

static void prepare(struct io_uring *ring, unsigned char *buffers, uint64_t slot, uint64_t block)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    io_uring_prep_read_fixed(sqe, 0, buffers + slot * BLOCK, BLOCK, block * BLOCK, 0);
    sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data64(sqe, slot);
}

/* Every read that finishes makes room for the next. Returns 0 or -errno. */
static int run(struct io_uring *ring, unsigned char *buffers, unsigned depth, uint64_t count,
               uint64_t blocks, uint64_t seed)
{
    uint64_t started = 0;
    uint64_t finished = 0;

    while (started < depth && started < count)
        prepare(ring, buffers, started++, next_random(&seed) % blocks);
    while (finished < count) {
        struct io_uring_cqe *cqe;
        unsigned head;
        unsigned seen = 0;
        int code = io_uring_submit_and_wait(ring, 1);
        if (code < 0)
            return code;
        io_uring_for_each_cqe(ring, head, cqe)
        {
            if (cqe->res != (int)BLOCK)
                return cqe->res < 0 ? cqe->res : -EIO;
            seen++;
            if (started < count) {
                started++;
                prepare(ring, buffers, io_uring_cqe_get_data64(cqe), next_random(&seed) % blocks);
            }
        }
        io_uring_cq_advance(ring, seen);
        finished += seen;
    }
    return 0;
}

int main(int argc, char **argv)
{
    unsigned depth = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    uint64_t count = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
    struct io_uring ring;
    struct stat st;
    void *buffers = NULL;

    if (depth < 1 || depth > 4096 || count < 1 || seed < 1) {
        fprintf(stderr, "usage: raw_reads FILE DEPTH COUNT [SEED]\n");
        return 2;
    }
    int fd = open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || (uint64_t)st.st_size < BLOCK) {
        fprintf(stderr, "raw_reads: %s: can't be read directly, or is too small\n", argv[1]);
        return 1;
    }
    if (posix_memalign(&buffers, BLOCK, depth * BLOCK) != 0)
        return 1;
    int code = set_up(&ring, depth, fd, buffers);
    double begin = now();
    if (code == 0)
        code = run(&ring, buffers, depth, count, (uint64_t)st.st_size / BLOCK, seed);
    if (code < 0) {
        fprintf(stderr, "raw_reads: %s: %s\n", argv[1], strerror(-code));
        return 1;
    }
    printf("%u %.0f\n", depth, (double)count / (now() - begin));
    return 0;
}
