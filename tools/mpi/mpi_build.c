/* indexkv-mpi build: each rank reads a part of the input; all build one sharded table. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "input/pair_reader.h"
#include "mpi/file_parts.h"
#include "mpi/fingerprint.h"
#include "mpi/mpi_command.h"
#include "mpi/rank_rejects.h"
#include "mpi/rank_table.h"
#include "options/build_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    OPTION_RESUME = OPTION_OWN + 1000,
    OPTION_HOSTS,
    OPTION_ROW_PER_LINE,
    OPTION_VALUE_SIZE,
    OPTION_MAX
};

static const struct option_spec own_specs[] = {
    {OPTION_OUTPUT, 'o', "output", "DIR", "the sharded table to write (required)"},
    {OPTION_RESUME, 0, "resume", NULL,
     "go on with a build that was interrupted, which had\n"
     "the same input and options; keep its whole shards"},
    {OPTION_HOSTS, 0, "hosts", "FILE", "lines 'HOST CAPACITY': write shards in proportion"},
    {OPTION_ROW_PER_LINE, 0, "row-per-line", NULL,
     "csv: no field contains a line break: ranks can share\n"
     "a file; otherwise one rank reads it"},
    {OPTION_VALUE_SIZE, 0, "value-size", "N",
     "binary: all values have N bytes: ranks can share a\n"
     "file; otherwise one rank reads it"},
    {OPTION_PROGRESS, 0, "progress", "WHEN",
     "show the progress of the first rank: always, never,\n"
     "or auto (default: if standard error is a terminal,\n"
     "which it usually is not under mpirun)"},
    {OPTION_STATS, 0, "stats", NULL, "print a table with statistics of all ranks"},
};
enum { OWN_COUNT = sizeof own_specs / sizeof own_specs[0] };

/* Options of `indexkv build` that do not apply, or have a row above. */
static const char *const left_out[] = {"output",         "plain",      "stride",
                                       "expected-pairs", "on-overlap", "progress"};

/* The options of this command: its own, then those of `indexkv build`. */
struct specs {
    struct option_spec rows[128];
    struct command_syntax syntax;
};

static bool is_left_out(const char *name)
{
    for (size_t i = 0; i < sizeof left_out / sizeof left_out[0]; i++)
        if (strcmp(name, left_out[i]) == 0)
            return true;
    return false;
}

static void make_specs(struct specs *specs)
{
    size_t count = 0;
    *specs = (struct specs){
        .syntax = {"build", "-o DIR [OPTION...] [INPUT... | -]",
                   "Build a sharded table from the key-value pairs in the INPUT files. "
                   "Each rank\nreads a part of them, and writes some of the shards.",
                   specs->rows,
                   "SIZE is in bytes, for each rank; suffixes K, M, G and T stand for\n"
                   "powers of 1024."}};
    for (; count < OWN_COUNT; count++)
        specs->rows[count] = own_specs[count];
    for (const struct option_spec *spec = build_options_specs(); spec->id != 0; spec++)
        if (!is_left_out(spec->name) && count + 1 < sizeof specs->rows / sizeof specs->rows[0])
            specs->rows[count++] = *spec;
}

struct mpi_build {
    struct build_options options;
    struct specs specs;
    const char *hosts;
    bool resume, stats;
    uint64_t value_size;

    struct pair_reader reader;
    struct progress progress; /* of rank 0 */
    uint64_t pairs;
    struct rank_rejects bad_lines;
    int status; /* of this rank's input */
};

static int accept(void *user, int id, const char *argument)
{
    struct mpi_build *build = user;
    switch (id) {
    case OPTION_RESUME:
        build->resume = true;
        return OPTIONS_CONTINUE;
    case OPTION_HOSTS:
        build->hosts = argument;
        return OPTIONS_CONTINUE;
    case OPTION_ROW_PER_LINE:
        build->options.csv_option = "row-per-line";
        build->options.format.one_line = true;
        return OPTIONS_CONTINUE;
    case OPTION_VALUE_SIZE:
        build->options.format.one_size = true;
        return option_number(&build->specs.syntax, "value-size", argument, 0, UINT32_MAX,
                             &build->value_size);
    case OPTION_STATS:
        build->stats = true;
        return OPTIONS_CONTINUE;
    default:
        return build_options_accept(&build->options, id, argument);
    }
}

static int parse(void *user, int argc, char **argv)
{
    struct mpi_build *build = user;
    struct build_options *options = &build->options;
    make_specs(&build->specs);
    build_options_begin(options);
    int status = options_parse(&build->specs.syntax, argc, argv, accept, build, &options->inputs);
    if (status == OPTIONS_CONTINUE)
        status = build_options_complete(options);
    if (status == OPTIONS_CONTINUE && options->format.one_size &&
        options->format.format != INPUT_BINARY)
        status = usage_error("build", "--value-size requires --input-format binary");
    options->format.value_size = (uint32_t)build->value_size;
    return status;
}

/* ---------------------------------------------------------------- pairs */

/* Pairs between two progress updates. */
enum { PROGRESS_PAIRS = 4096 };

/* The share of this rank's parts of files, if none is a whole file of unknown size. */
static void show_reading(struct mpi_build *build, bool ended)
{
    const struct pair_reader *reader = &build->reader;
    struct progress_point point = {.phase = "read",
                                   .count = build->pairs,
                                   .unit = "pairs",
                                   .waits.reading = pair_reader_seconds(reader),
                                   .one_thread = true};
    for (size_t i = 0; i < reader->path_count; i++) {
        const struct file_part *part = &reader->parts[i];
        if (part->end == 0) {
            point.done = point.total = 0;
            break;
        }
        point.total += part->end - part->begin;
        if (i + 1 < reader->path_next)
            point.done += part->end - part->begin;
        else if (i + 1 == reader->path_next && reader->position > part->begin)
            point.done += reader->position - part->begin;
    }
    point.done = ended ? point.total : point.done;
    progress_update(&build->progress, &point);
}

/* While pairs are exchanged a rank waits for others, not for its disk. */
static int show_building(void *user, const ikv_progress *progress)
{
    const struct progress_point point = {.phase = progress->phase,
                                         .count = progress->done,
                                         .unit = progress->unit,
                                         .done = progress->done,
                                         .total = progress->total,
                                         .one_thread = strcmp(progress->phase, "exchange") != 0};
    progress_update(user, &point);
    return 0;
}

static int next_pair(void *user, ikv_mpi_pair *ret_pair)
{
    struct mpi_build *build = user;
    struct pair_reader *reader = &build->reader;
    struct pair pair;
    for (;;) {
        const int result = pair_reader_next(reader, &pair);
        if (result == INPUT_END) {
            show_reading(build, true);
            build->status = rejects_close(&build->bad_lines.rejects);
        }
        if (result != INPUT_MORE && result != INPUT_END)
            build->status = reader->status;
        if (result != INPUT_MORE)
            return build->status == STATUS_DONE ? 0 : IKV_E_CANCELED;
        if (pair.size <= IKV_VALUE_SIZE_MAX_CLUSTERED)
            break;
        if (pair_reader_refuse(reader, "the value is too large") != INPUT_MORE) {
            build->status = reader->status;
            return IKV_E_CANCELED;
        }
    }
    if (++build->pairs % PROGRESS_PAIRS == 0)
        show_reading(build, false);
    *ret_pair = (ikv_mpi_pair){.key = pair.key, .value = pair.value, .size = pair.size};
    if (reader->format.ranges)
        ret_pair->last = reader->last;
    return 1;
}

/* ---------------------------------------------------------------- results */

static void print_summary(const struct mpi_build *build, const struct job *job,
                          const ikv_mpi_build_stats *stats, double seconds)
{
    uint64_t skipped = build->bad_lines.rejects.count;
    (void)MPI_Allreduce(MPI_IN_PLACE, &skipped, 1, MPI_UINT64_T, MPI_SUM, job->comm);
    if (job->rank != 0 || build->options.quiet)
        return;
    char text[64] = "";
    if (build->options.input.rejects.skip)
        (void)snprintf(text, sizeof text, "%" PRIu64 " bad lines skipped, ", skipped);
    message("%s: %" PRIu64 " pairs, %" PRIu64 " dropped, %s%" PRIu64 " bytes, %d ranks, %" PRIu64
            " shards kept, %.2f s, %.0f pairs/s",
            build->options.writer.store, stats->pairs, stats->dropped, text, stats->file_size,
            job->ranks, stats->kept_shards, seconds,
            seconds > 0 ? (double)(stats->pairs + stats->dropped) / seconds : 0);
}

static void print_stats(const struct job *job, const ikv_mpi_build_stats *stats)
{
    const struct rank_column columns[] = {
        {"read", (double)stats->read, 0},
        {"sent", (double)stats->sent, 0},
        {"received", (double)stats->received, 0},
        {"written", (double)stats->written, 0},
        {"shards", stats->shards, 0},
        {"rounds", (double)stats->rounds, 0},
        {"messages", (double)stats->messages, 0},
        {"sent bytes", (double)stats->pair_bytes, 0},
        {"read, s", stats->read_seconds, 2},
        {"exchange, s", stats->exchange_seconds, 2},
        {"write, s", stats->write_seconds, 2},
    };
    rank_table_print(job, columns, sizeof columns / sizeof columns[0]);
}

static int run(struct mpi_build *build, const struct job *job, uint64_t fingerprint)
{
    ikv_mpi_build_options options = IKV_MPI_BUILD_OPTIONS_INIT;
    ikv_mpi_build_stats stats;
    ikv_error error;
    options.writer = &build->options.writer.writer;
    options.shards = (uint32_t)build->options.writer.shards;
    options.flags = build->resume ? IKV_MPI_BUILD_RESUME : 0;
    options.fingerprint = fingerprint;
    options.hosts = build->hosts;
    const double start = seconds_now();
    progress_start(&build->progress, job->rank == 0 ? build->options.progress : PROGRESS_NEVER,
                   build->options.quiet, false);
    if (job->rank == 0) {
        build->options.writer.writer.on_progress = show_building;
        build->options.writer.writer.progress_user = &build->progress;
    }
    const int code = ikv_mpi_build(job->comm, build->options.writer.store, &options, next_pair,
                                   build, &stats, &error);
    progress_finish(&build->progress);
    int status = exit_status_worse(build->status, job_error(job, code, &error));
    status = job_status(job, status);
    if (code != 0)
        return status;
    if (build->stats)
        print_stats(job, &stats);
    print_summary(build, job, &stats, seconds_now() - start);
    return status;
}

int mpi_build(const struct job *job, int argc, char **argv)
{
    struct mpi_build build = {.status = STATUS_DONE};
    struct file_parts parts = {0};
    int status = job_parse(job, argc, argv, parse, &build);
    if (status != OPTIONS_CONTINUE) {
        build_options_free(&build.options);
        return status;
    }
    const struct operands *inputs = &build.options.inputs;
    build.options.format.quiet = build.options.format.quiet || job->rank != 0;
    status = file_parts_make(&parts, &build.options.format, inputs->items, inputs->count, job->rank,
                             job->ranks);
    if (status == STATUS_DONE)
        status = rank_rejects_open(&build.bad_lines, job, &build.options.input.rejects,
                                   (const char *const *)inputs->items, inputs->count,
                                   build.options.writer.store);
    bool opened = false;
    if (status == STATUS_DONE) {
        status = pair_reader_open(&build.reader, &build.options.format, parts.paths, parts.count,
                                  &build.bad_lines.rejects);
        opened = true;
        build.reader.parts = parts.parts;
    }
    uint64_t fingerprint = 0;
    status = job_status(job, status);
    if (status == STATUS_DONE)
        status = fingerprint_make(job, &build.options.format, build.options.input.rejects.skip,
                                  inputs->items, inputs->count, &fingerprint);
    if (status == STATUS_DONE)
        status = run(&build, job, fingerprint);
    if (opened)
        pair_reader_close(&build.reader);
    (void)rejects_close(&build.bad_lines.rejects);
    file_parts_free(&parts);
    build_options_free(&build.options);
    return status;
}
