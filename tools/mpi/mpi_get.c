/* indexkv-mpi get: each rank reads a part of the keys; all look them up in one sharded table. */
#include "base/descriptors.h"
#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "lookup/answers.h"
#include "mpi/key_chunks.h"
#include "mpi/mpi_command.h"
#include "mpi/ordered_output.h"
#include "mpi/rank_rejects.h"
#include "mpi/rank_table.h"
#include "options/input_options.h"
#include "options/key_options.h"
#include "options/store_options.h"
#include "text/item_writer.h"
#include "text/keys.h"
#include "text/same_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_PARTS = OPTION_OWN, OPTION_HOSTS, OPTION_BACKEND, OPTION_DIRECT };

static const struct option_spec specs[] = {
    {OPTION_KEYS, 'k', "keys", "FILE",
     "read the keys from FILE; '-' is standard input;\n"
     "required"},
    OPTION_SPEC_KEYS_FORMAT,
    {OPTION_OUTPUT, 'o', "output", "FILE",
     "write to FILE, in the order of the keys (default:\n"
     "standard output)"},
    {OPTION_PARTS, 0, "parts", NULL,
     "FILE is a directory: each rank writes a file there,\n"
     "in the order of the keys one after the other"},
    OPTION_SPEC_MATCH("tables"),
    OPTION_SPECS_ANSWERS,
    OPTION_SPECS_BAD_LINES,
    OPTION_SPEC_KEY_SYNTAX,
    OPTION_SPEC_MISSING_SHARDS,
    {OPTION_HOSTS, 0, "hosts", "FILE", "lines 'HOST CAPACITY': place shards in proportion"},
    {OPTION_MEMORY, 0, "memory", "SIZE",
     "maximum memory for keys and answers that are\n"
     "exchanged, at least 1M (default: 64M)"},
    {OPTION_INDEX_MEMORY, 0, "index-memory", "SIZE",
     "maximum memory for caching the index of a shard, at\n"
     "least 1 byte; suffixes K, M, G, T (default: 64M)"},
    {OPTION_BACKEND, 0, "backend", "B",
     "how shards are read: auto (default), uring, pread,\n"
     "mmap"},
    {OPTION_DIRECT, 0, "direct", NULL, "bypass the page cache (O_DIRECT)"},
    {OPTION_STATS, 0, "stats", NULL, "print a table with statistics of all ranks"},
    {OPTION_QUIET, 'q', "quiet", NULL, "print no summaries"},
    OPTION_SPEC_HELP,
    {0}};

static const struct command_syntax syntax = {
    "get", "DIR --keys FILE [OPTION...]",
    "Look up keys in a sharded table. Each rank reads a part of FILE; the output is\n"
    "that of 'indexkv get'.",
    specs,
    "SIZE is of each rank. Exit status: 0 success, 1 a key was missing (with\n"
    "--missing error), 2 usage or invalid key, 3 not a table or wrong key type,\n"
    "4 corrupt, 5 I/O error, or a missing shard."};

/* The keys of a batch that is being looked up. */
struct slot {
    struct key_batch keys;
    bool ends_chunk;
};

struct mpi_get {
    const struct job *job;
    struct store_options store;
    struct input_options input;
    ikv_mpi_open_options open;
    ikv_get_options get;
    struct key_options keys;
    bool in_parts, stats;
    const char *dir, *output_path;

    ikv_mpi *table;
    ikv_mpi_info info;
    struct key_chunks chunks;
    struct rank_rejects bad_lines;
    struct answers answers;
    struct ordered_output output;
    struct slot slots[IKV_MPI_BATCHES + 1];
    unsigned supplied, answered; /* batches */
    bool ended;
    bool complete; /* all keys of all ranks were answered */
    int status;    /* of this rank */
};

/* ---------------------------------------------------------------- options */

static int accept(void *user, int id, const char *argument)
{
    struct mpi_get *get = user;
    int choice = 0, status;
    switch (id) {
    case OPTION_OUTPUT:
        get->output_path = argument;
        return OPTIONS_CONTINUE;
    case OPTION_PARTS:
        get->in_parts = true;
        return OPTIONS_CONTINUE;
    case OPTION_HOSTS:
        get->open.hosts = argument;
        return OPTIONS_CONTINUE;
    case OPTION_BACKEND:
        status = option_choice(&syntax, "backend", argument, "auto|pread|uring|mmap", &choice);
        get->store.open.backend = (ikv_backend)choice;
        return status;
    case OPTION_DIRECT:
        get->store.open.flags |= IKV_OPEN_DIRECT;
        return OPTIONS_CONTINUE;
    case OPTION_MEMORY:
        return option_size(&syntax, "memory", argument, (uint64_t)1 << 20, &get->open.memory);
    case OPTION_STATS:
        get->stats = true;
        return OPTIONS_CONTINUE;
    default:
        if (key_options_has(id))
            return key_options_accept(&get->keys, id, argument);
        if (input_options_has(id))
            return input_options_accept(&get->input, id, argument);
        return store_options_accept(&get->store, id, argument);
    }
}

static int parse(void *user, int argc, char **argv)
{
    struct mpi_get *get = user;
    struct operands operands;
    store_options_init(&get->store, &syntax);
    input_options_init(&get->input, &syntax);
    get->keys.syntax = &syntax;
    int status = options_parse(&syntax, argc, argv, accept, get, &operands);
    if (status == OPTIONS_CONTINUE)
        status = single_operand(&syntax, &operands, &get->dir);
    if (status != OPTIONS_CONTINUE)
        return status;
    if (get->keys.file == NULL)
        return usage_error(syntax.name, "expected --keys FILE");
    if (get->in_parts && get->output_path == NULL)
        return usage_error(syntax.name, "--parts requires --output");
    if (get->input.bad_line_option != NULL && get->keys.binary)
        return usage_error(syntax.name, "--%s requires --keys-format text",
                           get->input.bad_line_option);
    if (check_not_input("output", get->output_path, &get->keys.file, 1) != STATUS_DONE)
        return STATUS_USAGE;
    get->input.rejects.quiet = get->store.quiet || get->keys.missing == MISSING_ERROR;
    get->open.missing_shards =
        get->store.report_missing_shards ? IKV_MPI_MISSING_REPORT : IKV_MPI_MISSING_ERROR;
    get->open.open = &get->store.open;
    get->get.match = get->keys.match;
    return input_options_check(&get->input);
}

/* ---------------------------------------------------------------- answers */

static int write_answer(struct mpi_get *get, const struct item_key *key, const ikv_mpi_item *item)
{
    struct answers *answers = &get->answers;
    switch ((ikv_status)item->status) {
    case IKV_FOUND:
        answers_found(answers, key, (struct item_key){.key = item->key, .last = item->last},
                      item->value, item->size);
        return STATUS_DONE;
    case IKV_MISSING:
        return answers_missing(answers, key);
    case IKV_CORRUPT:
        message("%s: key %s: its index or record is corrupt", get->dir,
                answers_excerpt(answers, key).text);
        return STATUS_CORRUPT;
    default:
        if (get->info.missing_shards == 0) /* those are counted at the end */
            message("%s: key %s: read error", get->dir, answers_excerpt(answers, key).text);
        return STATUS_IO;
    }
}

/* The first skipped line that was not written with the keys before `first`. */
static size_t bad_line_of(const struct key_batch *keys, size_t first)
{
    size_t next = 0;
    while (first > 0 && next < keys->bad_count && key_batch_bad(keys, next)->before < first)
        next++;
    return next;
}

static int write_answers(void *user, size_t first, const ikv_mpi_item *items, size_t count,
                         int last)
{
    struct mpi_get *get = user;
    int status = STATUS_DONE;
    const unsigned slots = IKV_MPI_BATCHES + 1;
    struct slot *slot = get->answered < get->supplied ? &get->slots[get->answered % slots] : NULL;
    size_t bad = slot != NULL ? bad_line_of(&slot->keys, first) : 0;
    for (size_t i = 0; i < count && slot != NULL; i++) {
        const struct item_key key = answers_key(&get->answers, &slot->keys, first + i);
        bad = answers_bad_lines(&get->answers, &slot->keys, bad, first + i);
        status = exit_status_worse(status, write_answer(get, &key, &items[i]));
    }
    if (last && slot != NULL) {
        (void)answers_bad_lines(&get->answers, &slot->keys, bad, slot->keys.count);
        get->answered++;
        if (slot->ends_chunk)
            status = exit_status_worse(status, ordered_output_chunk(&get->output));
    }
    if (last) {
        const bool ended = get->ended && get->answered == get->supplied;
        const int written = ordered_output_write(&get->output, ended);
        status = exit_status_worse(status, written);
        if (written != STATUS_DONE || get->output.output.error != 0) {
            get->status = exit_status_worse(get->status, status);
            return IKV_E_CANCELED;
        }
    }
    get->status = exit_status_worse(get->status, status);
    return 0;
}

static int next_keys(void *user, const void **ret_keys, size_t *ret_count)
{
    struct mpi_get *get = user;
    struct slot *slot = &get->slots[get->supplied % (IKV_MPI_BATCHES + 1)];
    const int result =
        key_chunks_next(&get->chunks, (size_t)get->info.round_keys, &slot->keys, &slot->ends_chunk);
    if (result == INPUT_END) {
        get->ended = true;
        return 0;
    }
    if (result != INPUT_MORE) {
        get->status = exit_status_worse(get->status, get->chunks.reader.status);
        return IKV_E_CANCELED;
    }
    get->supplied++;
    *ret_keys = slot->keys.keys.data;
    *ret_count = slot->keys.count;
    return 1;
}

/* ---------------------------------------------------------------- the job */

static void print_stats(const struct mpi_get *get, const ikv_mpi_stats *stats, double seconds)
{
    const struct rank_column columns[] = {
        {"keys", (double)stats->keys, 0},
        {"found", (double)stats->found, 0},
        {"looked up", (double)stats->looked_up, 0},
        {"reads", (double)stats->reads, 0},
        {"rounds", (double)stats->rounds, 0},
        {"messages", (double)stats->messages, 0},
        {"key bytes", (double)stats->key_bytes, 0},
        {"answer bytes", (double)stats->answer_bytes, 0},
        {"input, s", stats->input_seconds, 2},
        {"exchange, s", stats->exchange_seconds, 2},
        {"lookup, s", stats->lookup_seconds, 2},
        {"output, s", stats->output_seconds, 2},
        {"all, s", seconds, 2},
    };
    rank_table_print(get->job, columns, sizeof columns / sizeof columns[0]);
}

/* Skipped lines, and keys of missing shards, of all ranks. */
static int report_counts(const struct mpi_get *get, const ikv_mpi_stats *stats)
{
    uint64_t counts[2] = {get->bad_lines.rejects.count, stats->unavailable};
    (void)MPI_Allreduce(MPI_IN_PLACE, counts, 2, MPI_UINT64_T, MPI_SUM, get->job->comm);
    if (get->job->rank != 0)
        return STATUS_DONE;
    if (counts[0] > 0 && !get->store.quiet)
        message("%s: %" PRIu64 " bad line%s skipped", get->keys.file, counts[0],
                counts[0] == 1 ? "" : "s");
    if (get->info.missing_shards > 0)
        message("%s: %" PRIu32 " of %" PRIu32 " shards are missing, and %" PRIu64
                " keys could not be looked up",
                get->dir, get->info.missing_shards, get->info.shards, counts[1]);
    return get->info.missing_shards > 0 ? STATUS_IO : STATUS_DONE;
}

static int look_up(struct mpi_get *get)
{
    const double start = seconds_now();
    ikv_mpi_stream stream = IKV_MPI_STREAM_INIT;
    ikv_mpi_stats stats = {0};
    ikv_error error;
    stream.next = next_keys;
    stream.answers = write_answers;
    stream.user = get;
    const int code = ikv_mpi_get_stream(get->table, &stream, &get->get, &stats, &error);
    get->complete = stats.complete != 0;
    int status = exit_status_worse(get->status, job_error(get->job, code, &error));
    const ikv_error *problem = ikv_mpi_problem(get->table);
    if (problem != NULL && code == 0)
        message("rank %d: %s", get->job->rank, problem->message);
    if (code == 0 && get->keys.missing == MISSING_ERROR && get->bad_lines.rejects.count > 0)
        status = exit_status_worse(status, STATUS_MISSING);
    status = exit_status_worse(status, report_counts(get, &stats));
    if (get->stats)
        print_stats(get, &stats, seconds_now() - start);
    return status;
}

static void set_answers(struct mpi_get *get)
{
    const bool others = get->get.match != IKV_EXACT;
    get->answers = (struct answers){.name = get->dir,
                                    .key_syntax = get->store.key_syntax,
                                    .missing = get->keys.missing,
                                    .report_missing = get->keys.missing == MISSING_ERROR};
    get->answers.writer = (struct item_writer){.output = &get->output.output,
                                               .format = get->keys.output_format,
                                               .escape = get->input.escape,
                                               .nul = get->input.nul,
                                               .key_type = get->info.key_type,
                                               .key_width = get->info.key_width,
                                               .with_key = true,
                                               .with_matched = others,
                                               .with_last = get->info.has_ranges != 0};
}

/* With the table open. */
static int run(struct mpi_get *get)
{
    const struct job *job = get->job;
    ikv_mpi_get_info(get->table, &get->info);
    if (!get->keys.match_given && get->info.has_ranges)
        get->get.match = IKV_RANGE;
    int status = job->rank == 0
                     ? check_key_syntax(&syntax, get->info.key_type, get->store.key_syntax)
                     : OPTIONS_CONTINUE;
    status = job_status(job, status == OPTIONS_CONTINUE ? STATUS_DONE : status);
    if (status == STATUS_DONE)
        status = job_status(job, rank_rejects_open(&get->bad_lines, job, &get->input.rejects,
                                                   &get->keys.file, 1, get->dir));
    if (status != STATUS_DONE)
        return status;
    const struct key_source format = {.path = get->keys.file,
                                      .type = get->info.key_type,
                                      .syntax = get->store.key_syntax,
                                      .binary = get->keys.binary,
                                      .escape = get->input.escape,
                                      .nul = get->input.nul,
                                      .report_bad = get->keys.missing == MISSING_ERROR,
                                      .in_parts = get->in_parts,
                                      .batch = get->info.round_keys};
    status = key_chunks_open(&get->chunks, job, &format, &get->bad_lines.rejects);
    if (status != STATUS_DONE)
        return status;
    status = ordered_output_open(&get->output, job, get->output_path, get->in_parts);
    if (status == STATUS_DONE) {
        set_answers(get);
        status = look_up(get);
    }
    if (!get->store.quiet)
        item_writer_warn(&get->answers.writer, get->dir);
    return ordered_output_close(&get->output, status, get->complete);
}

int mpi_get(const struct job *job, int argc, char **argv)
{
    struct mpi_get get = {.job = job,
                          .open = IKV_MPI_OPEN_OPTIONS_INIT,
                          .get = IKV_GET_OPTIONS_INIT,
                          .status = STATUS_DONE};
    int status = job_parse(job, argc, argv, parse, &get);
    if (status != OPTIONS_CONTINUE)
        return status;
    ikv_error error;
    descriptors_allow(UINT64_MAX); /* for as many shards as this rank may get */
    const int code = ikv_mpi_open(job->comm, get.dir, &get.open, &get.table, &error);
    status = code == 0 ? run(&get) : job_status(job, job_error(job, code, &error));
    status = job_status(job, exit_status_worse(status, rejects_close(&get.bad_lines.rejects)));
    key_chunks_close(&get.chunks);
    for (size_t i = 0; i <= IKV_MPI_BATCHES; i++)
        key_batch_free(&get.slots[i].keys);
    if (code == 0)
        ikv_mpi_close(get.table);
    return status;
}
