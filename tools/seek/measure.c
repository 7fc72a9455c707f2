/* Measures points in alternating repetitions. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/signals.h"
#include "seek/seek.h"
#include "seek/steady.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int seek_failed(const struct seek *seek, const char *what, int code)
{
    message("%s: %s: %s", seek->target.path, what,
            code <= -1000 ? ikv_strerror(code) : strerror(-code));
    return STATUS_IO;
}

struct disk_load seek_load(const struct seek *seek, enum disk_backend backend, uint64_t block,
                           uint64_t depth, uint64_t threads)
{
    return (struct disk_load){
        .backend = backend,
        .depth = backend == DISK_PREAD ? 1 : (unsigned)depth,
        .threads = (unsigned)threads,
        .pattern = {.order = DISK_RANDOM, .area = seek->area, .block = (uint32_t)block}};
}

bool seek_block_fits(const struct seek *seek, uint64_t block, bool quiet)
{
    const bool large = block > seek->area.length;
    if (block % seek->target.sector == 0 && !large)
        return true;
    if (!quiet)
        message("blocks of %" PRIu64 " bytes are skipped: %s", block,
                large ? "larger than the working set" : "not a multiple of the sector size");
    return false;
}

double seek_expected(const struct seek *seek, size_t rows)
{
    const struct seek_options *options = seek->options;
    return (double)rows * (options->seconds + options->warm_up * (double)options->repeat);
}

/* ---------------------------------------------------------------- cold */

static int begin_cold(struct seek *seek, struct cold *cold)
{
    const struct seek_options *options = seek->options;
    if (!options->cold)
        return STATUS_DONE;
    int code = cold_drop(seek->target.fd);
    if (code == -EOPNOTSUPP) {
        message("--cold: this system can't drop a file's pages from the page cache");
        return STATUS_USAGE;
    }
    if (code == 0 && options->drop_all)
        code = cold_drop_all();
    if (code < 0)
        return seek_failed(seek, "dropping its pages from the page cache", code);
    cold_begin(cold, seek->target.fd, seek->target.size, false);
    return STATUS_DONE;
}

static void end_cold(struct seek *seek, const struct cold *cold, uint64_t bytes)
{
    char text[sizeof seek->not_proved_text];
    seek->bytes += bytes;
    if (!seek->options->cold)
        return;
    if (cold_end(cold, bytes, text, sizeof text)) {
        seek->proved++;
        return;
    }
    if (seek->not_proved++ == 0)
        memcpy(seek->not_proved_text, text, sizeof text);
}

/* ---------------------------------------------------------------- points */

double seek_rate_of(const struct seek_point *point, const struct disk_result *result)
{
    (void)point;
    return disk_rate(result);
}

double seek_average_us(const struct seek_point *point, const struct disk_result *result)
{
    (void)point;
    return (double)result->latency.sum_ns / (double)result->latency.count * 1e-3;
}

static void add_result(struct disk_result *total, const struct disk_result *one)
{
    total->reads += one->reads;
    total->bytes += one->bytes;
    total->system_calls += one->system_calls;
    total->seconds += one->seconds;
    total->cpu_seconds += one->cpu_seconds;
    ikv_latency_add(&total->latency, &one->latency);
    ikv_latency_add(&total->service, &one->service);
    memcpy(total->ring, one->ring, sizeof total->ring);
}

/* Count a repetition: with --steady in place of the one that leaves the window. */
static int keep_result(const struct seek *seek, const struct seek_method *method,
                       struct seek_point *point, const struct disk_result *result)
{
    if (point->row == NULL) {
        point->row = report_row_add(method->series);
        method->begin(point);
    }
    report_sample(point->row, method->sample(point, result));
    if (!seek->options->steady) {
        add_result(&point->total, result);
    } else {
        if (point->window == NULL)
            point->window = calloc(STEADY_ROUNDS, sizeof *point->window);
        if (point->window == NULL)
            return -ENOMEM;
        report_keep_samples(point->row, STEADY_ROUNDS);
        point->window[point->repetitions % STEADY_ROUNDS] = *result;
    }
    point->repetitions++;
    if (point->row != NULL)
        point->steady = steady_state(point->row->samples, point->row->sample_count, NULL);
    return 0;
}

/* A repetition interrupted by a signal is used only if at least half of it was measured. */
static bool is_whole(const struct seek_point *point, const struct disk_result *result)
{
    const struct disk_load *load = &point->load;
    return result->reads > 0 &&
           (!result->interrupted || (load->seconds > 0 && result->seconds >= load->seconds / 2));
}

static int measure_once(struct seek *seek, const struct seek_method *method,
                        struct seek_point *point, uint64_t repetition)
{
    const struct seek_options *options = seek->options;
    struct disk_load *load = &point->load;
    struct disk_result result = {.what = "reading"};
    struct cold cold;
    load->fd = seek->target.fd;
    load->seed = options->seed * 1000003 + repetition * 65537;
    load->warm_up = options->warm_up;
    load->seconds = options->seconds / (double)options->repeat;
    if (options->count > 0) /* rounded up: 0 would mean no limit */
        load->count = (options->count + options->repeat - 1) / options->repeat;
    int status = begin_cold(seek, &cold);
    if (status != STATUS_DONE)
        return status;
    int code = method->measure != NULL ? method->measure(seek, point, &result)
                                       : disk_measure(load, &seek->watch, &result);
    end_cold(seek, &cold, result.all_bytes);
    seek->watch.done += load->seconds + load->warm_up;
    if (code == 0 && is_whole(point, &result)) {
        code = keep_result(seek, method, point, &result);
        result.what = "allocating results";
    }
    if (code < 0)
        return seek_failed(seek, result.what, code);
    return result.interrupted || signals_caught() ? STATUS_INTERRUPTED : STATUS_DONE;
}

/* ---------------------------------------------------------------- rounds */

/* Whether the point needs no more repetitions. On a slow device, a single burst or batch can take
 * longer than the time for all of them: then a few must do. */
static bool is_done(const struct seek_options *options, const struct seek_point *point,
                    uint64_t rounds)
{
    if (options->steady)
        return rounds >= options->repeat && point->steady;
    return rounds > 0 && options->seconds > 0 && point->total.seconds > 2 * options->seconds;
}

static void finish_point(struct seek *seek, struct seek_point *point)
{
    struct steadiness steadiness;
    const unsigned kept = point->repetitions < STEADY_ROUNDS ? point->repetitions : STEADY_ROUNDS;
    for (unsigned i = 0; point->window != NULL && i < kept; i++)
        add_result(&point->total, &point->window[i]);
    free(point->window);
    point->window = NULL;
    if (point->row == NULL)
        return;
    report_set_latency(point->row, &point->total.latency);
    report_set_median(point->row);
    if (point->total.ring[0] != '\0')
        report_fact(seek->report, "ring", point->total.ring);
    if (point->repetitions < STEADY_ROUNDS) {
        seek->unknown_rows++;
        return;
    }
    report_set_steady(point->row, point->steady, point->repetitions);
    seek->judged_rows++;
    if (point->steady) {
        seek->steady_rows++;
        return;
    }
    (void)steady_state(point->row->samples, point->row->sample_count, &steadiness);
    seek->worst_range = fmax(seek->worst_range, steadiness.range);
    seek->worst_drift = fmax(seek->worst_drift, steadiness.drift);
}

int seek_measure(struct seek *seek, const struct seek_method *method, struct seek_point *points,
                 size_t count)
{
    const struct seek_options *options = seek->options;
    const uint64_t rounds = options->steady && options->repeat < STEADY_ROUNDS_MAX
                                ? STEADY_ROUNDS_MAX
                                : options->repeat;
    int status = STATUS_DONE;
    seek->watch.phase = method->phase;
    for (uint64_t r = 0; r < rounds && status == STATUS_DONE; r++)
        for (size_t i = 0; i < count && status == STATUS_DONE; i++)
            if (!is_done(options, &points[i], r))
                status = measure_once(seek, method, &points[i], r);
    for (size_t i = 0; i < count; i++)
        finish_point(seek, &points[i]);
    return status;
}
