/* indexkv export: write a store, or some of its pairs, as text or as another store. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/signals.h"
#include "command.h"
#include "lookup/lookup.h"
#include "merge/merge.h"
#include "options/store_options.h"
#include "scan/scan_items.h"
#include "table/table.h"
#include "text/same_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_SELECT = OPTION_OWN };

/* Half of the memory is for the writer. */
#define MEMORY_MIN (2 * WRITER_MEMORY_MIN)

static const struct option_spec specs[] = {
    {OPTION_OUTPUT, 'o', "output", "FILE",
     "write to FILE (default: standard output; required\n"
     "for store and plain); replaced if it exists"},
    {OPTION_OUTPUT_FORMAT, 'f', "output-format", "F",
     "tsv (default), jsonl, raw, binary: as scan writes\n"
     "store: a store in the layout of --layout\n"
     "plain: a plain v2 store, without checksums"},
    {OPTION_SELECT, 0, "select", "KEYS",
     "only pairs with a key in the file KEYS; '-' is\n"
     "standard input"},
    {OPTION_KEYS_FORMAT, 0, "keys-format", "F",
     "format of KEYS: text (default), one key per line;\n"
     "binary, little-endian, no separators"},
    {OPTION_ESCAPE, 0, "escape", NULL,
     "tsv: write tabs, line breaks and backslashes as \\t,\n"
     "\\n, \\r and \\\\"},
    {OPTION_NULL, '0', "null", NULL, "tsv: lines end with NUL instead of LF"},
    OPTION_SPEC_KEY_SYNTAX,
    {OPTION_ON_DUPLICATE, 'd', "on-duplicate", "P",
     "store, plain: a key more than once in a plain store:\n"
     "error (default) fails, first or last keeps one pair"},
    OPTION_SPECS_LAYOUT,
    OPTION_SPEC_SHARDS,
    {OPTION_MEMORY, 'm', "memory", "SIZE",
     "store, plain: maximum memory for reading and\n"
     "sorting, at least 16M (default: 256M)"},
    {OPTION_TEMP_DIR, 0, "temp-dir", "DIR",
     "store, plain: directory for temporary files\n"
     "(default: the directory of FILE)"},
    OPTION_SPECS_METADATA,
    OPTION_SPEC_STORE_ID,
    OPTION_SPECS_STORE,
    OPTION_SPECS_PROGRESS,
    OPTION_SPEC_HELP,
    {0}};

static const struct command_syntax syntax = {
    "export", "STORE [OPTION...]",
    "Write all pairs of a store, or selected ones: as text, as a store in another\n"
    "layout, or as a plain store.",
    specs,
    "SIZE is in bytes; suffixes K, M, G and T stand for powers of 1024.\n\n"
    "Exit status: 0 success, 2 usage, 3 not a store or wrong key type, 4 corrupt,\n"
    "5 I/O error."};

enum form { FORM_TEXT, FORM_STORE, FORM_PLAIN };

struct export_options {
    struct store_options store;
    struct writer_options writer;
    struct key_file select;
    enum form form;
    enum output_format output_format;
    bool escape, nul;
    const char *store_option; /* the last option given that only a store has; NULL: none */
};

static int accept_format(struct export_options *options, const char *argument)
{
    static const enum output_format formats[] = {OUTPUT_TSV, OUTPUT_JSONL, OUTPUT_RAW,
                                                 OUTPUT_BINARY};
    int choice = 0;
    int status = option_choice(&syntax, "output-format", argument,
                               "tsv|jsonl|raw|binary|store|plain", &choice);
    options->form = choice < 4 ? FORM_TEXT : choice == 4 ? FORM_STORE : FORM_PLAIN;
    if (choice < 4)
        options->output_format = formats[choice];
    return status;
}

/* The name of an option that only a store has; NULL: others have it, too. */
static const char *store_option(int id)
{
    for (const struct option_spec *spec = specs; spec->id != 0; spec++)
        if (spec->id == id)
            return spec->name;
    return NULL;
}

static int accept_option(void *user, int id, const char *argument)
{
    struct export_options *options = user;
    int choice = 0, status;
    switch (id) {
    case OPTION_OUTPUT:
        options->writer.store = argument;
        return OPTIONS_CONTINUE;
    case OPTION_OUTPUT_FORMAT:
        return accept_format(options, argument);
    case OPTION_SELECT:
        options->select.path = argument;
        return OPTIONS_CONTINUE;
    case OPTION_KEYS_FORMAT:
        status = option_choice(&syntax, "keys-format", argument, "text|binary", &choice);
        options->select.binary = choice == 1;
        return status;
    case OPTION_ESCAPE:
        options->escape = true;
        return OPTIONS_CONTINUE;
    case OPTION_NULL:
        options->nul = true;
        return OPTIONS_CONTINUE;
    case OPTION_MEMORY:
        options->store_option = "memory";
        return option_size(&syntax, "memory", argument, MEMORY_MIN, &options->writer.writer.memory);
    case OPTION_STRIDE: /* of a plain input, and of a plain output */
    case OPTION_KEY_TYPE:
    case OPTION_KEY_SYNTAX:
    case OPTION_INDEX_MEMORY:
    case OPTION_PROGRESS:
    case OPTION_QUIET:
        return store_options_accept(&options->store, id, argument);
    default:
        options->store_option = store_option(id);
        return writer_options_accept(&options->writer, id, argument);
    }
}

static int check(struct export_options *options)
{
    if (options->select.binary && options->select.path == NULL)
        return usage_error(syntax.name, "--keys-format requires --select");
    if ((options->escape || options->nul) &&
        (options->form != FORM_TEXT || options->output_format != OUTPUT_TSV))
        return usage_error(syntax.name, "--%s requires --output-format tsv",
                           options->escape ? "escape" : "null");
    if (options->form == FORM_TEXT && options->store_option != NULL)
        return usage_error(syntax.name, "--%s requires --output-format store",
                           options->store_option);
    if (options->form == FORM_TEXT)
        return OPTIONS_CONTINUE;
    if (options->form == FORM_PLAIN)
        options->writer.writer.flags |= IKV_WRITE_PLAIN;
    return writer_options_complete(&options->writer, options->store.open.key_type);
}

/* ---------------------------------------------------------------- as a store */

static int export_store(struct export_options *options, const char *path)
{
    struct merge_request request = {.writer = &options->writer,
                                    .key_syntax = options->store.key_syntax,
                                    .selects = options->select,
                                    .progress = (enum progress_mode)options->store.progress,
                                    .quiet = options->store.quiet};
    struct table table;
    int status = table_open(&options->store, path, &table);
    if (status != STATUS_DONE)
        return status;
    if (options->form == FORM_PLAIN)
        options->writer.writer.stride = options->store.open.stride;
    signals_catch();
    status = merge_run(&request, &table, 1);
    table_close(&table);
    return status;
}

/* ---------------------------------------------------------------- as text */

static int look_up_selected(const struct export_options *options, struct lookup *lookup,
                            const ikv_info *info)
{
    struct key_reader reader;
    struct progress progress;
    int status = key_reader_from_file(&reader, info->key_type, options->store.key_syntax,
                                      options->select.path, options->select.binary, NULL);
    if (status != STATUS_DONE)
        return status;
    progress_start(&progress, (enum progress_mode)options->store.progress, options->store.quiet,
                   lookup->answers.writer.output->terminal);
    status = lookup_run(lookup, &reader, &progress);
    progress_finish(&progress);
    key_reader_close(&reader);
    return status;
}

/* Selected pairs are looked up, and written in the order of their keys in the file. */
static int export_selected(const struct export_options *options, struct table *table,
                           const char *path, struct output *output)
{
    struct lookup_options lookup_options = {.output_format = options->output_format,
                                            .escape = options->escape,
                                            .nul = options->nul,
                                            .key_syntax = options->store.key_syntax,
                                            .get = IKV_GET_OPTIONS_INIT};
    struct lookup lookup;
    int status = check_output_format(&syntax, options->output_format, output);
    if (status != OPTIONS_CONTINUE)
        return status;
    status = lookup_init(&lookup, &lookup_options, table, 1, output);
    lookup.answers.writer.with_last = table->info.has_ranges != 0;
    if (status == STATUS_DONE)
        status = look_up_selected(options, &lookup, &table->info);
    if (!options->store.quiet)
        item_writer_warn(&lookup.answers.writer, path);
    lookup_free(&lookup);
    return status;
}

static int open_output(const struct export_options *options, struct output *output)
{
    const char *name = options->writer.store;
    if (name == NULL || strcmp(name, "-") == 0)
        return output_open(output);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd >= 0)
        return output_open_file(output, fd, name);
    message("%s: %s", name, strerror(errno));
    return STATUS_IO;
}

/* An existing FILE is written over only when the store is open. */
static int export_text(const struct export_options *options, const char *path)
{
    const struct scan_request request = {.store = &options->store,
                                         .output_format = options->output_format,
                                         .escape = options->escape,
                                         .nul = options->nul};
    struct table table;
    struct output output;
    int status = check_not_input("output", options->writer.store, &path, 1);
    if (status == STATUS_DONE)
        status = table_open(&options->store, path, &table);
    if (status != STATUS_DONE)
        return status;
    status = open_output(options, &output);
    if (status == STATUS_DONE) {
        status = options->select.path != NULL ? export_selected(options, &table, path, &output)
                                              : scan_run(&request, &table, path, &output);
        status = exit_status_worse(status, output_close(&output));
    }
    table_close(&table);
    return status;
}

int cmd_export(int argc, char **argv)
{
    struct export_options options = {.form = FORM_TEXT};
    store_options_init(&options.store, &syntax);
    writer_options_init(&options.writer, &syntax);
    struct operands operands;
    const char *path;
    int status = options_parse(&syntax, argc, argv, accept_option, &options, &operands);
    if (status == OPTIONS_CONTINUE)
        status = single_operand(&syntax, &operands, &path);
    if (status == OPTIONS_CONTINUE)
        status = check(&options);
    if (status == OPTIONS_CONTINUE &&
        check_not_input("output", options.writer.store, &options.select.path, 1) != STATUS_DONE)
        status = STATUS_USAGE;
    if (status == OPTIONS_CONTINUE)
        status =
            options.form == FORM_TEXT ? export_text(&options, path) : export_store(&options, path);
    writer_options_free(&options.writer);
    return status;
}
