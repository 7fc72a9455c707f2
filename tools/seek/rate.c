/* Open loop: random reads started at a fixed rate, whether earlier ones have completed or not. */
#include "base/exit_status.h"
#include "seek/seek.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct report_column columns[] = {
    {"rate", "1/s", REPORT_PARAMETER, 0, "target"},
    {"backend", "", REPORT_PARAMETER, 0, "backend"},
    {"block", "bytes", REPORT_PARAMETER, REPORT_BYTES, "block"},
    {"threads", "", REPORT_PARAMETER, 0, "threads"},
    {"depth", "", REPORT_PARAMETER, 0, "depth"},
    {"reads_per_second", "1/s", REPORT_MORE, 0, "reads/s"},
    REPORT_LATENCY_COLUMNS,
    {"service_p50", "us", REPORT_LESS, 1, "service p50"},
    {"service_p99", "us", REPORT_LESS, 1, "service p99"},
};

size_t seek_rate_rows(const struct seek *seek)
{
    return seek->options->rates.count;
}

static void begin(struct seek_point *point)
{
    const struct disk_load *load = &point->load;
    report_set(point->row, "rate", load->rate);
    report_set_text(point->row, "backend", disk_backend_name(load->backend));
    report_set(point->row, "block", load->pattern.block);
    report_set(point->row, "threads", load->threads);
    report_set(point->row, "depth", load->depth);
}

static void finish(struct seek *seek, const struct seek_point *points, size_t count)
{
    struct plot *plot =
        plot_add(seek->plots, "rate-cdf", "Latency from the scheduled start of reads, by reads/s");
    plot_axis(plot, PLOT_X, "latency (us)", PLOT_LOG10);
    plot_axis(plot, PLOT_Y, "share of reads (%)", PLOT_LINEAR);
    for (size_t i = 0; i < count; i++) {
        const struct seek_point *point = &points[i];
        const struct disk_result *total = &point->total;
        char name[80];
        if (point->row == NULL)
            continue;
        report_set(point->row, "reads_per_second", disk_rate(total));
        report_set(point->row, "service_p50", report_percentile(&total->service, 0.5) * 1e-3);
        report_set(point->row, "service_p99", report_percentile(&total->service, 0.99) * 1e-3);
        if (disk_rate(total) < 0.97 * point->load.rate)
            report_note(point->row, "the device cannot keep up");
        snprintf(name, sizeof name, "%.0f", point->load.rate);
        plot_cdf(plot, name, &total->latency);
    }
}

int seek_rate(struct seek *seek)
{
    const struct seek_options *options = seek->options;
    const struct seek_method method = {
        .phase = "reads at a rate",
        .series = report_series_add(seek->report, "rate",
                                    "Random reads at a fixed rate: latency from the scheduled "
                                    "start, service from the actual",
                                    columns, REPORT_COUNT(columns), "latency_avg"),
        .begin = begin,
        .sample = seek_average_us};
    const size_t count = options->rates.count;
    const uint64_t depth = options->depths.count ? options->depths.numbers[0] : 256;
    const uint64_t threads = options->threads.count ? options->threads.numbers[0] : 1;
    const uint64_t block = options->blocks.count ? options->blocks.numbers[0] : 4096;
    const bool pread = !seek->uring || options->backends == 1U << DISK_PREAD;
    if (!seek_block_fits(seek, block, false))
        return STATUS_DONE;
    struct seek_point *points = calloc(count ? count : 1, sizeof *points);
    if (points == NULL)
        return seek_failed(seek, "allocating results", -ENOMEM);
    for (size_t i = 0; i < count; i++) {
        points[i].load = seek_load(seek, pread ? DISK_PREAD : DISK_URING, block, depth, threads);
        points[i].load.rate = (double)options->rates.numbers[i];
    }
    const int status = seek_measure(seek, &method, points, count);
    finish(seek, points, count);
    free(points);
    return status;
}
