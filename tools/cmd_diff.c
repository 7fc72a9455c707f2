/* indexkv diff: compare the pairs of two stores. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/progress.h"
#include "command.h"
#include "options/store_options.h"
#include "table/table.h"
#include "table/table_scan.h"
#include "text/escape.h"
#include "text/item_writer.h"
#include "text/json.h"

#include <inttypes.h>
#include <string.h>

enum { OPTION_VALUES = OPTION_OWN, OPTION_BRIEF };

/* Keys between two progress updates. */
enum { PROGRESS_KEYS = 4096 };

/* Exit status: the stores differ. */
enum { STATUS_DIFFERENT = 1 };

static const struct option_spec specs[] = {
    {OPTION_VALUES, 0, "values", NULL, "write values, too: the old one and the new one"},
    {OPTION_BRIEF, 0, "brief", NULL, "write nothing, and stop at the first difference"},
    {OPTION_OUTPUT_FORMAT, 'f', "output-format", "F", "tsv (default), jsonl"},
    OPTION_SPEC_KEY_SYNTAX,
    OPTION_SPECS_PLAIN,
    OPTION_SPECS_PROGRESS,
    OPTION_SPEC_HELP,
    {0}};

static const struct command_syntax syntax = {
    "diff", "OLD NEW [OPTION...]",
    "Compare two stores with the same key type. Write a line for each key that only\n"
    "NEW has (added), only OLD has (removed), or whose value differs (changed): the\n"
    "kind, a tab, and the key; in key order.",
    specs,
    "Exit status: 0 no differences, 1 differences, 2 usage, 3 not a store or other\n"
    "key types, 4 corrupt, 5 I/O error."};

struct diff_options {
    struct store_options store;
    enum output_format output_format;
    bool values, brief;
};

struct side {
    const char *path;
    struct table table;
    struct table_scan scan;
    ikv_item item;
    unsigned char last[IKV_KEY_WIDTH_MAX]; /* of a range */
    bool ended;
};

struct diff {
    const struct diff_options *options;
    struct side old, new;
    struct output *output;
    struct progress progress;
    uint64_t added, removed, changed, same;
    int status; /* of records that could not be compared */
};

static int accept_option(void *user, int id, const char *argument)
{
    struct diff_options *options = user;
    int choice = 0, status;
    switch (id) {
    case OPTION_VALUES:
        options->values = true;
        return OPTIONS_CONTINUE;
    case OPTION_BRIEF:
        options->brief = true;
        return OPTIONS_CONTINUE;
    case OPTION_OUTPUT_FORMAT:
        status = option_choice(&syntax, "output-format", argument, "tsv|jsonl", &choice);
        options->output_format = choice == 0 ? OUTPUT_TSV : OUTPUT_JSONL;
        return status;
    default:
        return store_options_accept(&options->store, id, argument);
    }
}

/* ---------------------------------------------------------------- reading */

static int open_side(const struct diff_options *options, struct side *side)
{
    ikv_error error;
    int status = table_open(&options->store, side->path, &side->table);
    if (status == STATUS_DONE && table_scan_open(&side->scan, &side->table, NULL, &error) != 0)
        status = library_error(&error);
    return status;
}

static void close_side(struct side *side)
{
    table_scan_close(&side->scan);
    table_close(&side->table);
}

/* Move to the next pair. One that can't be read is reported, and compared by its key only. */
static int advance(struct diff *diff, struct side *side)
{
    ikv_error error;
    int code = table_scan_next(&side->scan, &side->item, &error);
    side->ended = code != 0;
    if (code == IKV_E_END)
        return STATUS_DONE;
    if (code != 0)
        return library_error(&error);
    if (side->item.status != IKV_FOUND)
        diff->status = exit_status_worse(diff->status, library_error(&error));
    else if (side->table.info.has_ranges &&
             ikv_range_last(side->scan.store, &side->item, side->last) != 0)
        memset(side->last, 0, sizeof side->last); /* impossible: the item has a value */
    return STATUS_DONE;
}

/* ---------------------------------------------------------------- writing */

static void write_value(const struct diff *diff, const char *name, const ikv_item *item)
{
    struct output *output = diff->output;
    if (diff->options->output_format == OUTPUT_JSONL) {
        output_text(output, ",");
        if (item == NULL || item->value == NULL)
            output_format(output, "\"%s\":null", name);
        else
            json_bytes_member(output, name, item->value, item->size);
        return;
    }
    output_text(output, "\t");
    if (item != NULL && item->value != NULL)
        escape_write(output, item->value, item->size);
}

/* `old` or `new` is NULL if only the other side has the key. */
static void write_difference(const struct diff *diff, const char *kind, const ikv_item *old,
                             const ikv_item *new)
{
    const void *key = old != NULL ? old->key : new->key;
    struct output *output = diff->output;
    char text[IKV_KEY_TEXT_MAX];
    if (diff->options->brief)
        return;
    int length = ikv_key_format(diff->old.table.info.key_type, diff->options->store.key_syntax, key,
                                text, sizeof text);
    if (diff->options->output_format == OUTPUT_JSONL) {
        output_format(output, "{\"change\":\"%s\",", kind);
        json_bytes_member(output, "key", text, length < 0 ? 0 : (size_t)length);
    } else {
        output_format(output, "%s\t", kind);
        output_bytes(output, text, length < 0 ? 0 : (size_t)length);
    }
    if (diff->options->values) {
        write_value(diff, "old", old);
        write_value(diff, "new", new);
    }
    output_text(output, diff->options->output_format == OUTPUT_JSONL ? "}\n" : "\n");
}

/* ---------------------------------------------------------------- comparing */

/* Sizes first; the bytes of both values are in memory anyway. */
static bool values_equal(const struct diff *diff)
{
    const ikv_item *old = &diff->old.item, *new = &diff->new.item;
    if (old->status != IKV_FOUND || new->status != IKV_FOUND)
        return true; /* not known */
    return old->size == new->size &&memcmp(old->value, new->value, old->size) == 0 &&
           (!diff->old.table.info.has_ranges ||
            memcmp(diff->old.last, diff->new.last, diff->old.table.info.key_width) == 0);
}

static int compare_next(struct diff *diff)
{
    struct side *old = &diff->old, *new = &diff->new;
    const ikv_key_type type = old->table.info.key_type;
    int order = old->ended ? 1 : new->ended ? -1 : 0;
    if (order == 0)
        order = ikv_key_compare(type, old->item.key, new->item.key);
    if (order < 0) {
        diff->removed++;
        write_difference(diff, "removed", &old->item, NULL);
    } else if (order > 0) {
        diff->added++;
        write_difference(diff, "added", NULL, &new->item);
    } else if (!values_equal(diff)) {
        diff->changed++;
        write_difference(diff, "changed", &old->item, &new->item);
    } else {
        diff->same++;
    }
    int status = order <= 0 ? advance(diff, old) : STATUS_DONE;
    return status == STATUS_DONE && order >= 0 ? advance(diff, new) : status;
}

static int compare_all(struct diff *diff)
{
    uint64_t keys = 0;
    int status = advance(diff, &diff->old);
    if (status == STATUS_DONE)
        status = advance(diff, &diff->new);
    while (status == STATUS_DONE && !(diff->old.ended && diff->new.ended) &&
           diff->output->error == 0) {
        status = compare_next(diff);
        const uint64_t differences = diff->added + diff->removed + diff->changed;
        if (diff->options->brief && differences > 0)
            break;
        if (++keys % PROGRESS_KEYS == 0)
            progress_update(&diff->progress,
                            &(struct progress_point){.phase = "diff",
                                                     .count = keys,
                                                     .unit = "keys",
                                                     .done = keys - diff->added,
                                                     .total = diff->old.table.info.pair_count,
                                                     .waits.output = diff->output->seconds,
                                                     .one_thread = true});
    }
    return exit_status_worse(diff->status, status);
}

static int check_types(const struct diff *diff)
{
    char old[16], new[16];
    if (diff->old.table.info.key_type != diff->new.table.info.key_type) {
        message("%s has keys of type %s, %s of type %s", diff->old.path,
                ikv_key_type_name(diff->old.table.info.key_type, old, sizeof old), diff->new.path,
                ikv_key_type_name(diff->new.table.info.key_type, new, sizeof new));
        return STATUS_NOT_STORE;
    }
    if (diff->old.table.info.has_ranges == diff->new.table.info.has_ranges)
        return STATUS_DONE;
    message("%s is a store of ranges, the other one is not",
            diff->old.table.info.has_ranges ? diff->old.path : diff->new.path);
    return STATUS_NOT_STORE;
}

static int run(const struct diff_options *options, const struct operands *operands,
               struct output *output)
{
    struct diff diff = {.options = options, .output = output};
    diff.old.path = operands->items[0];
    diff.new.path = operands->items[1];
    int status = open_side(options, &diff.old);
    if (status == STATUS_DONE)
        status = open_side(options, &diff.new);
    if (status == STATUS_DONE)
        status = check_types(&diff);
    if (status == STATUS_DONE) {
        progress_start(&diff.progress, (enum progress_mode)options->store.progress,
                       options->store.quiet, output->terminal);
        status = compare_all(&diff);
        progress_finish(&diff.progress);
        if (!options->store.quiet && !options->brief)
            message("%" PRIu64 " added, %" PRIu64 " removed, %" PRIu64 " changed, %" PRIu64
                    " the same",
                    diff.added, diff.removed, diff.changed, diff.same);
        if (diff.added + diff.removed + diff.changed > 0)
            status = exit_status_worse(status, STATUS_DIFFERENT);
    }
    close_side(&diff.old);
    close_side(&diff.new);
    return status;
}

int cmd_diff(int argc, char **argv)
{
    struct diff_options options = {.output_format = OUTPUT_TSV};
    store_options_init(&options.store, &syntax);
    struct operands operands;
    int status = options_parse(&syntax, argc, argv, accept_option, &options, &operands);
    if (status == OPTIONS_CONTINUE && operands.count != 2)
        status = usage_error(syntax.name, "expected two stores, got %zu", operands.count);
    if (status != OPTIONS_CONTINUE)
        return status;
    struct output output;
    status = output_open(&output);
    if (status != STATUS_DONE)
        return status;
    status = run(&options, &operands, &output);
    return exit_status_worse(status, output_close(&output));
}
