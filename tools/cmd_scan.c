/* indexkv scan: write the pairs of a store in key order, or its values in storage order. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "command.h"
#include "lookup/stats_table.h"
#include "options/store_options.h"
#include "text/item_writer.h"
#include "text/keys.h"

#include <inttypes.h>
#include <string.h>

enum { OPTION_ORDER = OPTION_OWN, OPTION_FROM, OPTION_TO, OPTION_LIMIT };

/* Items between two progress updates. */
enum { PROGRESS_ITEMS = 4096 };

static const struct option_spec specs[] = {
    {OPTION_FROM, 0, "from", "KEY", "start at the first key >= KEY"},
    {OPTION_TO, 0, "to", "KEY", "end with the last key <= KEY"},
    {OPTION_LIMIT, 'n', "limit", "N", "write at most N items"},
    {OPTION_ORDER, 0, "order", "O",
     "key (default): pairs in ascending key order;\n"
     "storage: values without keys, in file order"},
    OPTION_SPEC_OUTPUT_FORMAT,
    {OPTION_ESCAPE, 0, "escape", NULL,
     "tsv: write tabs, line breaks and backslashes as \\t,\n"
     "\\n, \\r and \\\\"},
    {OPTION_NULL, '0', "null", NULL, "tsv: lines end with NUL instead of LF"},
    OPTION_SPEC_KEY_SYNTAX,
    OPTION_SPECS_STORE,
    {OPTION_STATS, 0, "stats", NULL, "print scan statistics on standard error"},
    OPTION_SPECS_PROGRESS,
    OPTION_SPECS_URL,
    OPTION_SPEC_HELP,
    {0}};

static const struct command_syntax syntax = {
    "scan", "STORE [OPTION...]",
    "Write all pairs of a store, or a range of keys, a line each: the key, a tab, and\n"
    "the value.",
    specs,
    "Exit status: 0 success, 2 usage, 3 not a store or wrong key type, 4 corrupt,\n"
    "5 I/O error."};

struct scan_options {
    struct store_options store;
    ikv_order order;
    const char *from, *to;
    uint64_t limit;
    bool limited;
    enum output_format output_format;
    bool escape, nul;
    bool stats;
};

struct scan_job {
    const struct scan_options *options;
    const char *path;
    ikv_scan *scan;
    ikv_info info;
    ikv_key_syntax key_syntax;
    struct item_writer writer;
    struct progress progress;
    int status;
};

static int accept_option(void *user, int id, const char *argument)
{
    struct scan_options *options = user;
    int choice = 0, status;
    switch (id) {
    case OPTION_ORDER:
        status = option_choice(&syntax, "order", argument, "key|storage", &choice);
        options->order = choice == 1 ? IKV_ORDER_STORAGE : IKV_ORDER_KEY;
        return status;
    case OPTION_FROM:
        options->from = argument;
        return OPTIONS_CONTINUE;
    case OPTION_TO:
        options->to = argument;
        return OPTIONS_CONTINUE;
    case OPTION_LIMIT:
        options->limited = true;
        return option_number(&syntax, "limit", argument, 0, UINT64_MAX, &options->limit);
    case OPTION_OUTPUT_FORMAT:
        return option_output_format(&syntax, argument, &options->output_format);
    case OPTION_ESCAPE:
        options->escape = true;
        return OPTIONS_CONTINUE;
    case OPTION_NULL:
        options->nul = true;
        return OPTIONS_CONTINUE;
    case OPTION_STATS:
        options->stats = true;
        return OPTIONS_CONTINUE;
    default:
        return store_options_accept(&options->store, id, argument);
    }
}

/* Parse --from or --to. Leaves *ret_key unchanged if the option was not given. */
static int parse_bound(const struct scan_job *job, const char *option, const char *text,
                       unsigned char *key, const void **ret_key)
{
    if (text == NULL)
        return OPTIONS_CONTINUE;
    ikv_key_type type = job->info.key_type;
    size_t length = strlen(text);
    int code = ikv_key_parse(type, job->options->store.key_syntax, text, length, key);
    if (code == 0) {
        *ret_key = key;
        return OPTIONS_CONTINUE;
    }
    char name[16];
    return usage_error(syntax.name, "--%s: expected a key of type %s, got %s%s", option,
                       ikv_key_type_name(type, name, sizeof name), excerpt_of(text, length).text,
                       code == IKV_E_KEY_RANGE ? ", which is out of its range" : "");
}

/* The syntax of keys in the output: --key-syntax, or the syntax of --from or --to. */
static ikv_key_syntax output_syntax(const struct scan_job *job)
{
    ikv_key_syntax key_syntax = job->options->store.key_syntax;
    const char *bound = job->options->from ? job->options->from : job->options->to;
    if (key_syntax == IKV_SYNTAX_AUTO && bound != NULL)
        return key_syntax_of(job->info.key_type, bound, strlen(bound));
    return key_syntax;
}

static void write_item(struct scan_job *job, const ikv_item *item)
{
    struct item_key key = {.key = item->key, .syntax = job->key_syntax};
    if (item->status == IKV_FOUND) {
        item_write(&job->writer, &key, NULL, item->value, item->size);
        return;
    }
    char text[IKV_KEY_TEXT_MAX];
    if (item->key == NULL ||
        ikv_key_format(job->info.key_type, key.syntax, item->key, text, sizeof text) < 0)
        text[0] = '\0';
    message("%s: key %s: corrupt record", job->path, text);
    job->status = STATUS_CORRUPT;
}

static int write_items(struct scan_job *job)
{
    uint64_t items = 0, total = job->info.pair_count;
    if (job->options->from != NULL || job->options->to != NULL)
        total = 0; /* unknown */
    if (job->options->limited && (total == 0 || job->options->limit < total))
        total = job->options->limit;
    const struct output *output = job->writer.output;
    while (output->error == 0) {
        ikv_item item;
        ikv_error error;
        int code = ikv_scan_next(job->scan, &item, &error);
        if (code == IKV_E_END)
            break;
        if (code != 0)
            return exit_status_worse(job->status, library_error(&error));
        write_item(job, &item);
        if (++items % PROGRESS_ITEMS == 0)
            progress_update(&job->progress, &(struct progress_point){.phase = "scan",
                                                                     .count = items,
                                                                     .unit = "items",
                                                                     .done = items,
                                                                     .total = total});
    }
    return job->status;
}

static int open_and_write(struct scan_job *job, ikv_store *store)
{
    const struct scan_options *options = job->options;
    unsigned char from[IKV_KEY_WIDTH_MAX], to[IKV_KEY_WIDTH_MAX];
    ikv_scan_options scan_options = IKV_SCAN_OPTIONS_INIT;
    scan_options.order = options->order;
    scan_options.limit = options->limit;
    int status = parse_bound(job, "from", options->from, from, &scan_options.from);
    if (status == OPTIONS_CONTINUE)
        status = parse_bound(job, "to", options->to, to, &scan_options.to);
    if (status != OPTIONS_CONTINUE)
        return status;
    /* In the library, limit 0 means no limit. */
    if (options->limited && options->limit == 0)
        return STATUS_DONE;

    job->key_syntax = output_syntax(job);
    job->writer.key_type = job->info.key_type;
    job->writer.key_width = job->info.key_width;
    ikv_error error;
    double start = seconds_now();
    if (ikv_scan_open(store, &scan_options, &job->scan, &error) != 0)
        return library_error(&error);
    progress_start(&job->progress, (enum progress_mode)options->store.progress,
                   options->store.quiet, job->writer.output->terminal);
    status = write_items(job);
    progress_finish(&job->progress);
    if (!options->store.quiet)
        item_writer_warn(&job->writer, job->path);
    double seconds = seconds_now() - start;
    if (options->stats)
        stats_table_print(&(struct stats_report){.stats = ikv_scan_stats(job->scan),
                                                 .leaves = job->info.layout == IKV_LAYOUT_CLUSTERED,
                                                 .calls = 1,
                                                 .search_seconds = seconds,
                                                 .total_seconds = seconds});
    ikv_scan_close(job->scan);
    return status;
}

static int run(const struct scan_options *options, const char *path, struct output *output)
{
    int status = check_output_format(&syntax, options->output_format, output);
    if (status != OPTIONS_CONTINUE)
        return status;
    struct scan_job job = {.options = options, .path = path};
    job.writer = (struct item_writer){.output = output,
                                      .format = options->output_format,
                                      .escape = options->escape,
                                      .nul = options->nul,
                                      .with_key = options->order == IKV_ORDER_KEY};
    ikv_store *store;
    status = store_open(&options->store, path, &store, &job.info);
    if (status != STATUS_DONE)
        return status;
    status = open_and_write(&job, store);
    ikv_close(store);
    return status;
}

int cmd_scan(int argc, char **argv)
{
    struct scan_options options = {0};
    store_options_init(&options.store, &syntax);
    struct operands operands;
    const char *path;
    int status = options_parse(&syntax, argc, argv, accept_option, &options, &operands);
    if (status == OPTIONS_CONTINUE)
        status = single_operand(&syntax, &operands, &path);
    if (status == OPTIONS_CONTINUE && options.order == IKV_ORDER_STORAGE &&
        (options.from != NULL || options.to != NULL))
        status = usage_error(syntax.name, "--from and --to can't be used with --order storage");
    if (status != OPTIONS_CONTINUE)
        return status;
    struct output output;
    status = output_open(&output);
    if (status != STATUS_DONE)
        return status;
    status = run(&options, path, &output);
    return exit_status_worse(status, output_close(&output));
}
