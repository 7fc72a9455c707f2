/* Random reads: rate and latency by block size, threads and depth. */
#include "base/exit_status.h"
#include "report/report_text.h"
#include "seek/seek.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct report_column columns[] = {
    {"backend", "", REPORT_PARAMETER, 0, "backend"},
    {"block", "bytes", REPORT_PARAMETER, REPORT_BYTES, "block"},
    {"threads", "", REPORT_PARAMETER, 0, "threads"},
    {"depth", "", REPORT_PARAMETER, 0, "depth"},
    {"reads_per_second", "1/s", REPORT_MORE, 0, "reads/s"},
    {"megabytes_per_second", "MB/s", REPORT_MORE, 1, "MB/s"},
    REPORT_LATENCY_COLUMNS,
    {"cpu_per_read", "ns", REPORT_LESS, 0, "cpu/read"},
    {"reads_per_system_call", "", REPORT_MORE, 1, "reads/call"},
};

/* A curve's knee has this share of its best rate. */
static const double knee_share = 0.9;

struct combinations {
    const struct seek *seek;
    struct seek_point *points; /* NULL: only count them */
    size_t count;
};

static void add(struct combinations *all, enum disk_backend backend, uint64_t block,
                uint64_t threads, uint64_t depth)
{
    if (backend == DISK_URING && !all->seek->uring)
        return;
    if (all->points != NULL)
        all->points[all->count] =
            (struct seek_point){.load = seek_load(all->seek, backend, block, depth, threads)};
    all->count++;
}

/* Without options: a curve per block size; 4 KiB with more threads; and pread. */
static void add_default(struct combinations *all)
{
    static const uint64_t blocks[] = {512, 4096, 16384, 65536};
    for (size_t i = 0; i < REPORT_COUNT(blocks); i++) {
        if (!seek_block_fits(all->seek, blocks[i], true))
            continue;
        for (uint64_t depth = 1; depth <= 1024; depth *= 2)
            add(all, DISK_URING, blocks[i], 1, depth);
    }
    for (uint64_t threads = 2; threads <= 4; threads *= 2)
        for (uint64_t depth = 1; depth <= 1024; depth *= 2)
            add(all, DISK_URING, 4096, threads, depth);
    for (uint64_t threads = 1; threads <= 64; threads *= 2)
        add(all, DISK_PREAD, 4096, threads, 1);
}

/* With options: all combinations. pread has no depth and is added once. */
static void add_combinations(struct combinations *all, bool quiet)
{
    const struct seek_options *options = all->seek->options;
    static const struct number_list one = {{1}, 1}, page = {{4096}, 1},
                                    depths = {{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}, 11};
    const struct number_list *blocks = options->blocks.count ? &options->blocks : &page;
    const struct number_list *threads = options->threads.count ? &options->threads : &one;
    const struct number_list *depth = options->depths.count ? &options->depths : &depths;
    const unsigned backends = options->backends  ? options->backends
                              : all->seek->uring ? 1U << DISK_URING
                                                 : 1U << DISK_PREAD;
    for (int backend = DISK_PREAD; backend <= DISK_URING; backend++) {
        if (!(backends & 1U << backend))
            continue;
        for (size_t b = 0; b < blocks->count; b++) {
            if (!seek_block_fits(all->seek, blocks->numbers[b], quiet))
                continue;
            for (size_t t = 0; t < threads->count; t++)
                for (size_t d = 0; d < (backend == DISK_PREAD ? 1 : depth->count); d++)
                    add(all, (enum disk_backend)backend, blocks->numbers[b], threads->numbers[t],
                        depth->numbers[d]);
        }
    }
}

static size_t combine(const struct seek *seek, struct seek_point *points, bool quiet)
{
    const struct seek_options *options = seek->options;
    struct combinations all = {seek, points, 0};
    if (options->depths.count + options->blocks.count + options->threads.count == 0 &&
        options->backends == 0)
        add_default(&all);
    else
        add_combinations(&all, quiet);
    return all.count;
}

size_t seek_depth_rows(const struct seek *seek)
{
    return combine(seek, NULL, true);
}

/* ---------------------------------------------------------------- rows */

static void begin(struct seek_point *point)
{
    const struct disk_load *load = &point->load;
    report_set_text(point->row, "backend", disk_backend_name(load->backend));
    report_set(point->row, "block", load->pattern.block);
    report_set(point->row, "threads", load->threads);
    report_set(point->row, "depth", load->depth);
}

static void finish(const struct seek_point *point)
{
    const struct disk_result *total = &point->total;
    if (point->row == NULL)
        return;
    const double rate = report_get(point->row, "reads_per_second");
    report_set(point->row, "megabytes_per_second", rate * point->load.pattern.block * 1e-6);
    report_set(point->row, "cpu_per_read", total->cpu_seconds * 1e9 / (double)total->reads);
    if (total->system_calls > 0)
        report_set(point->row, "reads_per_system_call",
                   (double)total->reads / (double)total->system_calls);
}

/* Whether two points are on the same curve: over depth, or with pread over threads. */
static bool same_curve(const struct seek_point *a, const struct seek_point *b)
{
    return a->load.backend == b->load.backend && a->load.pattern.block == b->load.pattern.block &&
           (a->load.threads == b->load.threads || a->load.backend == DISK_PREAD);
}

static double rate_of(const struct seek_point *point)
{
    return point->row ? report_get(point->row, "reads_per_second") : NAN;
}

static uint64_t in_flight(const struct seek_point *point)
{
    return (uint64_t)point->load.depth * point->load.threads;
}

/* The point with the fewest reads in flight that reaches 90 % of the curve's best rate; NULL if the
 * curve has fewer than three points. */
static struct seek_point *knee_of(struct seek_point *points, size_t count,
                                  const struct seek_point *curve)
{
    struct seek_point *knee = NULL;
    double best = 0;
    size_t members = 0;
    for (size_t i = 0; i < count; i++) {
        if (!same_curve(&points[i], curve) || isnan(rate_of(&points[i])))
            continue;
        best = fmax(best, rate_of(&points[i]));
        members++;
    }
    for (size_t i = 0; i < count && members >= 3; i++)
        if (same_curve(&points[i], curve) && rate_of(&points[i]) >= knee_share * best &&
            (knee == NULL || in_flight(&points[i]) < in_flight(knee)))
            knee = &points[i];
    return knee;
}

/* ---------------------------------------------------------------- plots */

static void name_curve(const struct seek_point *point, char *name, size_t size)
{
    const struct report_text block = report_bytes_text(point->load.pattern.block);
    if (point->load.backend == DISK_PREAD)
        snprintf(name, size, "%s, pread, threads", block.text);
    else
        snprintf(name, size, "%s, io_uring, %u thread%s", block.text, point->load.threads,
                 point->load.threads > 1 ? "s" : "");
}

static void plot_curve(struct plot *rates, struct plot *latencies, struct seek_point *points,
                       size_t count, const struct seek_point *curve)
{
    char name[80];
    name_curve(curve, name, sizeof name);
    struct plot_line *rate = plot_line(rates, name), *latency = plot_line(latencies, name);
    for (size_t i = 0; i < count; i++) {
        if (!same_curve(&points[i], curve) || points[i].row == NULL)
            continue;
        const double x = (double)in_flight(&points[i]);
        plot_point(rate, x, rate_of(&points[i]));
        plot_point(latency, x, report_get(points[i].row, "latency_p50"));
    }
    const struct seek_point *knee = knee_of(points, count, curve);
    if (knee != NULL) {
        const char *title = "knee (90 % of the best rate)";
        plot_mark(rates, title, (double)in_flight(knee), rate_of(knee));
        plot_mark(latencies, title, (double)in_flight(knee), report_get(knee->row, "latency_p50"));
    }
}

static void plot_rest(struct seek *seek, const struct seek_point *points, size_t count,
                      uint32_t block)
{
    struct plot *cells =
        plot_add(seek->plots, "threads", "Random reads/s by depth and threads (io_uring)");
    struct plot *shares =
        plot_add(seek->plots, "latency-cdf", "Latency of random reads (io_uring, 1 thread)");
    plot_axis(cells, PLOT_X, "depth: reads in flight per thread", PLOT_LOG2);
    plot_axis(cells, PLOT_Y, "threads", PLOT_LOG2);
    plot_axis(shares, PLOT_X, "latency (us)", PLOT_LOG10);
    plot_axis(shares, PLOT_Y, "share of reads (%)", PLOT_LINEAR);
    for (size_t i = 0; i < count; i++) {
        const struct disk_load *load = &points[i].load;
        char name[40];
        if (points[i].row == NULL || load->backend != DISK_URING || load->pattern.block != block)
            continue;
        plot_cell(cells, "reads/s", load->depth, load->threads, rate_of(&points[i]));
        snprintf(name, sizeof name, "depth %u", load->depth);
        const bool fourth = load->depth == 1 || load->depth == 4 || load->depth == 16 ||
                            load->depth == 64 || load->depth == 256 || load->depth == 1024;
        if (load->threads == 1 && (fourth || count <= 8))
            plot_cdf(shares, name, &points[i].total.latency);
    }
}

static void make_plots(struct seek *seek, struct seek_point *points, size_t count)
{
    struct plot *rates = plot_add(seek->plots, "depth-rate", "Random reads/s by reads in flight");
    struct plot *latencies =
        plot_add(seek->plots, "depth-latency", "Latency of random reads by reads in flight");
    plot_axis(rates, PLOT_X, "reads in flight, all threads together", PLOT_LOG2);
    plot_axis(rates, PLOT_Y, "reads/s", PLOT_LINEAR);
    plot_axis(latencies, PLOT_X, "reads in flight, all threads together", PLOT_LOG2);
    plot_axis(latencies, PLOT_Y, "median latency (us)", PLOT_LOG10);
    uint32_t block = count ? points[0].load.pattern.block : 0;
    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = same_curve(&points[k], &points[i]);
        if (!seen)
            plot_curve(rates, latencies, points, count, &points[i]);
        if (points[i].load.pattern.block == 4096)
            block = 4096;
    }
    plot_rest(seek, points, count, block);
}

int seek_depth(struct seek *seek)
{
    const struct seek_method method = {
        .phase = "random reads",
        .series = report_series_add(seek->report, "random", "Random reads", columns,
                                    REPORT_COUNT(columns), "reads_per_second"),
        .begin = begin,
        .sample = seek_rate_of};
    const size_t count = combine(seek, NULL, false);
    struct seek_point *points = calloc(count ? count : 1, sizeof *points);
    if (points == NULL)
        return seek_failed(seek, "allocating results", -ENOMEM);
    combine(seek, points, true);
    const int status = seek_measure(seek, &method, points, count);
    for (size_t i = 0; i < count; i++)
        finish(&points[i]);
    for (size_t i = 0; i < count; i++) {
        const struct seek_point *knee = knee_of(points, count, &points[i]);
        if (knee == &points[i])
            report_note(points[i].row, "knee");
    }
    make_plots(seek, points, count);
    free(points);
    return status;
}
