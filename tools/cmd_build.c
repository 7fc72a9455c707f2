/* indexkv build: read pairs from files or standard input, and write a store. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "base/signals.h"
#include "command.h"
#include "input/pair_reader.h"
#include "options/build_options.h"
#include "table/split.h"
#include "text/same_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Pairs between two progress updates. */
enum { PROGRESS_PAIRS = 4096 };

static void show_reading(struct progress *progress, const struct pair_reader *reader,
                         uint64_t pairs)
{
    progress_update(progress, &(struct progress_point){.phase = "read",
                                                       .count = pairs,
                                                       .unit = "pairs",
                                                       .done = pair_reader_bytes(reader),
                                                       .total = reader->total_bytes,
                                                       .waits.reading = pair_reader_seconds(reader),
                                                       .one_thread = true});
}

static int add_pair(struct pair_reader *reader, ikv_writer *writer, const struct pair *pair)
{
    ikv_error error;
    int code =
        reader->format.ranges
            ? ikv_writer_add_range(writer, pair->key, reader->last, pair->value, pair->size, &error)
            : ikv_writer_add(writer, pair->key, pair->value, pair->size, &error);
    if (code == 0)
        return STATUS_DONE;
    if (code != IKV_E_VALUE_TOO_LARGE)
        return library_error(&error);
    return pair_reader_refuse(reader, error.message) == INPUT_MORE ? STATUS_DONE : reader->status;
}

/* Add all pairs of the reader to the writer. */
static int add_pairs(struct pair_reader *reader, ikv_writer *writer, struct progress *progress)
{
    uint64_t pairs = 0;
    for (;;) {
        struct pair pair;
        int result = pair_reader_next(reader, &pair);
        if (result != INPUT_MORE) {
            show_reading(progress, reader, pairs);
            return result == INPUT_END ? STATUS_DONE : reader->status;
        }
        int status = add_pair(reader, writer, &pair);
        if (status != STATUS_DONE)
            return status;
        if (++pairs % PROGRESS_PAIRS == 0) {
            show_reading(progress, reader, pairs);
            if (signals_caught())
                return STATUS_INTERRUPTED;
        }
    }
}

static void print_summary(const char *path, const struct split *split, const ikv_build_stats *stats,
                          const struct rejects *rejects, double seconds)
{
    double pairs = (double)(stats->pairs + stats->dropped);
    char skipped[64] = "";
    if (rejects->options.skip)
        snprintf(skipped, sizeof skipped, "%" PRIu64 " bad line%s skipped, ", rejects->count,
                 rejects->count == 1 ? "" : "s");
    message("%s: %" PRIu64 " pairs, %" PRIu64 " dropped, %s%s%" PRIu64
            " bytes, %.2f s, %.0f pairs/s",
            path, stats->pairs, stats->dropped, skipped, split_text(split).text, stats->file_size,
            seconds, seconds > 0 ? pairs / seconds : 0);
}

static int build_to(struct split *split, const struct build_options *options,
                    struct pair_reader *reader, struct progress *progress)
{
    ikv_error error;
    ikv_writer *writer;
    if (ikv_writer_new(split->path, &split->writer, &writer, &error) != 0)
        return library_error(&error);

    double start = seconds_now();
    int status = add_pairs(reader, writer, progress);
    /* The store is published only if no rejected line is lost. */
    if (status == STATUS_DONE)
        status = rejects_close(reader->rejects);
    if (status != STATUS_DONE) {
        ikv_writer_abort(writer);
        return status;
    }
    ikv_build_stats stats;
    int code = ikv_writer_finish(writer, &stats, &error);
    progress_finish(progress);
    if (code == IKV_E_CANCELED)
        return STATUS_INTERRUPTED;
    if (code != 0)
        return library_error(&error);
    status = split_finish(split, &stats);
    if (status == STATUS_DONE && !options->quiet)
        print_summary(options->writer.store, split, &stats, reader->rejects, seconds_now() - start);
    return status;
}

static int build(const struct build_options *options, struct pair_reader *reader,
                 struct progress *progress)
{
    struct split split;
    int status = split_begin(&split, &options->writer, options->format.key_type, progress);
    if (status == STATUS_DONE)
        status = build_to(&split, options, reader, progress);
    split_free(&split);
    return status;
}

int cmd_build(int argc, char **argv)
{
    struct build_options options;
    int status = build_options_parse(&options, argc, argv);
    if (status != OPTIONS_CONTINUE)
        return status;

    const struct operands *inputs = &options.inputs;
    status = check_not_input("output", options.writer.store, (const char *const *)inputs->items,
                             inputs->count);
    if (status != STATUS_DONE) {
        build_options_free(&options);
        return status;
    }
    signals_catch();
    struct progress progress;
    progress_start(&progress, options.progress, options.quiet, false);
    struct pair_reader reader;
    struct rejects rejects = {0};
    status = pair_reader_open(&reader, &options.format, inputs->items, inputs->count, &rejects);
    if (status == STATUS_DONE)
        status = rejects_open(&rejects, &options.input.rejects, (const char *const *)inputs->items,
                              inputs->count, options.writer.store);
    if (status == STATUS_DONE)
        status = build(&options, &reader, &progress);
    progress_finish(&progress);
    pair_reader_close(&reader);
    status = exit_status_worse(status, rejects_close(&rejects));
    build_options_free(&options);
    return status;
}
