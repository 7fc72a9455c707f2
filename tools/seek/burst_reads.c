#include "seek/burst_reads.h"

#include "base/signals.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct burst_run {
    const struct disk_load *load;
    const struct disk_watch *watch;
    struct disk_pattern pattern;
    struct disk_list_reader reader;
    uint64_t *offsets;
    uint64_t begin, from; /* of reading, of measuring; of CLOCK_MONOTONIC */
    uint64_t cpu_from;
    bool measuring;
};

static uint64_t nanoseconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int read_burst(struct burst_run *run, struct disk_result *result, uint64_t *ret_now)
{
    const struct disk_load *load = run->load;
    const uint64_t calls = run->reader.system_calls;
    bool measured;
    for (unsigned i = 0; i < load->depth; i++)
        run->offsets[i] = disk_pattern_next(&run->pattern, &measured);
    const uint64_t start = nanoseconds_of(CLOCK_MONOTONIC);
    const int code =
        disk_list_reader_read(&run->reader, run->offsets, load->depth, load->pattern.block);
    *ret_now = nanoseconds_of(CLOCK_MONOTONIC);
    if (code < 0)
        return code;
    result->all_bytes += (uint64_t)load->depth * load->pattern.block;
    if (run->measuring) {
        result->reads += load->depth;
        result->system_calls += run->reader.system_calls - calls;
        result->seconds = (double)(*ret_now - run->from) * 1e-9;
        ikv_latency_record(&result->latency, *ret_now - start);
    }
    return 0;
}

static void show(const struct burst_run *run, uint64_t now)
{
    if (run->watch != NULL)
        disk_watch_show(run->watch, run->reader.reads, (double)(now - run->begin) * 1e-9);
}

/* Read bursts until the time or the number of reads is reached. */
static int read_bursts(struct burst_run *run, struct disk_result *result)
{
    const struct disk_load *load = run->load;
    const uint64_t warm_up = (uint64_t)(load->warm_up * 1e9),
                   time = (uint64_t)(load->seconds * 1e9);
    uint64_t now = run->begin = nanoseconds_of(CLOCK_MONOTONIC);
    int code = 0;
    do {
        if (!run->measuring && now - run->begin >= warm_up) {
            run->measuring = true;
            run->from = now;
            run->cpu_from = nanoseconds_of(CLOCK_PROCESS_CPUTIME_ID);
        }
        code = read_burst(run, result, &now);
        show(run, now);
    } while (code == 0 && (!run->measuring || ((time == 0 || now - run->from < time) &&
                                               (load->count == 0 || result->reads < load->count))));
    if (run->measuring)
        result->cpu_seconds =
            (double)(nanoseconds_of(CLOCK_PROCESS_CPUTIME_ID) - run->cpu_from) * 1e-9;
    result->bytes = result->reads * load->pattern.block;
    return code;
}

int burst_reads_measure(const struct disk_load *load, const struct disk_watch *watch,
                        struct disk_result *ret_result)
{
    struct burst_run run = {.load = load, .watch = watch, .pattern = load->pattern};
    struct disk_result result = {.what = "allocating a burst"};
    run.pattern.order = DISK_RANDOM;
    disk_pattern_init(&run.pattern, load->seed, 0, 1);
    run.offsets = malloc(load->depth * sizeof *run.offsets);
    int code = run.offsets == NULL
                   ? -ENOMEM
                   : disk_list_reader_open(&run.reader, load->fd, load->backend, load->depth,
                                           load->pattern.block, &result.what);
    if (code == 0) {
        result.what = "reading";
        code = read_bursts(&run, &result);
        disk_list_reader_close(&run.reader);
    }
    if (code == -EINTR && signals_caught()) {
        result.interrupted = true;
        code = 0;
    }
    free(run.offsets);
    *ret_result = result;
    return code;
}
