#include "remote/remote.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/signals.h"
#include "remote/random_keys.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Before each repetition, not measured: the connections are opened. */
#define WARM_UP_SHARE 0.2

static const struct report_column columns[] = {
    {"depth", "", REPORT_PARAMETER, 0, "depth"},
    {"batch", "", REPORT_PARAMETER, 0, "batch"},
    {"requests_per_second", "1/s", REPORT_MORE, 0, "requests/s"},
    {"lookups_per_second", "1/s", REPORT_MORE, 0, "lookups/s"},
    {"megabytes_per_second", "MB/s", REPORT_NEUTRAL, 1, "MB/s"},
    {"requests_per_key", "", REPORT_LESS, 2, "requests/key"},
    REPORT_LATENCY_COLUMNS,
};

/* Batches in flight, each with a result and keys of its own. */
struct calls {
    ikv_store *store;
    struct random_keys keys;
    ikv_completions *completions;
    ikv_result **results;
    unsigned char *buffer; /* the keys of all */
    size_t count;          /* of batches */
    size_t batch;
    uint64_t *began; /* of each batch */
    size_t in_flight;
};

struct counts {
    double seconds;
    uint64_t requests;
    uint64_t lookups;
    uint64_t bytes;
    ikv_latency latency; /* of calls */
};

static uint64_t now_ns(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* ---------------------------------------------------------------- calls */

static int open_calls(struct calls *calls, const char *url, const struct remote_options *options,
                      uint64_t depth, uint64_t batch)
{
    ikv_http_options http = *options->open->http;
    ikv_open_options open = *options->open;
    ikv_error error;
    http.connections = (uint32_t)depth;
    if (options->batches == NULL)
        http.max_gap = 1;
    open.http = &http;
    *calls = (struct calls){.count = options->batches ? 1 : depth, .batch = batch};
    int code = ikv_open(url, &open, &calls->store, &error);
    if (code == 0 && options->batches == NULL) { /* again, with no room for what is looked up */
        ikv_info info;
        ikv_store_info(calls->store, &info);
        ikv_close(calls->store);
        calls->store = NULL;
        open.index_memory = info.index_memory + 1;
        code = ikv_open(url, &open, &calls->store, &error);
    }
    if (code == 0)
        code = random_keys_init(&calls->keys, calls->store, options->seed, &error);
    if (code == IKV_E_NOT_FOUND) {
        message("%s: the store is empty", url);
        return STATUS_USAGE;
    }
    if (code < 0)
        return library_error(&error);
    calls->results = calloc(calls->count, sizeof(ikv_result *));
    calls->began = calloc(calls->count, sizeof *calls->began);
    calls->buffer = malloc(calls->count * calls->batch * calls->keys.width);
    if (!calls->results || !calls->began || !calls->buffer ||
        ikv_completions_new(&calls->completions, NULL) < 0)
        return out_of_memory();
    for (size_t i = 0; i < calls->count; i++)
        if (ikv_result_new(&calls->results[i]) < 0)
            return out_of_memory();
    return STATUS_DONE;
}

static void close_calls(struct calls *calls)
{
    ikv_close(calls->store); /* cancels what is in flight */
    for (size_t i = 0; calls->results != NULL && i < calls->count; i++)
        ikv_result_free(calls->results[i]);
    ikv_completions_free(calls->completions);
    free(calls->results);
    free(calls->began);
    free(calls->buffer);
}

static int start(struct calls *calls, size_t number)
{
    ikv_get_options options = IKV_GET_OPTIONS_INIT;
    ikv_submit_options submit = IKV_SUBMIT_OPTIONS_INIT;
    unsigned char *keys = calls->buffer + number * calls->batch * calls->keys.width;
    ikv_error error;
    options.match = IKV_CEILING;
    submit.completions = calls->completions;
    random_keys_draw(&calls->keys, keys, calls->batch);
    calls->began[number] = now_ns();
    if (ikv_submit(calls->store, keys, calls->batch, &options, &submit, calls->results[number],
                   &error) < 0)
        return library_error(&error);
    calls->in_flight++;
    return STATUS_DONE;
}

/* Counts a call that is done, and starts the next one in its place unless `last`. */
static int finish(struct calls *calls, const ikv_result *result, bool last, struct counts *counts)
{
    const ikv_stats *stats = ikv_result_stats(result);
    size_t number = 0;
    while (calls->results[number] != result)
        number++;
    calls->in_flight--;
    const int code = ikv_result_code(result);
    if (code < 0 || stats->corrupt > 0) {
        message("%s", ikv_result_problem(result) ? ikv_result_problem(result)->message
                                                 : ikv_strerror(code));
        return exit_status_of(code < 0 ? code : IKV_E_RECORD);
    }
    counts->requests += stats->system_calls;
    counts->lookups += stats->keys;
    counts->bytes += stats->index_bytes + stats->record_bytes;
    ikv_latency_record(&counts->latency, now_ns() - calls->began[number]);
    return last ? STATUS_DONE : start(calls, number);
}

/* Keeps the calls in flight for a while. */
static int run(struct calls *calls, double seconds, struct counts *counts)
{
    struct pollfd ready = {.fd = ikv_completions_fd(calls->completions), .events = POLLIN};
    const uint64_t began = now_ns();
    const uint64_t end = began + (uint64_t)(seconds * 1e9);
    int status = STATUS_DONE;
    for (size_t i = 0; i < calls->count && status == STATUS_DONE; i++)
        status = start(calls, i);
    while (status == STATUS_DONE && calls->in_flight > 0) {
        const ikv_result *result;
        (void)poll(&ready, 1, 100);
        while (status == STATUS_DONE && (result = ikv_completions_next(calls->completions)) != NULL)
            status = finish(calls, result, now_ns() >= end, counts);
        if (signals_caught() != 0)
            status = STATUS_INTERRUPTED;
    }
    counts->seconds = (double)(now_ns() - began) * 1e-9;
    return status;
}

/* ---------------------------------------------------------------- rows */

struct remote_row {
    uint64_t depth;
    uint64_t batch;
    struct report_row *row;
    struct counts total;
};

static int measure_row(struct remote_row *row, const char *url,
                       const struct remote_options *options)
{
    struct calls calls;
    struct counts warm_up = {0};
    struct counts counts = {0};
    int status = open_calls(&calls, url, options, row->depth, row->batch);
    if (status == STATUS_DONE)
        status = run(&calls, options->seconds * WARM_UP_SHARE, &warm_up);
    if (status == STATUS_DONE)
        status = run(&calls, options->seconds, &counts);
    close_calls(&calls);
    if (status != STATUS_DONE)
        return status;
    report_sample(row->row, (double)counts.requests / counts.seconds);
    row->total.seconds += counts.seconds;
    row->total.requests += counts.requests;
    row->total.lookups += counts.lookups;
    row->total.bytes += counts.bytes;
    ikv_latency_add(&row->total.latency, &counts.latency);
    return STATUS_DONE;
}

static void end_row(const struct remote_row *row)
{
    const struct counts *total = &row->total;
    if (total->seconds <= 0)
        return;
    report_set_median(row->row);
    report_set(row->row, "lookups_per_second", (double)total->lookups / total->seconds);
    report_set(row->row, "megabytes_per_second", (double)total->bytes * 1e-6 / total->seconds);
    report_set(row->row, "requests_per_key", (double)total->requests / (double)total->lookups);
    report_set_latency(row->row, &total->latency);
}

static void make_plots(struct plots *plots, const struct remote_row *rows, size_t count)
{
    struct plot *rates = plot_add(plots, "remote-rate", "Requests/s by requests in flight");
    struct plot *latencies =
        plot_add(plots, "remote-latency", "Latency of calls by requests in flight");
    plot_axis(rates, PLOT_X, "depth: requests in flight", PLOT_LOG2);
    plot_axis(rates, PLOT_Y, "requests/s", PLOT_LINEAR);
    plot_axis(latencies, PLOT_X, "depth: requests in flight", PLOT_LOG2);
    plot_axis(latencies, PLOT_Y, "median latency (us)", PLOT_LOG10);
    struct plot_line *rate = NULL;
    struct plot_line *latency = NULL;
    for (size_t i = 0; i < count; i++) {
        char name[40];
        if (i == 0 || rows[i].batch != rows[i - 1].batch) {
            (void)snprintf(name, sizeof name, "batch %llu", (unsigned long long)rows[i].batch);
            rate = plot_line(rates, name);
            latency = plot_line(latencies, name);
        }
        if (rows[i].total.seconds <= 0)
            continue;
        plot_point(rate, (double)rows[i].depth, report_get(rows[i].row, "requests_per_second"));
        plot_point(latency, (double)rows[i].depth, report_get(rows[i].row, "latency_p50"));
    }
}

static int measure_rows(const char *url, const struct remote_options *options,
                        struct remote_row *rows, size_t count, struct progress *progress)
{
    int status = STATUS_DONE;
    for (uint64_t round = 0; round < options->repeat && status == STATUS_DONE; round++) {
        for (size_t i = 0; i < count && status == STATUS_DONE; i++) {
            progress_update(progress, &(struct progress_point){.phase = "measuring",
                                                               .count = round * count + i,
                                                               .unit = "measurements",
                                                               .done = round * count + i,
                                                               .total = options->repeat * count});
            status = measure_row(&rows[i], url, options);
        }
    }
    return status;
}

int remote_measure(const char *url, const struct remote_options *options, struct report *report,
                   struct plots *plots, struct progress *progress)
{
    static const uint64_t one = 1;
    const uint64_t *batches = options->batches ? options->batches : &one;
    const size_t batch_count = options->batches ? options->batch_count : 1;
    const size_t count = batch_count * options->depth_count;
    struct report_series *series = report_series_add(report, "remote", "Lookups at a URL", columns,
                                                     REPORT_COUNT(columns), "requests_per_second");
    struct remote_row *rows = calloc(count, sizeof *rows);
    if (rows == NULL)
        return out_of_memory();
    for (size_t i = 0; i < count; i++) {
        rows[i].depth = options->depths[i % options->depth_count];
        rows[i].batch = batches[i / options->depth_count];
        rows[i].row = report_row_add(series);
        report_set(rows[i].row, "depth", (double)rows[i].depth);
        report_set(rows[i].row, "batch", (double)rows[i].batch);
    }
    const int status = measure_rows(url, options, rows, count, progress);
    for (size_t i = 0; i < count; i++)
        end_row(&rows[i]);
    make_plots(plots, rows, count);
    free(rows);
    return status;
}
