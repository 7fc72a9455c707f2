/* Lookups per second by the way the index is searched: probe_walk.h. */
#include "base/exit_status.h"
#include "base/numbers.h"
#include "base/signals.h"
#include "seek/probe_walk.h"
#include "seek/seek.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct report_column columns[] = {
    {"way", "", REPORT_PARAMETER, 0, "index search"},
    {"batch", "", REPORT_PARAMETER, 0, "batch"},
    {"depth", "", REPORT_PARAMETER, 0, "depth"},
    {"backend", "", REPORT_PARAMETER, 0, "backend"},
    {"lookups_per_second", "1/s", REPORT_MORE, 0, "lookups/s"},
    {"gain", "x", REPORT_NEUTRAL, 1, "gain"},
    {"reads_per_lookup", "", REPORT_LESS, 2, "reads/lookup"},
    {"bytes_per_lookup", "bytes", REPORT_LESS, 0, "bytes/lookup"},
    {"reads_per_second", "1/s", REPORT_NEUTRAL, 0, "reads/s"},
};

static const char *const way_names[PROBE_WAYS] = {"entries", "pages", "fences", "memory",
                                                  "clustered"};
static const char *const way_titles[PROBE_WAYS] = {
    "probes of entries", "probes of pages", "fences in memory", "index in memory", "clustered"};

/* One way of searching, with single keys or batches. */
struct probe_point {
    struct probe_walk walk;
    struct disk_list_reader reader;
    uint64_t batch, lookups, bytes;
    double rate; /* lookups per second of the last repetition */
    bool open;
};
enum { POINTS = 2 * PROBE_WAYS };

size_t seek_probes_rows(const struct seek *seek)
{
    (void)seek;
    return POINTS;
}

static int open_point(struct seek *seek, struct probe_point *point, const struct disk_load *load,
                      enum probe_way way)
{
    const uint32_t block = probe_read_size(PROBE_PAGE, seek->target.sector);
    const char *what = "allocating a batch";
    int code =
        probe_walk_init(&point->walk, way, seek->area, seek->target.sector, (size_t)point->batch)
            ? 0
            : -ENOMEM;
    point->open = code == 0;
    if (code == 0)
        code = disk_list_reader_open(&point->reader, seek->target.fd, load->backend, load->depth,
                                     block, &what);
    return code < 0 ? seek_failed(seek, what, code) : STATUS_DONE;
}

static void close_point(struct probe_point *point)
{
    if (!point->open)
        return;
    disk_list_reader_close(&point->reader);
    probe_walk_free(&point->walk);
}

static int look_up_batch(struct probe_point *point, uint64_t seed)
{
    struct probe_walk *walk = &point->walk;
    probe_walk_begin(walk, (size_t)point->batch, seed);
    while (probe_walk_level(walk)) {
        const int code =
            disk_list_reader_read(&point->reader, walk->offsets, walk->offset_count, walk->length);
        if (code < 0)
            return code;
        point->bytes += (uint64_t)walk->offset_count * walk->length;
    }
    point->lookups += point->batch;
    return 0;
}

static void show(struct seek *seek, const struct probe_point *point, double elapsed)
{
    const double done = seek->watch.done + elapsed;
    progress_update(
        seek->progress,
        &(struct progress_point){
            .phase = seek->watch.phase,
            .count = point->lookups,
            .unit = "lookups",
            .done = (uint64_t)((done < seek->watch.total ? done : seek->watch.total) * 1e3),
            .total = (uint64_t)(seek->watch.total * 1e3)});
}

/* Look up batches for the repetition's share of the time. A batch interrupted by a signal is not
 * counted. */
static int look_up(struct seek *seek, struct seek_point *seek_point, struct disk_result *result)
{
    const struct disk_load *load = &seek_point->load;
    struct probe_point *point = seek_point->user;
    const uint64_t reads_from = point->reader.reads, lookups_from = point->lookups,
                   bytes_from = point->bytes;
    const double start = seconds_now();
    uint64_t seed = load->seed;
    double now, ended = start;
    int code;
    do {
        code = look_up_batch(point, seed++);
        now = seconds_now();
        ended = code == 0 ? now : ended;
        show(seek, point, now - start);
    } while (code == 0 && !signals_caught() &&
             (load->seconds <= 0 || now - start < load->seconds) &&
             (load->count == 0 || point->reader.reads - reads_from < load->count));
    result->reads = point->lookups > lookups_from ? point->reader.reads - reads_from : 0;
    result->bytes = result->all_bytes = point->bytes - bytes_from;
    result->seconds = ended - start;
    result->interrupted = code == -EINTR;
    if (result->seconds > 0)
        point->rate = (double)(point->lookups - lookups_from) / result->seconds;
    return code == -EINTR ? 0 : code;
}

static double last_rate(const struct seek_point *point, const struct disk_result *result)
{
    (void)result;
    return ((const struct probe_point *)point->user)->rate;
}

static void begin(struct seek_point *point)
{
    const struct probe_point *probes = point->user;
    report_set_text(point->row, "way", way_names[probes->walk.way]);
    report_set(point->row, "batch", (double)probes->batch);
    report_set(point->row, "depth", point->load.depth);
    report_set_text(point->row, "backend", disk_backend_name(point->load.backend));
}

static void finish(struct seek *seek, const struct seek_point *points)
{
    struct plot *plot =
        plot_add(seek->plots, "probes", "Lookups/s by the way the index is searched");
    plot_axis(plot, PLOT_X, "lookups/s", PLOT_LOG10);
    for (size_t i = 0; i < POINTS; i++) {
        struct report_row *row = points[i].row;
        const struct probe_point *point = points[i].user;
        char name[80];
        if (row == NULL || point->lookups == 0)
            continue;
        const double rate = report_get(row, "lookups_per_second");
        const double reads = (double)point->reader.reads / (double)point->lookups;
        report_set(row, "reads_per_lookup", reads);
        report_set(row, "bytes_per_lookup", (double)point->bytes / (double)point->lookups);
        report_set(row, "reads_per_second", rate * reads);
        if (points[0].row != NULL)
            report_set(row, "gain", rate / report_get(points[0].row, "lookups_per_second"));
        if (point->batch > 1)
            snprintf(name, sizeof name, "%s, batches of %" PRIu64, way_titles[point->walk.way],
                     point->batch);
        else
            snprintf(name, sizeof name, "%s, single keys", way_titles[point->walk.way]);
        plot_bar(plot, name, rate);
    }
}

int seek_probes(struct seek *seek)
{
    const struct seek_method method = {
        .phase = "lookups",
        .series = report_series_add(seek->report, "probes",
                                    "Lookups by the way the index is searched: 16-byte entries and "
                                    "records, or clustered leaves",
                                    columns, REPORT_COUNT(columns), "lookups_per_second"),
        .begin = begin,
        .measure = look_up,
        .sample = last_rate};
    struct probe_point probes[POINTS] = {0};
    struct seek_point *points = calloc(POINTS, sizeof *points);
    int status = points ? STATUS_DONE : seek_failed(seek, "allocating results", -ENOMEM);
    for (size_t i = 0; points != NULL && i < POINTS && status == STATUS_DONE; i++) {
        const bool batched = i >= PROBE_WAYS, uring = batched && seek->uring;
        points[i].user = &probes[i];
        points[i].load =
            seek_load(seek, uring ? DISK_URING : DISK_PREAD, PROBE_PAGE, uring ? 256 : 1, 1);
        probes[i].batch = batched ? seek->options->batch : 1;
        status = open_point(seek, &probes[i], &points[i].load, (enum probe_way)(i % PROBE_WAYS));
    }
    if (status == STATUS_DONE)
        status = seek_measure(seek, &method, points, POINTS);
    if (points != NULL)
        finish(seek, points);
    for (size_t i = 0; i < POINTS; i++)
        close_point(&probes[i]);
    free(points);
    return status;
}
