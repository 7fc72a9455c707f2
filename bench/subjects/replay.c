#include "subjects/replay.h"
#include "subjects/open_ring.h"
#include "subjects/read_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Max reads in flight, and reads per submission: enough to save system calls, few enough that their
 * buffers stay in the processor's cache. */
#define DEPTH 256
#define CHUNK 32

struct replay {
    struct subject subject;
    struct lookups_options options;
    struct subject *lookups;   /* while tracing */
    struct read_trace *traces; /* one per batch */
    uint64_t next;  /* batch; half a cycle ahead of the lookups that it alternates with, so that
                       neither finds the other's data in the processor's caches */
    size_t longest; /* length of the longest read */
    struct bare_ring ring;
    unsigned char *buffer; /* for pread */
    int fd;                /* -1: closed */
};

/* ---------------------------------------------------------------- tracing */

static int trace_batch(struct replay *replay, struct read_trace *trace, struct bench_error *error)
{
    struct step step;

    read_trace_start(trace);
    const int code = replay->lookups->kind->step(replay->lookups, &step, error);
    read_trace_stop();
    if (code != BENCH_OK)
        return code;
    if (trace->code < 0)
        return bench_error_set(error, BENCH_FAILED, "%s", strerror(-trace->code));
    if (trace->count != step.reads)
        return bench_error_set(error, BENCH_FAILED,
                               "the library reports %" PRIu64 " reads, but %zu were traced",
                               step.reads, trace->count);
    for (size_t i = 0; i < trace->count; i++) {
        if (replay->longest < trace->reads[i].length)
            replay->longest = trace->reads[i].length;
    }
    return BENCH_OK;
}

static int trace_all(struct replay *replay, struct bench_error *error)
{
    replay->traces = bench_alloc(replay->options.cycle * sizeof *replay->traces);
    replay->lookups = lookups_new(&replay->options);
    int code = replay->lookups->kind->open(replay->lookups, error);
    if (code == BENCH_OK) {
        replay->fd = open(lookups_path(replay->lookups), O_RDONLY | O_CLOEXEC);
        if (replay->fd < 0)
            code = bench_error_set(error, BENCH_FAILED, "%s", strerror(errno));
    }
    for (uint64_t i = 0; i < replay->options.cycle && code == BENCH_OK; i++)
        code = trace_batch(replay, &replay->traces[i], error);
    replay->lookups->kind->close(replay->lookups);
    replay->lookups = NULL;
    return code;
}

/* ---------------------------------------------------------------- opening */

static int replay_open(struct subject *subject, struct bench_error *error)
{
    struct replay *replay = (struct replay *)subject;

    const int code = trace_all(replay, error);
    if (code != BENCH_OK)
        return code;
    if (replay->options.backend == IKV_BACKEND_URING)
        return open_ring(&replay->ring, DEPTH, replay->longest, replay->fd, error);
    replay->buffer = bench_alloc(replay->longest);
    return BENCH_OK;
}

static void replay_close(struct subject *subject)
{
    struct replay *replay = (struct replay *)subject;

    for (uint64_t i = 0; replay->traces && i < replay->options.cycle; i++)
        free(replay->traces[i].reads);
    free(replay->traces);
    bare_ring_close(&replay->ring);
    free(replay->buffer);
    if (replay->fd >= 0)
        (void)close(replay->fd);
    free(replay);
}

/* ---------------------------------------------------------------- a step */

static int read_through_ring(struct replay *replay, const struct read_trace *trace)
{
    size_t started = 0;
    size_t completed = 0;

    while (completed < trace->count) {
        for (int i = 0; i < CHUNK && started < trace->count && replay->ring.free_count > 0; i++) {
            (void)bare_ring_read(&replay->ring, trace->reads[started].offset,
                                 trace->reads[started].length);
            started++;
        }
        const bool is_full = started == trace->count || replay->ring.free_count == 0;
        const int n = bare_ring_reap(&replay->ring, is_full ? 1 : 0, 0);
        if (n < 0)
            return n;
        completed += (size_t)n;
    }
    return 0;
}

static int read_one_by_one(const struct replay *replay, const struct read_trace *trace)
{
    for (size_t i = 0; i < trace->count; i++) {
        const struct traced_read *read = &trace->reads[i];
        const ssize_t n = pread(replay->fd, replay->buffer, read->length, (off_t)read->offset);
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
    }
    return 0;
}

static int replay_step(struct subject *subject, struct step *ret_step, struct bench_error *error)
{
    struct replay *replay = (struct replay *)subject;
    const struct read_trace *trace = &replay->traces[replay->next++ % replay->options.cycle];
    const bool ring = replay->options.backend == IKV_BACKEND_URING;
    const uint64_t calls = replay->ring.calls;
    const struct stopwatch start = stopwatch_start();
    const int code = ring ? read_through_ring(replay, trace) : read_one_by_one(replay, trace);

    ret_step->spent = stopwatch_stop(&start);
    if (code < 0)
        return bench_error_set(error, BENCH_FAILED, "reading: %s", strerror(-code));
    ret_step->items = replay->options.batch;
    ret_step->reads = trace->count;
    ret_step->calls = ring ? replay->ring.calls - calls : trace->count;
    for (size_t i = 0; i < trace->count; i++)
        ret_step->bytes += trace->reads[i].length;
    return BENCH_OK;
}

static const char *replay_describe(const struct subject *subject, char *text, size_t size)
{
    const struct replay *replay = (const struct replay *)subject;

    (void)snprintf(text, size, "%s",
                   replay->options.backend == IKV_BACKEND_URING ? "bare ring" : "bare pread");
    return text;
}

struct subject *replay_new(const struct lookups_options *options)
{
    static const struct subject_kind kind = {.open = replay_open,
                                             .step = replay_step,
                                             .describe = replay_describe,
                                             .close = replay_close};
    struct replay *replay = subject_new(sizeof *replay, &kind, SOURCE_PAGE_CACHE);

    replay->options = *options;
    replay->fd = -1;
    replay->next = options->cycle / 2;
    return &replay->subject;
}
