/* Sequential and random reads. */
#include "base/exit_status.h"
#include "report/report_text.h"
#include "seek/seek.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct report_column columns[] = {
    {"order", "", REPORT_PARAMETER, 0, "order"},
    {"block", "bytes", REPORT_PARAMETER, REPORT_BYTES, "block"},
    {"backend", "", REPORT_PARAMETER, 0, "backend"},
    {"depth", "", REPORT_PARAMETER, 0, "depth"},
    {"megabytes_per_second", "MB/s", REPORT_MORE, 1, "MB/s"},
    {"over_random", "x", REPORT_NEUTRAL, 2, "vs random"},
    {"reads_per_second", "1/s", REPORT_MORE, 0, "reads/s"},
    REPORT_LATENCY_COLUMNS,
};

static const char *const order_names[] = {"random", "sequential", "backwards"};
static const enum disk_order orders[] = {DISK_RANDOM, DISK_SEQUENTIAL, DISK_BACKWARD};
static const uint64_t blocks[] = {4096, 65536, 1048576};
static const uint64_t depths[] = {1, 32};

/* The three orders of each block size and depth are consecutive points, random first. */
enum { ORDERS = 3, POINTS_MAX = 3 * 3 * 2 };

static size_t make_points(const struct seek *seek, struct seek_point *points)
{
    size_t count = 0;
    for (size_t b = 0; b < REPORT_COUNT(blocks); b++)
        for (size_t d = 0; d < REPORT_COUNT(depths) && blocks[b] <= seek->area.length / 2; d++) {
            if (depths[d] > 1 && !seek->uring)
                continue;
            for (size_t o = 0; o < ORDERS; o++, count++) {
                points[count] = (struct seek_point){
                    .load = seek_load(seek, depths[d] > 1 ? DISK_URING : DISK_PREAD, blocks[b],
                                      depths[d], 1)};
                points[count].load.pattern.order = orders[o];
            }
        }
    return count;
}

size_t seek_order_rows(const struct seek *seek)
{
    struct seek_point *points = calloc(POINTS_MAX, sizeof *points);
    const size_t count = points ? make_points(seek, points) : 0;
    free(points);
    return count;
}

static double megabytes(const struct seek_point *point, const struct disk_result *result)
{
    (void)point;
    return (double)result->bytes * 1e-6 / result->seconds;
}

static void begin(struct seek_point *point)
{
    const struct disk_load *load = &point->load;
    for (size_t o = 0; o < ORDERS; o++)
        if (orders[o] == load->pattern.order)
            report_set_text(point->row, "order", order_names[o]);
    report_set(point->row, "block", load->pattern.block);
    report_set_text(point->row, "backend", disk_backend_name(load->backend));
    report_set(point->row, "depth", load->depth);
}

static void finish(struct seek *seek, const struct seek_point *points, size_t count)
{
    struct plot *plot =
        plot_add(seek->plots, "order", "Sequential and random reads: MB/s by block and depth");
    plot_axis(plot, PLOT_X, "MB/s", PLOT_LOG10);
    for (size_t i = 0; i < count; i++) {
        const struct seek_point *point = &points[i], *random = &points[i / ORDERS * ORDERS];
        char name[80];
        if (point->row == NULL)
            continue;
        const double rate = report_get(point->row, "megabytes_per_second");
        report_set(point->row, "reads_per_second", rate * 1e6 / point->load.pattern.block);
        if (random->row != NULL)
            report_set(point->row, "over_random",
                       rate / report_get(random->row, "megabytes_per_second"));
        snprintf(name, sizeof name, "%s, %s, depth %u", order_names[i % ORDERS],
                 report_bytes_text(point->load.pattern.block).text, point->load.depth);
        plot_bar(plot, name, rate);
    }
}

int seek_order(struct seek *seek)
{
    const struct seek_method method = {
        .phase = "sequential reads",
        .series = report_series_add(seek->report, "order", "Sequential and random reads", columns,
                                    REPORT_COUNT(columns), "megabytes_per_second"),
        .begin = begin,
        .sample = megabytes};
    struct seek_point *points = calloc(POINTS_MAX, sizeof *points);
    if (points == NULL)
        return seek_failed(seek, "allocating results", -ENOMEM);
    const size_t count = make_points(seek, points);
    const int status = seek_measure(seek, &method, points, count);
    finish(seek, points, count);
    free(points);
    return status;
}
