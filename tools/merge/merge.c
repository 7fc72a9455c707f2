#include "merge/merge.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"

#include <inttypes.h>
#include <stdio.h>

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

static void print_summary(const struct merge_request *request, const ikv_merge_stats *stats,
                          double seconds)
{
    const ikv_build_stats *written = &stats->written;
    char deleted[64] = "";
    if (request->deletes.path != NULL)
        (void)snprintf(deleted, sizeof deleted, "%" PRIu64 " deleted, ", stats->deleted);
    message("%s: %" PRIu64 " pairs, %" PRIu64 " dropped, %s%" PRIu64 " bytes, %.2f s, %.0f pairs/s",
            request->writer->store, written->pairs, written->dropped, deleted, written->file_size,
            seconds, seconds > 0 ? (double)stats->read / seconds : 0);
}

/* Half of the memory is for reading. */
static void share_memory(ikv_writer_options *writer, ikv_merge_options *options)
{
    uint64_t memory = writer->memory ? writer->memory : (uint64_t)256 << 20;
    writer->memory = options->memory = memory / 2;
}

int merge_run(const struct merge_request *request, ikv_store *const *stores, size_t count)
{
    ikv_merge_options options = IKV_MERGE_OPTIONS_INIT;
    ikv_writer_options writer = request->writer->writer;
    struct lists lists;
    ikv_merge_stats stats;
    ikv_info info;
    ikv_store_info(stores[0], &info);
    writer.key_type = info.key_type;
    share_memory(&writer, &options);
    options.writer = &writer;
    int status = open_lists(request, info.key_type, &lists, &options);
    if (status == STATUS_DONE) {
        struct progress progress;
        ikv_error error;
        double start = seconds_now();
        progress_start(&progress, request->progress, request->quiet, false);
        writer.on_progress = progress_from_library;
        writer.progress_user = &progress;
        int code = ikv_merge(request->writer->store, stores, count, &options, &stats, &error);
        progress_finish(&progress);
        if (lists.deletes.status != STATUS_DONE || lists.selects.status != STATUS_DONE)
            status = exit_status_worse(lists.deletes.status, lists.selects.status);
        else if (code == IKV_E_CANCELED)
            status = STATUS_INTERRUPTED;
        else if (code != 0)
            status = library_error(&error);
        else if (!request->quiet)
            print_summary(request, &stats, seconds_now() - start);
    }
    key_supply_close(&lists.deletes);
    key_supply_close(&lists.selects);
    return status;
}
