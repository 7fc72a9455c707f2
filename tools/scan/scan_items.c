#include "scan/scan_items.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "lookup/stats_table.h"
#include "table/table_scan.h"
#include "text/key_problem.h"
#include "text/keys.h"

#include <inttypes.h>
#include <string.h>

/* Items between two progress updates. */
enum { PROGRESS_ITEMS = 4096 };

struct scan_job {
    const struct scan_request *request;
    const char *path;
    struct table *table;
    struct table_scan scan;
    ikv_key_syntax key_syntax;
    struct item_writer writer;
    struct progress progress;
    int status;
};

/* Parse --from or --to. Leaves *ret_key unchanged if the option was not given. */
static int parse_bound(const struct scan_job *job, const char *option, const char *text,
                       unsigned char *key, const void **ret_key)
{
    if (text == NULL)
        return OPTIONS_CONTINUE;
    ikv_key_type type = job->table->info.key_type;
    size_t length = strlen(text);
    int code = ikv_key_parse(type, job->request->store->key_syntax, text, length, key);
    if (code == 0) {
        *ret_key = key;
        return OPTIONS_CONTINUE;
    }
    char reason[512];
    key_problem(type, job->request->store->key_syntax, code, text, length, reason, sizeof reason);
    return usage_error(job->request->store->syntax->name, "--%s: %s", option, reason);
}

/* The syntax of keys in the output: --key-syntax, or the syntax of --from or --to. */
static ikv_key_syntax output_syntax(const struct scan_job *job)
{
    ikv_key_syntax key_syntax = job->request->store->key_syntax;
    const char *bound = job->request->from ? job->request->from : job->request->to;
    if (key_syntax == IKV_SYNTAX_AUTO && bound != NULL)
        return key_syntax_of(job->table->info.key_type, bound, strlen(bound));
    return key_syntax;
}

static void write_item(struct scan_job *job, const ikv_item *item)
{
    struct item_key key = {.key = item->key, .syntax = job->key_syntax};
    unsigned char last[IKV_KEY_WIDTH_MAX];
    if (item->status == IKV_FOUND) {
        if (job->writer.with_last && ikv_range_last(job->scan.store, item, last) == 0)
            key.last = last;
        item_write(&job->writer, &key, NULL, item->value, item->size);
        return;
    }
    char text[IKV_KEY_TEXT_MAX];
    if (item->key == NULL ||
        ikv_key_format(job->table->info.key_type, key.syntax, item->key, text, sizeof text) < 0)
        text[0] = '\0';
    message("%s: key %s: corrupt record", job->scan.path, text);
    job->status = STATUS_CORRUPT;
}

static void show_progress(struct scan_job *job, uint64_t items, uint64_t total)
{
    progress_update(&job->progress,
                    &(struct progress_point){.phase = "scan",
                                             .count = items,
                                             .unit = "items",
                                             .done = items,
                                             .total = total,
                                             .waits.output = job->writer.output->seconds,
                                             .one_thread = true});
}

static int write_items(struct scan_job *job)
{
    uint64_t items = 0, total = job->table->info.pair_count;
    if (job->request->from != NULL || job->request->to != NULL)
        total = 0; /* unknown */
    if (job->request->limited && (total == 0 || job->request->limit < total))
        total = job->request->limit;
    const struct output *output = job->writer.output;
    while (output->error == 0) {
        ikv_item item;
        ikv_error error;
        int code = table_scan_next(&job->scan, &item, &error);
        if (code == IKV_E_END)
            break;
        if (code != 0)
            return exit_status_worse(job->status, library_error(&error));
        write_item(job, &item);
        if (++items % PROGRESS_ITEMS == 0)
            show_progress(job, items, total);
    }
    show_progress(job, items, total);
    return job->status;
}

static int scan_and_write(struct scan_job *job)
{
    const struct scan_request *request = job->request;
    unsigned char from[IKV_KEY_WIDTH_MAX], to[IKV_KEY_WIDTH_MAX];
    ikv_scan_options scan_options = IKV_SCAN_OPTIONS_INIT;
    scan_options.order = request->order;
    scan_options.limit = request->limit;
    int status = parse_bound(job, "from", request->from, from, &scan_options.from);
    if (status == OPTIONS_CONTINUE)
        status = parse_bound(job, "to", request->to, to, &scan_options.to);
    if (status != OPTIONS_CONTINUE)
        return status;
    /* In the library, limit 0 means no limit. */
    if (request->limited && request->limit == 0)
        return STATUS_DONE;

    job->key_syntax = output_syntax(job);
    job->writer.key_type = job->table->info.key_type;
    job->writer.key_width = job->table->info.key_width;
    job->writer.with_last = job->writer.with_key && job->table->info.has_ranges;
    ikv_error error;
    double start = seconds_now();
    if (table_scan_open(&job->scan, job->table, &scan_options, &error) != 0)
        return library_error(&error);
    progress_start(&job->progress, (enum progress_mode)request->store->progress,
                   request->store->quiet, job->writer.output->terminal);
    status = write_items(job);
    progress_finish(&job->progress);
    if (!request->store->quiet)
        item_writer_warn(&job->writer, job->path);
    double seconds = seconds_now() - start;
    table_scan_close(&job->scan);
    if (request->stats)
        stats_table_print(
            &(struct stats_report){.stats = &job->scan.stats,
                                   .leaves = job->table->info.layout == IKV_LAYOUT_CLUSTERED,
                                   .calls = 1,
                                   .search_seconds = seconds,
                                   .total_seconds = seconds});
    return exit_status_worse(status, table_report_missing(job->table));
}

int scan_run(const struct scan_request *request, struct table *table, const char *path,
             struct output *output)
{
    int status = check_output_format(request->store->syntax, request->output_format, output);
    if (status != OPTIONS_CONTINUE)
        return status;
    struct scan_job job = {.request = request, .table = table, .path = path};
    job.writer = (struct item_writer){.output = output,
                                      .format = request->output_format,
                                      .escape = request->escape,
                                      .nul = request->nul,
                                      .with_key = request->order == IKV_ORDER_KEY};
    return scan_and_write(&job);
}
