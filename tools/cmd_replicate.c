/* indexkv replicate: copy shards of a table to another directory, and list the copies. */
#include "base/exit_status.h"
#include "base/message.h"
#include "base/signals.h"
#include "command.h"
#include "options/options.h"
#include "options/store_options.h"
#include "options/url_options.h"
#include "table/replicas.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_SHARD = OPTION_OWN, OPTION_FIRST, OPTION_REMOVE };

static const struct option_spec specs[] = {
    {OPTION_SHARD, 'n', "shard", "N",
     "only shard N, counted from 0; can be repeated\n"
     "(default: all)"},
    {OPTION_FIRST, 0, "first", NULL, "try the new copies before those that are listed"},
    {OPTION_REMOVE, 0, "remove", NULL, "remove the copies in DIR, and list them no longer"},
    OPTION_SPECS_PROGRESS,
    OPTION_SPEC_HELP,
    {0}};

static const struct command_syntax syntax = {
    "replicate", "TABLE DIR [OPTION...]",
    "Copy the shards of a sharded table to DIR, verify the copies, and list them in\n"
    "its manifest: a shard that can't be opened at one place is opened at another.",
    specs, "Exit status: 0 success, 2 usage, 3 not a sharded table, 4 corrupt, 5 I/O error."};

struct replicate_options {
    struct store_options store;
    bool first, remove;
    uint64_t *shards; /* room for all arguments */
    size_t shard_count;
};

static int accept_option(void *user, int id, const char *argument)
{
    struct replicate_options *options = user;
    switch (id) {
    case OPTION_SHARD:
        return option_number(&syntax, "shard", argument, 0, IKV_SHARDS_MAX - 1,
                             &options->shards[options->shard_count++]);
    case OPTION_FIRST:
        options->first = true;
        return OPTIONS_CONTINUE;
    case OPTION_REMOVE:
        options->remove = true;
        return OPTIONS_CONTINUE;
    default:
        return store_options_accept(&options->store, id, argument);
    }
}

/* Without --shard: all of them. */
static size_t selected_count(const struct replicate_options *options,
                             const struct ikv_manifest *manifest)
{
    return options->shard_count > 0 ? options->shard_count : manifest->shard_count;
}

static size_t selected(const struct replicate_options *options, size_t i)
{
    return options->shard_count > 0 ? (size_t)options->shards[i] : i;
}

static int check_shards(const struct replicate_options *options,
                        const struct ikv_manifest *manifest)
{
    for (size_t i = 0; i < options->shard_count; i++)
        if (options->shards[i] >= manifest->shard_count)
            return usage_error(syntax.name, "--shard: %s has %zu shards, counted from 0",
                               manifest->dir, manifest->shard_count);
    return OPTIONS_CONTINUE;
}

static int copy_all(const struct replicate_options *options, struct replicas *replicas)
{
    const size_t count = selected_count(options, replicas->manifest);
    int status = STATUS_DONE;
    for (size_t i = 0; i < count; i++)
        replicas->total += replicas->manifest->shards[selected(options, i)].size;
    for (size_t i = 0; i < count && status == STATUS_DONE; i++)
        status = replicas_copy(replicas, selected(options, i));
    progress_finish(replicas->progress);
    /* What was copied before an error is listed, too. */
    if (replicas->copied > 0)
        status = exit_status_worse(status, replicas_publish(replicas));
    return status;
}

/* Files are removed when no manifest lists them. */
static int remove_all(const struct replicate_options *options, struct replicas *replicas)
{
    const size_t count = selected_count(options, replicas->manifest);
    char **paths = calloc(count + 1, sizeof *paths);
    int status = paths == NULL ? out_of_memory() : STATUS_DONE;
    for (size_t i = 0; i < count && status == STATUS_DONE; i++)
        status = replicas_remove(replicas, selected(options, i), &paths[i]);
    if (status == STATUS_DONE && replicas->removed > 0)
        status = replicas_publish(replicas);
    for (size_t i = 0; paths != NULL && i < count; i++) {
        if (status == STATUS_DONE && paths[i] != NULL && unlink(paths[i]) != 0 && errno != ENOENT) {
            message("%s: %s", paths[i], strerror(errno));
            status = STATUS_IO;
        }
        free(paths[i]);
    }
    free(paths);
    return status;
}

static void print_summary(const struct replicate_options *options, const char *table,
                          const struct replicas *replicas)
{
    const size_t count = options->remove ? replicas->removed : replicas->copied;
    const char *plural = count == 1 ? "" : "s";
    if (options->remove)
        message("%s: %zu shard%s removed", table, count, plural);
    else
        message("%s: %zu shard%s copied, %" PRIu64 " bytes", table, count, plural, replicas->bytes);
}

/* With the lock of the table's directory. */
static int run_locked(const struct replicate_options *options, const char *table, const char *dir)
{
    struct progress progress;
    struct replicas replicas = {.dir = dir, .first = options->first, .progress = &progress};
    ikv_error error;
    if (ikv_manifest_read(table, &replicas.manifest, &error) < 0)
        return library_error(&error);
    int status = check_shards(options, replicas.manifest);
    if (status == OPTIONS_CONTINUE) {
        signals_catch();
        progress_start(&progress, (enum progress_mode)options->store.progress, options->store.quiet,
                       false);
        status = options->remove ? remove_all(options, &replicas) : copy_all(options, &replicas);
        if (status == STATUS_DONE && !options->store.quiet)
            print_summary(options, table, &replicas);
    }
    ikv_manifest_free(replicas.manifest);
    return status;
}

static int run(const struct replicate_options *options, const char *table, const char *dir)
{
    char resolved[PATH_MAX];
    struct ikv_manifest *manifest;
    struct ikv_table_lock *lock;
    ikv_error error;
    if (realpath(dir, resolved) == NULL) {
        message("%s: %s", dir, strerror(errno));
        return STATUS_IO;
    }
    /* Not in a directory that has no table. */
    if (ikv_manifest_read(table, &manifest, &error) < 0)
        return library_error(&error);
    ikv_manifest_free(manifest);
    if (ikv_table_lock(table, &lock, &error) < 0)
        return library_error(&error);
    const int status = run_locked(options, table, resolved);
    ikv_table_unlock(lock);
    return status;
}

int cmd_replicate(int argc, char **argv)
{
    struct replicate_options options = {.shard_count = 0};
    struct operands operands;
    store_options_init(&options.store, &syntax);
    options.shards = calloc((size_t)argc + 1, sizeof *options.shards);
    if (options.shards == NULL)
        return out_of_memory();
    int status = options_parse(&syntax, argc, argv, accept_option, &options, &operands);
    if (status == OPTIONS_CONTINUE && operands.count != 2)
        status = usage_error(syntax.name, "expected a TABLE and a DIR");
    for (int i = 0; status == OPTIONS_CONTINUE && i < 2; i++)
        if (is_url(operands.items[i]))
            status = usage_error(syntax.name, "TABLE and DIR are directories, not URLs");
    if (status == OPTIONS_CONTINUE && options.first && options.remove)
        status = usage_error(syntax.name, "--first and --remove are mutually exclusive");
    if (status == OPTIONS_CONTINUE)
        status = run(&options, operands.items[0], operands.items[1]);
    free(options.shards);
    return status;
}
