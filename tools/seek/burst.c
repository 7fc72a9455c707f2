/* Bursts: the time until all of a number of reads that were sent at once have come back. */
#include "base/exit_status.h"
#include "report/report_text.h"
#include "seek/burst_reads.h"
#include "seek/seek.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct report_column columns[] = {
    {"backend", "", REPORT_PARAMETER, 0, "backend"},
    {"block", "bytes", REPORT_PARAMETER, REPORT_BYTES, "block"},
    {"reads", "", REPORT_PARAMETER, 0, "reads"},
    REPORT_LATENCY_COLUMNS,
    {"ideal", "us", REPORT_NEUTRAL, 1, "ideal"},
    {"over_ideal", "x", REPORT_NEUTRAL, 2, "p50/ideal"},
    {"reads_per_second", "1/s", REPORT_MORE, 0, "reads/s"},
    {"cpu_per_read", "ns", REPORT_LESS, 0, "cpu/read"},
};

/* All combinations of backends, block sizes and reads per burst; counts them if `points` is NULL.
 */
static size_t combine(const struct seek *seek, struct seek_point *points, bool quiet)
{
    static const struct number_list page = {{4096}, 1},
                                    sizes = {{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}, 11};
    const struct seek_options *options = seek->options;
    const struct number_list *blocks = options->blocks.count ? &options->blocks : &page;
    const struct number_list *bursts = options->depths.count ? &options->depths : &sizes;
    const unsigned backends = options->backends ? options->backends
                              : seek->uring     ? 1U << DISK_URING
                                                : 1U << DISK_PREAD;
    size_t count = 0;
    for (int backend = DISK_PREAD; backend <= DISK_URING; backend++) {
        if (!(backends & 1U << backend))
            continue;
        for (size_t b = 0; b < blocks->count; b++) {
            if (!seek_block_fits(seek, blocks->numbers[b], quiet))
                continue;
            for (size_t i = 0; i < bursts->count; i++, count++) {
                if (points == NULL)
                    continue;
                points[count].load =
                    seek_load(seek, (enum disk_backend)backend, blocks->numbers[b], 1, 1);
                points[count].load.depth = (unsigned)bursts->numbers[i];
            }
        }
    }
    return count;
}

size_t seek_burst_rows(const struct seek *seek)
{
    return combine(seek, NULL, true);
}

static int measure(struct seek *seek, struct seek_point *point, struct disk_result *ret_result)
{
    return burst_reads_measure(&point->load, &seek->watch, ret_result);
}

static void begin(struct seek_point *point)
{
    const struct disk_load *load = &point->load;
    report_set_text(point->row, "backend", disk_backend_name(load->backend));
    report_set(point->row, "block", load->pattern.block);
    report_set(point->row, "reads", load->depth);
}

static bool same_curve(const struct seek_point *a, const struct seek_point *b)
{
    return a->load.backend == b->load.backend && a->load.pattern.block == b->load.pattern.block;
}

/*
 * An ideal device answers any number of reads within the latency of one, until it is busy: then at
 * its best rate. So a burst takes the shortest median of the curve's bursts, or its reads at the
 * best rate of the curve, whichever is longer. pread sends no bursts: all reads follow each other.
 */
static double ideal_of(const struct seek_point *points, size_t count, const struct seek_point *one)
{
    double least = INFINITY, best = 0;
    for (size_t i = 0; i < count; i++) {
        if (points[i].row == NULL || !same_curve(&points[i], one))
            continue;
        const double median = report_get(points[i].row, "latency_p50");
        least = fmin(least, median);
        best = fmax(best, points[i].load.depth / median);
    }
    return fmax(least, one->load.depth / best);
}

static void finish(struct seek *seek, const struct seek_point *points, size_t count)
{
    struct plot *plot =
        plot_add(seek->plots, "burst", "Time until all reads sent at once have come back");
    plot_axis(plot, PLOT_X, "reads sent at once", PLOT_LOG2);
    plot_axis(plot, PLOT_Y, "time (us)", PLOT_LOG10);
    struct plot_line *lines[3] = {NULL};
    for (size_t i = 0; i < count; i++) {
        static const char *const names[] = {"p50", "p99", "ideal"};
        const struct seek_point *point = &points[i];
        const struct disk_result *total = &point->total;
        if (i == 0 || !same_curve(point, &points[i - 1]))
            for (size_t k = 0; k < REPORT_COUNT(lines); k++) {
                char name[80];
                snprintf(name, sizeof name, "%s, %s, %s",
                         report_bytes_text(point->load.pattern.block).text,
                         disk_backend_name(point->load.backend), names[k]);
                lines[k] = plot_line(plot, name);
            }
        if (point->row == NULL)
            continue;
        const double ideal = ideal_of(points, count, point);
        const double median = report_get(point->row, "latency_p50");
        report_set(point->row, "ideal", ideal);
        report_set(point->row, "over_ideal", median / ideal);
        report_set(point->row, "reads_per_second", disk_rate(total));
        report_set(point->row, "cpu_per_read", total->cpu_seconds * 1e9 / (double)total->reads);
        plot_point(lines[0], point->load.depth, median);
        plot_point(lines[1], point->load.depth, report_get(point->row, "latency_p99"));
        plot_point(lines[2], point->load.depth, ideal);
    }
}

int seek_burst(struct seek *seek)
{
    const struct seek_method method = {
        .phase = "bursts",
        .series = report_series_add(seek->report, "burst",
                                    "Bursts: time until all reads sent at once have come back",
                                    columns, REPORT_COUNT(columns), "latency_avg"),
        .begin = begin,
        .measure = measure,
        .sample = seek_average_us};
    const size_t count = combine(seek, NULL, false);
    struct seek_point *points = calloc(count ? count : 1, sizeof *points);
    if (points == NULL)
        return seek_failed(seek, "allocating results", -ENOMEM);
    combine(seek, points, true);
    const int status = seek_measure(seek, &method, points, count);
    finish(seek, points, count);
    free(points);
    return status;
}
