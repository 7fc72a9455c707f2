#include "subjects/raw.h"
#include "subjects/open_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096

struct raw {
    struct subject subject;
    struct raw_options options;
    struct bare_ring ring;
    int fd;       /* -1: closed */
    void *buffer; /* for pread */
    uint64_t blocks;
    uint64_t random;
};

static uint64_t next_offset(struct raw *raw)
{
    raw->random ^= raw->random << 13; /* xorshift64 */
    raw->random ^= raw->random >> 7;
    raw->random ^= raw->random << 17;
    return raw->random % raw->blocks * BLOCK;
}

static int raw_open(struct subject *subject, struct bench_error *error)
{
    struct raw *raw = (struct raw *)subject;
    char path[PATH_MAX];
    struct stat st;

    const int code = dataset_ensure(&raw->options.data, path, sizeof path, error);
    if (code != BENCH_OK)
        return code;
    raw->fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (raw->fd < 0 || fstat(raw->fd, &st) != 0)
        return bench_error_set(error, errno == EINVAL ? BENCH_SKIPPED : BENCH_FAILED, "%s: %s",
                               path, strerror(errno));
    raw->blocks = (uint64_t)st.st_size / BLOCK;
    raw->random = 88172645463325252u;
    if (raw->options.depth > 0)
        return open_ring(&raw->ring, raw->options.depth, BLOCK, raw->fd, error);
    if (posix_memalign(&raw->buffer, BLOCK, BLOCK) != 0)
        return bench_error_set(error, BENCH_FAILED, "out of memory");
    return BENCH_OK;
}

static void raw_close(struct subject *subject)
{
    struct raw *raw = (struct raw *)subject;

    bare_ring_close(&raw->ring);
    if (raw->fd >= 0)
        (void)close(raw->fd);
    free(raw->buffer);
    free(raw);
}

/* Keeps the ring full. 0 or -errno. */
static int read_through_ring(struct raw *raw)
{
    const unsigned wait = raw->options.wait > 0 ? raw->options.wait : 1;
    uint64_t started = 0;
    uint64_t completed = 0;

    while (completed < raw->options.round) {
        while (started < raw->options.round && raw->ring.free_count > 0) {
            (void)bare_ring_read(&raw->ring, next_offset(raw), BLOCK);
            started++;
        }
        const unsigned in_flight = bare_ring_in_flight(&raw->ring);
        const int n = bare_ring_reap(&raw->ring, wait < in_flight ? wait : in_flight, BLOCK);
        if (n < 0)
            return n;
        completed += (uint64_t)n;
    }
    return 0;
}

static int read_one_by_one(struct raw *raw)
{
    for (uint64_t i = 0; i < raw->options.round; i++) {
        const ssize_t n = pread(raw->fd, raw->buffer, BLOCK, (off_t)next_offset(raw));
        if (n != BLOCK)
            return n < 0 ? -errno : -EIO;
    }
    return 0;
}

static int raw_step(struct subject *subject, struct step *ret_step, struct bench_error *error)
{
    struct raw *raw = (struct raw *)subject;
    const uint64_t calls = raw->ring.calls;
    const struct stopwatch start = stopwatch_start();
    const int code = raw->options.depth > 0 ? read_through_ring(raw) : read_one_by_one(raw);

    ret_step->spent = stopwatch_stop(&start);
    if (code < 0)
        return bench_error_set(error, BENCH_FAILED, "reading: %s", strerror(-code));
    ret_step->items = ret_step->reads = raw->options.round;
    ret_step->bytes = raw->options.round * BLOCK;
    ret_step->calls = raw->options.depth > 0 ? raw->ring.calls - calls : raw->options.round;
    return BENCH_OK;
}

static const char *raw_describe(const struct subject *subject, char *text, size_t size)
{
    const struct raw *raw = (const struct raw *)subject;

    (void)snprintf(text, size, "%s", raw->options.depth > 0 ? "bare ring" : "bare pread");
    return text;
}

struct subject *raw_new(const struct raw_options *options)
{
    static const struct subject_kind kind = {
        .open = raw_open, .step = raw_step, .describe = raw_describe, .close = raw_close};
    struct raw *raw = subject_new(sizeof *raw, &kind, SOURCE_DEVICE);

    raw->options = *options;
    raw->fd = -1;
    return &raw->subject;
}
