#include "merge/merge.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct lists {
    struct key_supply deletes;
    struct key_supply selects;
};

static int next_delete(void *user, ikv_pair *pair)
{
    return key_supply_next(&((struct lists *)user)->deletes, pair);
}

static int next_select(void *user, ikv_pair *pair)
{
    return key_supply_next(&((struct lists *)user)->selects, pair);
}

static int open_lists(const struct merge_request *request, ikv_key_type type, struct lists *lists,
                      ikv_merge_options *options)
{
    int status = STATUS_DONE;
    *lists = (struct lists){.deletes = {.status = STATUS_DONE}};
    if (request->deletes.path != NULL) {
        options->next_delete = next_delete;
        status = key_supply_open(&lists->deletes, &request->deletes, type, request->key_syntax);
    }
    if (status == STATUS_DONE && request->selects.path != NULL) {
        options->next_select = next_select;
        status = key_supply_open(&lists->selects, &request->selects, type, request->key_syntax);
    }
    options->user = lists;
    return status;
}

static void print_summary(const struct merge_request *request, const struct split *split,
                          const ikv_merge_stats *stats, double seconds)
{
    const ikv_build_stats *written = &stats->written;
    char deleted[64] = "";
    if (request->deletes.path != NULL)
        (void)snprintf(deleted, sizeof deleted, "%" PRIu64 " deleted, ", stats->deleted);
    message(
        "%s: %" PRIu64 " pairs, %" PRIu64 " dropped, %s%s%" PRIu64 " bytes, %.2f s, %.0f pairs/s",
        request->writer->store, written->pairs, written->dropped, deleted, split_text(split).text,
        written->file_size, seconds, seconds > 0 ? (double)stats->read / seconds : 0);
}

/* Half of the memory is for reading. */
static void share_memory(ikv_writer_options *writer, ikv_merge_options *options)
{
    uint64_t memory = writer->memory ? writer->memory : (uint64_t)256 << 20;
    writer->memory = options->memory = memory / 2;
}

/* An ikv_next_fn without pairs. */
static int next_of_none(void *user, ikv_pair *pair)
{
    (void)user;
    (void)pair;
    return 0;
}

/* Merge the stores into the one of `split`; there are none if all inputs are empty tables. */
static int merge_to(struct split *split, const struct merge_request *request,
                    ikv_store *const *stores, size_t count, ikv_merge_options *options)
{
    ikv_merge_stats stats = {.read = 0};
    ikv_error error;
    const double start = seconds_now();
    const int code = count > 0 ? ikv_merge(split->path, stores, count, options, &stats, &error)
                               : ikv_build(split->path, options->writer, next_of_none, NULL,
                                           &stats.written, &error);
    progress_finish(split->progress);
    if (code == IKV_E_CANCELED)
        return STATUS_INTERRUPTED;
    if (code != 0)
        return library_error(&error);
    const int status = split_finish(split, &stats.written);
    if (status == STATUS_DONE && !request->quiet)
        print_summary(request, split, &stats, seconds_now() - start);
    return status;
}

int merge_run(const struct merge_request *request, const struct table *tables, size_t count)
{
    ikv_merge_options options = IKV_MERGE_OPTIONS_INIT;
    struct progress progress;
    struct lists lists;
    struct split split;
    const ikv_key_type type = tables[0].info.key_type;
    size_t store_count = 0;
    ikv_store **stores = table_all_stores(tables, count, &store_count);
    if (stores == NULL)
        return STATUS_IO;
    int status = open_lists(request, type, &lists, &options);
    if (status == STATUS_DONE) {
        progress_start(&progress, request->progress, request->quiet, false);
        status = split_begin(&split, request->writer, type, &progress);
        share_memory(&split.writer, &options);
        options.writer = &split.writer;
        if (status == STATUS_DONE)
            status = merge_to(&split, request, stores, store_count, &options);
        split_free(&split);
        progress_finish(&progress);
        if (lists.deletes.status != STATUS_DONE || lists.selects.status != STATUS_DONE)
            status = exit_status_worse(lists.deletes.status, lists.selects.status);
    }
    key_supply_close(&lists.deletes);
    key_supply_close(&lists.selects);
    free(stores);
    return status;
}
