/* Latency of a read by its distance from the previous one: shows the cost of moving a disk's heads,
 * and the reach of caches and read-ahead of other devices. */
#include "base/exit_status.h"
#include "seek/seek.h"

#include <errno.h>
#include <stdlib.h>

static const struct report_column columns[] = {
    {"distance", "bytes", REPORT_PARAMETER, REPORT_BYTES, "distance"},
    {"direction", "", REPORT_PARAMETER, 0, "direction"},
    {"block", "bytes", REPORT_PARAMETER, REPORT_BYTES, "block"},
    REPORT_LATENCY_COLUMNS,
};

/* For larger distances than half of the area, few places are left for the first read. */
static uint64_t max_distance(const struct seek *seek)
{
    return seek->area.length / 2;
}

static uint64_t block_of(const struct seek *seek)
{
    const struct number_list *blocks = &seek->options->blocks;
    const uint64_t block = blocks->count ? blocks->numbers[0] : 4096;
    return (block + seek->target.sector - 1) / seek->target.sector * seek->target.sector;
}

size_t seek_distance_rows(const struct seek *seek)
{
    size_t rows = 0;
    for (uint64_t distance = block_of(seek); distance <= max_distance(seek); distance *= 2)
        rows += 2;
    return rows;
}

static void begin(struct seek_point *point)
{
    const struct disk_pattern *pattern = &point->load.pattern;
    const int64_t distance = pattern->distance;
    report_set_text(point->row, "direction", distance < 0 ? "backwards" : "forwards");
    report_set(point->row, "distance", (double)(distance < 0 ? -distance : distance));
    report_set(point->row, "block", pattern->block);
}

static void make_plot(struct seek *seek, const struct seek_point *points, size_t count)
{
    struct plot *plot = plot_add(seek->plots, "distance",
                                 "Latency of a read by its distance from the previous one");
    plot_axis(plot, PLOT_X, "distance", PLOT_BYTES);
    plot_axis(plot, PLOT_Y, "latency (us)", PLOT_LINEAR);
    struct plot_line *lines[2][2] = {
        {plot_line(plot, "forwards, average"), plot_line(plot, "backwards, average")},
        {plot_line(plot, "forwards, median"), plot_line(plot, "backwards, median")}};
    for (size_t i = 0; i < count; i++) {
        const int64_t distance = points[i].load.pattern.distance;
        const bool back = distance < 0;
        if (points[i].row == NULL)
            continue;
        const double x = (double)(back ? -distance : distance);
        plot_point(lines[0][back], x, report_get(points[i].row, "latency_avg"));
        plot_point(lines[1][back], x, report_get(points[i].row, "latency_p50"));
    }
}

int seek_distance(struct seek *seek)
{
    const struct seek_method method = {
        .phase = "reads at distances",
        .series = report_series_add(seek->report, "distance",
                                    "Single reads by distance from the start of the previous one",
                                    columns, REPORT_COUNT(columns), "latency_avg"),
        .begin = begin,
        .sample = seek_average_us};
    const size_t count = seek_distance_rows(seek);
    struct seek_point *points = calloc(count ? count : 1, sizeof *points);
    if (points == NULL)
        return seek_failed(seek, "allocating results", -ENOMEM);
    /* Both directions of a distance follow each other, since devices change their speed. */
    for (size_t i = 0; i < count; i++) {
        const int64_t distance = (int64_t)(block_of(seek) << i / 2);
        points[i].load = seek_load(seek, DISK_PREAD, block_of(seek), 1, 1);
        points[i].load.pattern.order = DISK_DISTANCE;
        points[i].load.pattern.distance = i % 2 ? -distance : distance;
    }
    const int status = seek_measure(seek, &method, points, count);
    make_plot(seek, points, count);
    free(points);
    return status;
}
