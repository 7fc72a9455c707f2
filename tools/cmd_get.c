/* indexkv get: look up keys from arguments or a file in batches, and write their values. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "command.h"
#include "key_input/key_reader.h"
#include "lookup/lookup.h"
#include "lookup/stats_table.h"
#include "options/input_options.h"
#include "options/key_options.h"
#include "options/store_options.h"
#include "table/table.h"
#include "text/item_writer.h"
#include "text/keys.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    OPTION_AND_THEN = OPTION_OWN,
    OPTION_BATCH,
    OPTION_THREADS,
    OPTION_DEPTH,
    OPTION_BACKEND,
    OPTION_DIRECT,
    OPTION_NO_MAP,
    OPTION_PRELOAD,
    OPTION_LOCK,
    OPTION_COPY,
    OPTION_PROBE,
    OPTION_BARRIER
};

/* Limits of the library. */
enum { THREADS_MAX = 1024, DEPTH_MAX = 4096 };

static const struct option_spec specs[] = {
    {OPTION_KEYS, 'k', "keys", "FILE", "read the keys from FILE; '-' is standard input"},
    OPTION_SPEC_KEYS_FORMAT,
    OPTION_SPEC_MATCH("stores"),
    {OPTION_AND_THEN, 0, "and-then", "STORE2",
     "look up keys that STORE does not have in STORE2; can\n"
     "be repeated: the first store that has a key answers"},
    OPTION_SPECS_ANSWERS,
    OPTION_SPECS_BAD_LINES,
    OPTION_SPEC_KEY_SYNTAX,
    OPTION_SPECS_STORE,
    OPTION_SPEC_UNTRUSTED,
    OPTION_SPEC_MISSING_SHARDS,
    {OPTION_BACKEND, 0, "backend", "B",
     "auto (default): read cached pages through a mapping\n"
     "of the file, others with io_uring or else pread\n"
     "uring: io_uring, many reads in flight\n"
     "pread: one read at a time per thread\n"
     "mmap: the mapping only"},
    {OPTION_DIRECT, 0, "direct", NULL, "bypass the page cache (O_DIRECT)"},
    {OPTION_BATCH, 0, "batch", "N",
     "keys per batch, 1 to 1073741824 (default: 4096 while\n"
     "data is in memory, else 32768; fewer if values are\n"
     "large)"},
    {OPTION_THREADS, 0, "threads", "N",
     "threads that parse, look up and format, 1 to 1024\n"
     "(default: the number of processors)"},
    {OPTION_DEPTH, 0, "depth", "N",
     "reads in flight per thread with uring, 1 to 4096\n"
     "(default: 256)"},
    {OPTION_PRELOAD, 0, "preload", "WHAT",
     "with auto or mmap: read WHAT, index or all, into\n"
     "memory before the first lookup"},
    {OPTION_LOCK, 0, "lock", NULL, "lock preloaded pages in memory (mlock)"},
    {OPTION_COPY, 0, "copy", NULL,
     "copy what is preloaded into memory of the process,\n"
     "in huge pages, beside the page cache"},
    {OPTION_NO_MAP, 0, "no-map", NULL, "with auto: do not use a mapping"},
    {OPTION_STATS, 0, "stats", NULL, "print lookup statistics on standard error"},
    OPTION_SPECS_PROGRESS,
    {OPTION_PROBE, 0, "probe", "P",
     "for measurements: what a probe reads, page (default)\n"
     "or entry; with entry, the index is not cached"},
    {OPTION_BARRIER, 0, "barrier", NULL,
     "for measurements: complete each level of the search\n"
     "before starting the next"},
    OPTION_SPECS_URL,
    OPTION_SPEC_HELP,
    {0}};

static const struct command_syntax syntax = {
    "get", "STORE [OPTION...] KEY...\nSTORE [OPTION...] --keys FILE|-",
    "Look up keys and write a line for each of them, in the order given: the key, a\n"
    "tab, and the value; with floor or ceiling KEY, the matched key, and the value;\n"
    "with range KEY, the first and the last key of the range, and the value.",
    specs,
    "Exit status: 0 success, 1 a key was missing (with KEY arguments or --missing\n"
    "error), 2 usage or invalid key, 3 not a store or wrong key type, 4 corrupt,\n"
    "5 I/O error."};

struct get_options {
    struct store_options store;
    struct lookup_options lookup;
    struct input_options input;
    struct key_options keys;
    const char **paths; /* of the stores: room for all arguments; the first one is set last */
    size_t path_count;
    uint64_t threads, depth; /* 0: not given */
    bool stats;
};

/* Options for how the store is read. */
static int accept_backend(struct store_options *options, int id, const char *argument)
{
    int choice = 0, status;
    switch (id) {
    case OPTION_BACKEND:
        status = option_choice(&syntax, "backend", argument, "auto|pread|uring|mmap", &choice);
        options->open.backend = (ikv_backend)choice;
        return status;
    case OPTION_DIRECT:
        options->open.flags |= IKV_OPEN_DIRECT;
        return OPTIONS_CONTINUE;
    case OPTION_NO_MAP:
        options->open.flags |= IKV_OPEN_NO_MAP;
        return OPTIONS_CONTINUE;
    case OPTION_PRELOAD:
        status = option_choice(&syntax, "preload", argument, "index|all", &choice);
        options->open.flags |= choice == 0 ? IKV_OPEN_PRELOAD_INDEX : IKV_OPEN_PRELOAD;
        return status;
    case OPTION_LOCK:
        options->open.flags |= IKV_OPEN_LOCK;
        return OPTIONS_CONTINUE;
    case OPTION_COPY:
        options->open.flags |= IKV_OPEN_COPY;
        return OPTIONS_CONTINUE;
    default:
        return store_options_accept(options, id, argument);
    }
}

static int accept_option(void *user, int id, const char *argument)
{
    struct get_options *options = user;
    int choice = 0, status;
    switch (id) {
    case OPTION_AND_THEN:
        options->paths[options->path_count++] = argument;
        return OPTIONS_CONTINUE;
    case OPTION_BATCH:
        return option_number(&syntax, "batch", argument, 1, LOOKUP_BATCH_MAX,
                             &options->lookup.batch);
    case OPTION_THREADS:
        return option_number(&syntax, "threads", argument, 1, THREADS_MAX, &options->threads);
    case OPTION_DEPTH:
        return option_number(&syntax, "depth", argument, 1, DEPTH_MAX, &options->depth);
    case OPTION_PROBE:
        status = option_choice(&syntax, "probe", argument, "page|entry", &choice);
        options->lookup.get.probe = (ikv_probe)choice;
        return status;
    case OPTION_BARRIER:
        options->lookup.get.flags |= IKV_GET_BARRIER;
        return OPTIONS_CONTINUE;
    case OPTION_STATS:
        options->stats = true;
        options->lookup.get.flags |= IKV_GET_LATENCY;
        return OPTIONS_CONTINUE;
    default:
        if (key_options_has(id))
            return key_options_accept(&options->keys, id, argument);
        if (input_options_has(id))
            return input_options_accept(&options->input, id, argument);
        return accept_backend(&options->store, id, argument);
    }
}

static int check_operands(const struct get_options *options, const struct operands *operands)
{
    if (operands->count == 0)
        return usage_error(syntax.name, "expected a STORE");
    if (operands->count == 1 && options->keys.file == NULL)
        return usage_error(syntax.name, "expected a KEY or --keys FILE");
    if (operands->count > 1 && options->keys.file != NULL)
        return usage_error(syntax.name, "KEY arguments and --keys are mutually exclusive");
    if (options->keys.format_given && options->keys.file == NULL)
        return usage_error(syntax.name, "--keys-format requires --keys");
    const char *option = options->input.bad_line_option;
    if (option != NULL && (options->keys.file == NULL || options->keys.binary))
        return usage_error(syntax.name, "--%s requires --keys%s", option,
                           options->keys.binary ? " and --keys-format text" : "");
    return input_options_check(&options->input);
}

/* The number of skipped lines, unless there is nothing to say. */
static void report_skipped(const struct get_options *options, const struct rejects *rejects)
{
    if (rejects->count > 0 && !options->store.quiet)
        message("%s: %" PRIu64 " bad line%s skipped", options->keys.file, rejects->count,
                rejects->count == 1 ? "" : "s");
}

/* Look up all keys and write the answers. */
static int look_up(const struct get_options *options, struct lookup *lookup,
                   const struct operands *operands, struct rejects *rejects)
{
    ikv_key_type type = lookup->info.key_type;
    ikv_key_syntax key_syntax = options->store.key_syntax;
    struct key_reader reader;
    int status = STATUS_DONE;
    if (options->keys.file == NULL)
        key_reader_from_arguments(&reader, type, key_syntax, operands->items + 1,
                                  operands->count - 1);
    else
        status = key_reader_from_file(&reader, type, key_syntax, options->keys.file,
                                      options->keys.binary, rejects);
    if (status != STATUS_DONE)
        return status;
    reader.format.escape = options->input.escape && options->keys.file != NULL;
    if (options->input.nul)
        reader.format.line_end = reader.input.line_end = '\0';
    reader.fill_batches = options->lookup.batch != 0;
    reader.report_bad = options->lookup.missing == MISSING_ERROR;
    struct progress progress;
    progress_start(&progress, (enum progress_mode)options->store.progress, options->store.quiet,
                   lookup->answers.writer.output->terminal);
    status = lookup_run(lookup, &reader, &progress);
    progress_finish(&progress);
    key_reader_close(&reader);
    report_skipped(options, rejects);
    if (!options->store.quiet)
        item_writer_warn(&lookup->answers.writer, operands->items[0]);
    if (reader.report_bad && rejects->count > 0)
        status = exit_status_worse(status, STATUS_MISSING);
    return status;
}

static void print_stats(const struct lookup *lookup, const struct rejects *rejects,
                        double total_seconds)
{
    const bool leaves =
        lookup->info.layout == IKV_LAYOUT_CLUSTERED && lookup->options.get.probe == IKV_PROBE_PAGE;
    stats_table_print(&(struct stats_report){.stats = &lookup->stats,
                                             .latency = lookup->latency,
                                             .leaves = leaves,
                                             .bad_lines = &rejects->count,
                                             .calls = lookup->calls,
                                             .search_seconds = lookup->ended - lookup->started,
                                             .total_seconds = total_seconds});
}

/* Open all stores. Those after the first one must have its key type. */
static int open_stores(const struct get_options *options, struct table *tables)
{
    struct store_options next = options->store;
    int status = table_open(&options->store, options->paths[0], &tables[0]);
    next.open.key_type = tables[0].info.key_type;
    for (size_t i = 1; i < options->path_count && status == STATUS_DONE; i++)
        status = table_open(&next, options->paths[i], &tables[i]);
    return status;
}

/* The shards that are missing, and the keys that were looked up in none. */
static int report_missing(const struct get_options *options, const struct table *tables,
                          const struct lookup *lookup)
{
    int status = STATUS_DONE;
    for (size_t i = 0; i < options->path_count; i++)
        status = exit_status_worse(status, table_report_missing(&tables[i]));
    if (lookup->unavailable > 0)
        message("%s: %" PRIu64 " key%s not looked up", options->paths[0], lookup->unavailable,
                lookup->unavailable == 1 ? "" : "s");
    return status;
}

static int look_up_in(const struct get_options *options, const struct table *tables,
                      const struct operands *operands, struct output *output, double start)
{
    const ikv_info *info = &tables[0].info;
    struct lookup_options lookup_options = options->lookup;
    struct lookup lookup;
    struct rejects rejects = {0};
    if (!options->keys.match_given && info->has_ranges)
        lookup_options.get.match = IKV_RANGE;
    int status = check_probe(&syntax, lookup_options.get.probe, options->paths[0], info);
    if (status != OPTIONS_CONTINUE)
        return status;
    status = lookup_init(&lookup, &lookup_options, tables, options->path_count, output);
    if (status == STATUS_DONE)
        status = rejects_open(&rejects, &options->input.rejects, &options->keys.file,
                              options->keys.file != NULL, options->paths[0]);
    if (status == STATUS_DONE)
        status = look_up(options, &lookup, operands, &rejects);
    if (options->stats)
        print_stats(&lookup, &rejects, seconds_now() - start);
    status = exit_status_worse(status, rejects_close(&rejects));
    status = exit_status_worse(status, report_missing(options, tables, &lookup));
    lookup_free(&lookup);
    return status;
}

static int run(const struct get_options *options, const struct operands *operands,
               struct output *output)
{
    double start = seconds_now();
    struct table *tables = calloc(options->path_count, sizeof *tables);
    if (tables == NULL)
        return out_of_memory();
    int status = open_stores(options, tables);
    if (status == STATUS_DONE)
        status = look_up_in(options, tables, operands, output, start);
    for (size_t i = 0; i < options->path_count; i++)
        table_close(&tables[i]);
    free(tables);
    return status;
}

/*
 * Create the engine for the lookups. NULL: use the store's own engine, which starts threads on
 * demand and works with as many as it can start. That suits a few KEY arguments, which this thread
 * looks up itself unless it would have to wait for the disk. It is also the fallback if the system
 * refuses the default number of threads.
 */
static int create_engine(const struct get_options *options, const struct operands *operands,
                         ikv_engine **ret_engine)
{
    bool few_keys = options->keys.file == NULL && operands->count - 1 <= SLOT_INLINE_MAX;
    bool explicit_size = options->threads != 0 || options->depth != 0;
    ikv_engine_options engine_options = IKV_ENGINE_OPTIONS_INIT;
    engine_options.threads = (uint32_t)options->threads;
    engine_options.depth = (uint32_t)options->depth;
    *ret_engine = NULL;
    if (few_keys && !explicit_size && options->store.open.backend != IKV_BACKEND_URING)
        return STATUS_DONE;
    if (!explicit_size && is_url(operands->items[0])) /* its own has one worker */
        return STATUS_DONE;
    if (few_keys && options->threads == 0)
        engine_options.threads = 1; /* so few keys are a single shard */
    ikv_error error;
    int code = ikv_engine_new(&engine_options, ret_engine, &error);
    if (code == -EAGAIN && !explicit_size)
        return STATUS_DONE;
    return code == 0 ? STATUS_DONE : library_error(&error);
}

static int create_engine_and_run(struct get_options *options, const struct operands *operands,
                                 struct output *output)
{
    int status = check_output_format(&syntax, options->lookup.output_format, output);
    if (status != OPTIONS_CONTINUE)
        return status;
    ikv_engine *engine = NULL;
    status = create_engine(options, operands, &engine);
    if (status != STATUS_DONE)
        return status;
    options->store.open.engine = engine;
    if (engine != NULL) {
        ikv_engine_info info;
        ikv_engine_get_info(engine, &info);
        options->lookup.threads = info.threads;
    }
    status = run(options, operands, output);
    ikv_engine_close(engine);
    return status;
}

static int parse_and_run(struct get_options *options, int argc, char **argv)
{
    struct operands operands;
    int status = options_parse(&syntax, argc, argv, accept_option, options, &operands);
    if (status == OPTIONS_CONTINUE)
        status = check_operands(options, &operands);
    if (status != OPTIONS_CONTINUE)
        return status;
    options->paths[0] = operands.items[0];
    options->lookup.get.match = options->keys.match;
    options->lookup.missing = options->keys.missing;
    options->lookup.output_format = options->keys.output_format;
    options->lookup.key_syntax = options->store.key_syntax;
    options->lookup.escape = options->input.escape;
    options->lookup.nul = options->input.nul;
    options->input.rejects.quiet =
        options->store.quiet || options->lookup.missing == MISSING_ERROR; /* reports each line */
    options->lookup.report_missing =
        options->keys.file == NULL || options->lookup.missing == MISSING_ERROR;

    struct output output;
    status = output_open(&output);
    if (status != STATUS_DONE)
        return status;
    status = create_engine_and_run(options, &operands, &output);
    return exit_status_worse(status, output_close(&output));
}

int cmd_get(int argc, char **argv)
{
    struct get_options options = {.lookup = {.get = IKV_GET_OPTIONS_INIT}, .path_count = 1};
    store_options_init(&options.store, &syntax);
    input_options_init(&options.input, &syntax);
    options.keys.syntax = &syntax;
    options.paths = calloc((size_t)argc + 1, sizeof *options.paths);
    if (options.paths == NULL)
        return out_of_memory();
    const int status = parse_and_run(&options, argc, argv);
    free(options.paths);
    return status;
}
