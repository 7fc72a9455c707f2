/* Measures points in alternating repetitions. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/signals.h"
#include "seek/seek.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
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

int seek_cold_begin(struct seek *seek, struct cold *cold)
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

void seek_cold_end(struct seek *seek, const struct cold *cold, uint64_t bytes)
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
    struct disk_result result;
    struct cold cold;
    load->fd = seek->target.fd;
    load->seed = options->seed * 1000003 + repetition * 65537;
    load->warm_up = options->warm_up;
    load->seconds = options->seconds / (double)options->repeat;
    if (options->count > 0) /* rounded up: 0 would mean no limit */
        load->count = (options->count + options->repeat - 1) / options->repeat;
    int status = seek_cold_begin(seek, &cold);
    if (status != STATUS_DONE)
        return status;
    const int code = disk_measure(load, &seek->watch, &result);
    seek_cold_end(seek, &cold, result.all_bytes);
    seek->watch.done += load->seconds + load->warm_up;
    if (code < 0)
        return seek_failed(seek, result.what, code);
    if (is_whole(point, &result)) {
        if (point->row == NULL) {
            point->row = report_row_add(method->series);
            method->begin(point);
        }
        report_sample(point->row, method->sample(&result));
        add_result(&point->total, &result);
        point->repetitions++;
    }
    return result.interrupted || signals_caught() ? STATUS_INTERRUPTED : STATUS_DONE;
}

int seek_measure(struct seek *seek, const struct seek_method *method, struct seek_point *points,
                 size_t count)
{
    int status = STATUS_DONE;
    seek->watch.phase = method->phase;
    for (uint64_t r = 0; r < seek->options->repeat && status == STATUS_DONE; r++)
        for (size_t i = 0; i < count && status == STATUS_DONE; i++)
            status = measure_once(seek, method, &points[i], r);
    for (size_t i = 0; i < count; i++) {
        if (points[i].row == NULL)
            continue;
        report_set_latency(points[i].row, &points[i].total.latency);
        report_set_median(points[i].row);
        if (points[i].total.ring[0] != '\0')
            report_fact(seek->report, "ring", points[i].total.ring);
    }
    return status;
}
