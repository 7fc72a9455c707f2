#include "bench/measure.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/signals.h"
#include "theory/theory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WARM_UP_SECONDS 0.3
#define WARM_UP_BATCH   4096

/* Of the page cache, and of an index. */
#define PAGE 4096

/* The ceiling is measured for this share of a point's time, and at least this long. */
#define CEILING_SHARE   0.4
#define CEILING_SECONDS 0.1

/* Cold: reads at most this share of the file, so that few pages are read twice. */
#define COLD_SHARE 0.03

/* Warm: at most this share of the file was not in the page cache, or was fetched from the device.
 */
#define WARM_SHARE 0.01

/* ---------------------------------------------------------------- the page cache */

static int make_resident(const struct bench_subject *subject)
{
    enum { PIECE = 1 << 20 };
    const struct disk_target *file = &subject->file;
    uint64_t resident;
    const char *how;

    if (cold_resident(file->fd, file->size, &resident, &how) && resident >= file->size)
        return STATUS_DONE;
    char *buffer = malloc(PIECE);
    if (buffer == NULL)
        return out_of_memory();
    int status = STATUS_DONE;
    for (uint64_t offset = 0; offset < file->size && status == STATUS_DONE;) {
        ssize_t got = pread(file->fd, buffer, PIECE, (off_t)offset);
        if (signals_caught() != 0) {
            status = STATUS_INTERRUPTED;
        } else if (got <= 0) {
            message("%s: reading it into the page cache: %s", subject->path,
                    got < 0 ? strerror(errno) : "the file was truncated");
            status = STATUS_IO;
        } else {
            offset += (uint64_t)got;
        }
    }
    free(buffer);
    return status;
}

/* Must be called before the store is opened: mapped pages cannot be dropped. */
static int drop_pages(const struct bench_subject *subject)
{
    const int code = cold_drop(subject->file.fd);

    if (code == 0)
        return STATUS_DONE;
    message("%s: dropping its pages from the page cache: %s", subject->path, strerror(-code));
    return STATUS_IO;
}

/* ---------------------------------------------------------------- open, warm up */

int bench_open(const struct bench_subject *subject, const struct bench_setup *setup,
               struct bench_opened *ret_opened)
{
    ikv_engine_options engine_options = IKV_ENGINE_OPTIONS_INIT;
    ikv_open_options options = subject->options->open;
    ikv_engine_info engine_info;
    ikv_error error;

    *ret_opened = (struct bench_opened){.setup = setup};
    int status = STATUS_DONE;
    if (setup->state == BENCH_WARM)
        status = make_resident(subject);
    if (setup->state == BENCH_COLD)
        status = drop_pages(subject);
    if (status != STATUS_DONE)
        return status;
    engine_options.threads = setup->threads;
    engine_options.depth = setup->depth;
    if (ikv_engine_new(&engine_options, &ret_opened->engine, &error) != 0)
        return library_error(&error);
    ikv_engine_get_info(ret_opened->engine, &engine_info);
    ret_opened->threads = engine_info.threads;
    options.engine = ret_opened->engine;
    options.backend = setup->backend;
    options.index_memory = setup->memory;
    options.flags = setup->state == BENCH_DIRECT ? IKV_OPEN_DIRECT : 0;
    if (ikv_open(subject->path, &options, &ret_opened->store, &error) != 0)
        return store_open_error(&error);
    return STATUS_DONE;
}

void bench_close(struct bench_opened *opened)
{
    ikv_close(opened->store);
    ikv_engine_close(opened->engine);
    *opened = (struct bench_opened){0};
}

static struct callers_options calling(const struct bench_subject *subject,
                                      const struct bench_opened *opened, size_t stream)
{
    return (struct callers_options){.store = opened->store,
                                    .path = subject->path,
                                    .key_type = subject->info.key_type,
                                    .draws = &subject->draws[stream]};
}

int bench_warm_up(const struct bench_subject *subject, const struct bench_opened *opened)
{
    struct callers_options options = calling(subject, opened, 0);
    struct callers_result result;
    ikv_info info;

    ikv_store_info(opened->store, &info);
    options.batch = options.draws->count < WARM_UP_BATCH ? options.draws->count : WARM_UP_BATCH;
    options.callers = 1;
    options.seconds =
        subject->plan->seconds < WARM_UP_SECONDS ? subject->plan->seconds : WARM_UP_SECONDS;
    options.target_pages =
        info.max_cached_pages < info.index_pages ? info.max_cached_pages : info.index_pages;
    options.seed = subject->plan->seed;
    return callers_run(&options, &result);
}

/* ---------------------------------------------------------------- proof */

static bool reads_leaves(const struct bench_subject *subject, const struct bench_point *point)
{
    return subject->info.layout == IKV_LAYOUT_CLUSTERED && point->probe == IKV_PROBE_PAGE;
}

/* What a lookup reads at a time: a page of the page cache, or a leaf. */
static uint32_t block_size(const struct bench_subject *subject, const struct bench_point *point)
{
    return reads_leaves(subject, point) ? subject->info.leaf_size : PAGE;
}

bool bench_checksums_on_disk(const struct bench_subject *subject, const struct bench_setup *setup,
                             const struct bench_point *point)
{
    const ikv_info *info = &subject->info;
    const struct theory_index index = {.pairs = info->pair_count, .stride = info->stride};
    struct theory_memory memory;

    if (info->layout == IKV_LAYOUT_CLUSTERED)
        return false;
    theory_memory(&index, (info->key_width + 7) / 8, setup->memory, &memory);
    return info->has_trailer && memory.checksums_on_disk && point->probe == IKV_PROBE_PAGE;
}

uint64_t bench_device_reads(const struct bench_subject *subject, const struct bench_setup *setup,
                            const struct bench_point *point, const struct callers_counts *counts)
{
    const uint64_t reads = counts->index_reads + counts->record_reads + counts->major_faults;
    const uint64_t each = bench_checksums_on_disk(subject, setup, point) ? 2 : 1;
    const uint64_t records = reads_leaves(subject, point) ? counts->record_reads /* outside */
                                                          : counts->records;
    const uint64_t needed = (counts->probes - counts->cached) * each + records;

    return setup->state == BENCH_COLD && needed < reads ? needed : reads;
}

/* Checks where the bytes of the repetition that just ended came from. */
static enum bench_source prove(const struct bench_subject *subject, const struct bench_setup *setup,
                               const struct bench_point *point, const struct cold *cold,
                               const struct callers_result *called, char *text, size_t size)
{
    const enum bench_state state = setup->state;

    if (state != BENCH_WARM) {
        /* The page cache reads whole pages. */
        const uint64_t pages =
            block_size(subject, point) * bench_device_reads(subject, setup, point, &called->counts);
        return cold_end(cold, state == BENCH_COLD ? pages : called->counts.bytes, text, size)
                   ? BENCH_FROM_DEVICE
                   : BENCH_UNPROVED;
    }
    const struct process_io io = process_io_since(&cold->io);
    const double resident = cold->known ? (double)cold->resident / (double)subject->file.size : 0;
    const double max_read = WARM_SHARE * (double)(called->counts.bytes + subject->file.size);

    (void)snprintf(text, size, "%.1f %% of the file resident (%s), %llu bytes from devices",
                   100 * resident, cold->known ? cold->how : "unknown",
                   (unsigned long long)io.read_bytes);
    return resident >= 1 - WARM_SHARE && io.known && (double)io.read_bytes <= max_read
               ? BENCH_FROM_MEMORY
               : BENCH_UNPROVED;
}

/* ---------------------------------------------------------------- the ceiling */

/* Sets the number of reads that the point can have in flight, which is limited by the keys in its
 * batches and by the engine. */
static void set_in_flight(const struct bench_subject *subject, const struct bench_opened *opened,
                          const struct bench_point *point, struct disk_load *load)
{
    const struct bench_setup *setup = opened->setup;
    const uint64_t keys = point->batch * point->callers;
    const bool ring = setup->backend != IKV_BACKEND_PREAD && subject->best == DISK_URING;
    const uint64_t threads = keys < opened->threads ? keys : opened->threads;
    uint64_t depth = ring ? (keys + threads - 1) / threads : 1;

    if (depth > setup->depth)
        depth = setup->depth;
    load->backend = ring ? DISK_URING : DISK_PREAD;
    load->threads = (unsigned)threads;
    load->depth = (unsigned)depth;
    if (depth == 1 && load->backend == DISK_URING)
        load->backend = DISK_PREAD; /* faster, and what the library does */
    if (load->threads > DISK_THREADS_MAX)
        load->threads = DISK_THREADS_MAX;
}

static int measure_ceiling(const struct bench_subject *subject, const struct bench_opened *opened,
                           const struct bench_point *point, uint64_t seed, double *ret_rate,
                           unsigned *ret_in_flight)
{
    const uint32_t block = block_size(subject, point);
    struct disk_load load = {
        .fd = subject->raw.fd,
        .pattern = {.order = DISK_RANDOM,
                    .area = {0, subject->raw.size / block * block},
                    .block = block},
        .seed = seed,
        .seconds = subject->plan->seconds * CEILING_SHARE,
        .warm_up = 0.02,
    };
    struct disk_result result = {0};

    *ret_rate = 0;
    set_in_flight(subject, opened, point, &load);
    *ret_in_flight = load.depth * load.threads;
    if (!subject->direct || load.pattern.area.length == 0)
        return STATUS_DONE;
    if (load.seconds < CEILING_SECONDS)
        load.seconds = CEILING_SECONDS;
    int code = disk_measure(&load, NULL, &result);
    if (code < 0) {
        message("%s: measuring the device: %s: %s", subject->path,
                result.what ? result.what : "reading", ikv_strerror(code));
        return STATUS_IO;
    }
    *ret_rate = disk_rate(&result);
    return result.interrupted ? STATUS_INTERRUPTED : STATUS_DONE;
}

/* ---------------------------------------------------------------- a point */

/* The number of keys that read COLD_SHARE of the file, with two reads each. */
static uint64_t cold_keys(const struct bench_subject *subject, const struct bench_point *point)
{
    const double pages = (double)subject->file.size / block_size(subject, point);
    return (uint64_t)(COLD_SHARE * pages / 2) + 1;
}

static void add_repetition(struct bench_result *result, const struct callers_result *called,
                           double ceiling, double cached_pages)
{
    result->rates[result->repetitions] = called->rate;
    result->ceilings[result->repetitions++] = ceiling;
    result->keys += called->keys;
    result->cpu_seconds += called->cpu_seconds;
    result->cached_pages += cached_pages;
    callers_counts_add(&result->counts, &called->counts);
    ikv_latency_add(&result->calls, &called->calls);
    if (called->backend != NULL && strcmp(called->backend, "none") != 0)
        (void)snprintf(result->backend, sizeof result->backend, "%s", called->backend);
}

int bench_measure(const struct bench_subject *subject, const struct bench_opened *opened,
                  const struct bench_point *point, uint64_t seed, struct bench_result *result)
{
    const enum bench_state state = opened->setup->state;
    struct callers_options options = calling(subject, opened, point->stream);
    struct callers_result called;
    struct cold cold;
    ikv_info before, after;
    char proof[sizeof result->proof];
    double ceiling = 0;
    int status = STATUS_DONE;

    options.probe = point->probe;
    options.batch = point->batch;
    options.callers = point->callers;
    options.seconds = subject->plan->seconds;
    options.seed = seed;
    if (state == BENCH_COLD)
        options.max_keys = cold_keys(subject, point);
    if (state != BENCH_WARM)
        status = measure_ceiling(subject, opened, point, seed, &ceiling, &result->in_flight);
    if (status != STATUS_DONE)
        return status;
    ikv_store_info(opened->store, &before);
    cold_begin(&cold, subject->file.fd, subject->file.size, state == BENCH_DIRECT);
    status = callers_run(&options, &called);
    if (status == STATUS_DONE && signals_caught() != 0)
        status = STATUS_INTERRUPTED;
    if (status != STATUS_DONE)
        return status;
    ikv_store_info(opened->store, &after);
    const enum bench_source source =
        prove(subject, opened->setup, point, &cold, &called, proof, sizeof proof);
    /* Keeps the text of a failure. */
    if (source == BENCH_UNPROVED || result->proved[BENCH_UNPROVED] == 0)
        memcpy(result->proof, proof, sizeof proof);
    result->proved[source]++;
    result->threads = opened->threads;
    result->fences = after.fences;
    add_repetition(result, &called, ceiling,
                   ((double)before.cached_pages + (double)after.cached_pages) / 2);
    return STATUS_DONE;
}
