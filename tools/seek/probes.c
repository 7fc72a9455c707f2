/* Lookups per second by the way the index is searched: probe_walk.h. */
#include "base/exit_status.h"
#include "base/numbers.h"
#include "base/signals.h"
#include "seek/probe_walk.h"
#include "seek/seek.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

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
    double seconds;
    struct report_row *row;
    unsigned depth;
    bool open;
};
enum { POINTS = 2 * PROBE_WAYS };

size_t seek_probes_rows(const struct seek *seek)
{
    (void)seek;
    return POINTS;
}

static enum disk_backend backend_of(const struct seek *seek, const struct probe_point *point)
{
    return point->depth > 1 && seek->uring ? DISK_URING : DISK_PREAD;
}

static int open_point(struct seek *seek, struct probe_point *point, enum probe_way way)
{
    const uint32_t block = probe_read_size(PROBE_PAGE, seek->target.sector);
    const char *what = "allocating a batch";
    int code =
        probe_walk_init(&point->walk, way, seek->area, seek->target.sector, (size_t)point->batch)
            ? 0
            : -ENOMEM;
    point->open = code == 0;
    if (code == 0)
        code = disk_list_reader_open(&point->reader, seek->target.fd, backend_of(seek, point),
                                     point->depth, block, &what);
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
static int look_up(struct seek *seek, struct probe_point *point, uint64_t repetition,
                   double *ret_rate)
{
    const struct seek_options *options = seek->options;
    const double limit = options->seconds / (double)options->repeat;
    const uint64_t reads_from = point->reader.reads, lookups_from = point->lookups;
    const double start = seconds_now();
    uint64_t seed = options->seed * 1000003 + repetition * 65537;
    double now, ended = start;
    int code;
    do {
        code = look_up_batch(point, seed++);
        now = seconds_now();
        ended = code == 0 ? now : ended;
        show(seek, point, now - start);
    } while (code == 0 && !signals_caught() && (limit <= 0 || now - start < limit) &&
             (options->count == 0 ||
              (point->reader.reads - reads_from) * options->repeat < options->count));
    point->seconds += ended - start;
    seek->watch.done += limit;
    if (ended > start)
        *ret_rate = (double)(point->lookups - lookups_from) / (ended - start);
    return code;
}

static void begin_row(const struct seek *seek, struct report_series *series,
                      struct probe_point *point)
{
    point->row = report_row_add(series);
    report_set_text(point->row, "way", way_names[point->walk.way]);
    report_set(point->row, "batch", (double)point->batch);
    report_set(point->row, "depth", point->depth);
    report_set_text(point->row, "backend", disk_backend_name(backend_of(seek, point)));
}

static int measure_once(struct seek *seek, struct report_series *series, struct probe_point *point,
                        uint64_t repetition)
{
    const uint64_t bytes = point->bytes;
    struct cold cold;
    double rate = 0;
    /* On a slow device a single batch can take longer than the time for all repetitions. */
    if (repetition > 0 && seek->options->seconds > 0 && point->seconds > seek->options->seconds)
        return STATUS_DONE;
    int status = seek_cold_begin(seek, &cold);
    if (status != STATUS_DONE)
        return status;
    const int code = look_up(seek, point, repetition, &rate);
    seek_cold_end(seek, &cold, point->bytes - bytes);
    if (rate > 0) {
        if (point->row == NULL)
            begin_row(seek, series, point);
        report_sample(point->row, rate);
    }
    if (code == -EINTR || signals_caught())
        return STATUS_INTERRUPTED;
    return code < 0 ? seek_failed(seek, "reading", code) : STATUS_DONE;
}

static void finish(struct seek *seek, const struct probe_point *points)
{
    struct plot *plot =
        plot_add(seek->plots, "probes", "Lookups/s by the way the index is searched");
    plot_axis(plot, PLOT_X, "lookups/s", PLOT_LOG10);
    for (size_t i = 0; i < POINTS; i++) {
        const struct probe_point *point = &points[i];
        char name[80];
        if (point->row == NULL || point->lookups == 0)
            continue;
        report_set_median(point->row);
        const double rate = report_get(point->row, "lookups_per_second");
        const double reads = (double)point->reader.reads / (double)point->lookups;
        report_set(point->row, "reads_per_lookup", reads);
        report_set(point->row, "bytes_per_lookup", (double)point->bytes / (double)point->lookups);
        report_set(point->row, "reads_per_second", rate * reads);
        if (points[0].row != NULL)
            report_set(point->row, "gain", rate / report_get(points[0].row, "lookups_per_second"));
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
    struct report_series *series =
        report_series_add(seek->report, "probes",
                          "Lookups by the way the index is searched: 16-byte entries and records, "
                          "or clustered leaves",
                          columns, REPORT_COUNT(columns), "lookups_per_second");
    struct probe_point points[POINTS] = {0};
    int status = STATUS_DONE;
    seek->watch.phase = "lookups";
    for (size_t i = 0; i < POINTS && status == STATUS_DONE; i++) {
        const bool batched = i >= PROBE_WAYS;
        points[i].batch = batched ? seek->options->batch : 1;
        points[i].depth = batched && seek->uring ? 256 : 1;
        status = open_point(seek, &points[i], (enum probe_way)(i % PROBE_WAYS));
    }
    for (uint64_t r = 0; r < seek->options->repeat; r++)
        for (size_t i = 0; i < POINTS && status == STATUS_DONE; i++)
            status = measure_once(seek, series, &points[i], r);
    finish(seek, points);
    for (size_t i = 0; i < POINTS; i++)
        close_point(&points[i]);
    return status;
}
