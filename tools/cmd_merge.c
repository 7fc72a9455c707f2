/* indexkv merge: write a store with the pairs of several stores. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/signals.h"
#include "command.h"
#include "merge/merge.h"
#include "options/store_options.h"

#include <stdlib.h>

enum { OPTION_DELETE = OPTION_OWN };

/* Half of the memory is for the writer. */
#define MEMORY_MIN (2 * WRITER_MEMORY_MIN)

static const struct option_spec specs[] = {{OPTION_OUTPUT, 'o', "output", "STORE",
                                            "the store to write (required); replaced if it\n"
                                            "exists; may be one of the inputs"},
                                           {OPTION_ON_DUPLICATE, 'd', "on-duplicate", "P",
                                            "keys in several inputs: error (default) fails, first\n"
                                            "or last keeps the pair of the first or last input"},
                                           OPTION_SPEC_ON_OVERLAP,
                                           {OPTION_DELETE, 0, "delete", "KEYS",
                                            "leave out the keys in the file KEYS, whichever input\n"
                                            "has them; '-' is standard input"},
                                           {OPTION_KEYS_FORMAT, 0, "keys-format", "F",
                                            "format of KEYS: text (default), one key per line;\n"
                                            "binary, little-endian, no separators"},
                                           OPTION_SPEC_KEY_SYNTAX,
                                           OPTION_SPECS_LAYOUT,
                                           OPTION_SPEC_SHARDS,
                                           {OPTION_MEMORY, 'm', "memory", "SIZE",
                                            "maximum memory for reading and sorting, at least 16M\n"
                                            "(default: 256M)"},
                                           {OPTION_TEMP_DIR, 0, "temp-dir", "DIR",
                                            "directory for temporary files (default: the\n"
                                            "directory of STORE)"},
                                           OPTION_SPECS_METADATA,
                                           OPTION_SPEC_PLAIN,
                                           OPTION_SPEC_STORE_ID,
                                           OPTION_SPECS_PLAIN,
                                           OPTION_SPECS_PROGRESS,
                                           OPTION_SPEC_HELP,
                                           {0}};

static const struct command_syntax syntax = {
    "merge", "INPUT... -o STORE [OPTION...]",
    "Write the pairs of all INPUT stores, which have the same key type, to STORE, in\n"
    "key order. STORE is created or replaced atomically once it is complete.",
    specs,
    "SIZE is in bytes; suffixes K, M, G and T stand for powers of 1024.\n\n"
    "Exit status: 0 success, 2 usage or a key in several inputs, 3 not a store or\n"
    "wrong key type, 4 corrupt, 5 I/O error."};

struct merge_options {
    struct store_options input;
    struct writer_options writer;
    struct merge_request request;
};

static int accept_option(void *user, int id, const char *argument)
{
    struct merge_options *options = user;
    int choice = 0, status;
    switch (id) {
    case OPTION_DELETE:
        options->request.deletes.path = argument;
        return OPTIONS_CONTINUE;
    case OPTION_KEYS_FORMAT:
        status = option_choice(&syntax, "keys-format", argument, "text|binary", &choice);
        options->request.deletes.binary = choice == 1;
        return status;
    case OPTION_MEMORY:
        return option_size(&syntax, "memory", argument, MEMORY_MIN, &options->writer.writer.memory);
    case OPTION_STRIDE: /* of plain inputs, and of a plain output */
    case OPTION_KEY_TYPE:
    case OPTION_KEY_SYNTAX:
    case OPTION_PROGRESS:
    case OPTION_QUIET:
        return store_options_accept(&options->input, id, argument);
    default:
        return writer_options_accept(&options->writer, id, argument);
    }
}

static int check(const struct merge_options *options, const struct operands *operands)
{
    if (operands->count == 0)
        return usage_error(syntax.name, "expected an INPUT store");
    if (options->request.deletes.binary && options->request.deletes.path == NULL)
        return usage_error(syntax.name, "--keys-format requires --delete");
    return OPTIONS_CONTINUE;
}

static int open_inputs(const struct merge_options *options, const struct operands *operands,
                       struct table *tables)
{
    int status = STATUS_DONE;
    for (size_t i = 0; i < operands->count && status == STATUS_DONE; i++)
        status = table_open(&options->input, operands->items[i], &tables[i]);
    return status;
}

static int run(struct merge_options *options, const struct operands *operands)
{
    struct table *tables = calloc(operands->count, sizeof *tables);
    if (tables == NULL)
        return out_of_memory();
    int status = open_inputs(options, operands, tables);
    if (status == STATUS_DONE) {
        if (options->writer.writer.flags & IKV_WRITE_PLAIN)
            options->writer.writer.stride = options->input.open.stride;
        options->request.writer = &options->writer;
        options->request.key_syntax = options->input.key_syntax;
        options->request.progress = (enum progress_mode)options->input.progress;
        options->request.quiet = options->input.quiet;
        status = merge_run(&options->request, tables, operands->count);
    }
    for (size_t i = 0; i < operands->count; i++)
        table_close(&tables[i]);
    free(tables);
    return status;
}

int cmd_merge(int argc, char **argv)
{
    struct merge_options options = {.request = {.quiet = false}};
    store_options_init(&options.input, &syntax);
    writer_options_init(&options.writer, &syntax);
    struct operands operands;
    int status = options_parse(&syntax, argc, argv, accept_option, &options, &operands);
    if (status == OPTIONS_CONTINUE)
        status = check(&options, &operands);
    if (status == OPTIONS_CONTINUE)
        status = writer_options_complete(&options.writer, options.input.open.key_type);
    if (status == OPTIONS_CONTINUE) {
        signals_catch();
        status = run(&options, &operands);
    }
    writer_options_free(&options.writer);
    return status;
}
