/* indexkv scan: write the pairs of a store in key order, or its values in storage order. */
#include "base/exit_status.h"
#include "base/message.h"
#include "command.h"
#include "scan/scan_items.h"

#include <stddef.h>

enum { OPTION_ORDER = OPTION_OWN, OPTION_FROM, OPTION_TO, OPTION_LIMIT };

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
    OPTION_SPEC_UNTRUSTED,
    OPTION_SPEC_MISSING_SHARDS,
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
    struct scan_request request;
};

static int accept_option(void *user, int id, const char *argument)
{
    struct scan_options *options = user;
    int choice = 0, status;
    switch (id) {
    case OPTION_ORDER:
        status = option_choice(&syntax, "order", argument, "key|storage", &choice);
        options->request.order = choice == 1 ? IKV_ORDER_STORAGE : IKV_ORDER_KEY;
        return status;
    case OPTION_FROM:
        options->request.from = argument;
        return OPTIONS_CONTINUE;
    case OPTION_TO:
        options->request.to = argument;
        return OPTIONS_CONTINUE;
    case OPTION_LIMIT:
        options->request.limited = true;
        return option_number(&syntax, "limit", argument, 0, UINT64_MAX, &options->request.limit);
    case OPTION_OUTPUT_FORMAT:
        return option_output_format(&syntax, argument, &options->request.output_format);
    case OPTION_ESCAPE:
        options->request.escape = true;
        return OPTIONS_CONTINUE;
    case OPTION_NULL:
        options->request.nul = true;
        return OPTIONS_CONTINUE;
    case OPTION_STATS:
        options->request.stats = true;
        return OPTIONS_CONTINUE;
    default:
        return store_options_accept(&options->store, id, argument);
    }
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
    if (status == OPTIONS_CONTINUE && options.request.order == IKV_ORDER_STORAGE &&
        (options.request.from != NULL || options.request.to != NULL))
        status = usage_error(syntax.name, "--from and --to can't be used with --order storage");
    if (status != OPTIONS_CONTINUE)
        return status;
    options.request.store = &options.store;
    struct table table;
    status = table_open(&options.store, path, &table);
    if (status != STATUS_DONE)
        return status;
    struct output output;
    status = output_open(&output);
    if (status == STATUS_DONE) {
        status = scan_run(&options.request, &table, path, &output);
        status = exit_status_worse(status, output_close(&output));
    }
    table_close(&table);
    return status;
}
