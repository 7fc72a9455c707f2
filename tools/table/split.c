#include "table/split.h"

#include "base/exit_status.h"
#include "base/message.h"
#include "base/signals.h"
#include "shards/journal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Pairs between two progress updates. */
enum { PROGRESS_PAIRS = 4096 };

/* ---------------------------------------------------------------- the directory */

/* A build of the command without JSON fails now, not when all pairs were read. */
static int check_supported(const struct ikv_manifest *manifest)
{
    char *text = NULL;
    size_t size;
    ikv_error error;
    const int code = ikv_manifest_encode(manifest, &text, &size, &error);
    free(text);
    return code < 0 ? library_error(&error) : STATUS_DONE;
}

/* A build that was killed leaves shards and temporary files. */
static bool may_be_left(const char *name)
{
    return name[0] == '.' || strncmp(name, "shard-", 6) == 0;
}

/* Whether a directory has a table, or nothing but what a build left. */
static bool is_free(const char *dir)
{
    bool other = false, table = false;
    DIR *stream = opendir(dir);
    const struct dirent *entry;
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        table |= strcmp(entry->d_name, IKV_MANIFEST_NAME) == 0;
        other |= !may_be_left(entry->d_name);
    }
    if (stream != NULL)
        (void)closedir(stream);
    return table || !other;
}

static int make_directory(struct split *split, const char *dir)
{
    split->created = mkdir(dir, 0777) == 0;
    if (split->created)
        return STATUS_DONE;
    if (errno != EEXIST) {
        message("%s: %s", dir, strerror(errno));
        return STATUS_IO;
    }
    if (!ikv_is_directory(dir)) {
        message("%s: not a directory: a sharded table can't replace it", dir);
        return STATUS_USAGE;
    }
    if (!is_free(dir)) {
        message("%s: a directory with other files, and not a sharded table", dir);
        return STATUS_USAGE;
    }
    return STATUS_DONE;
}

/* What a build over MPI left that was interrupted: one that resumes it would take shards of this
 * one for its own. */
static void remove_interrupted(const char *dir)
{
    struct ikv_manifest *old = NULL;
    const int code = ikv_manifest_read(dir, &old, NULL);
    if (code == 0 || code == IKV_E_NOT_REGULAR) /* no table there */
        ikv_journal_remove(dir, old);
    ikv_manifest_free(old);
}

static char *whole_path(const struct split *split)
{
    char name[IKV_SHARD_NAME_SIZE];
    const size_t size = strlen(split->manifest->dir) + sizeof name + 16;
    char *path = malloc(size);
    ikv_shard_name(split->name_id, 0, name);
    if (path != NULL)
        (void)snprintf(path, size, "%s/.whole-%s", split->manifest->dir, name);
    return path;
}

int split_begin(struct split *split, const struct writer_options *options, ikv_key_type type,
                struct progress *progress)
{
    const char *dir = options->store;
    ikv_error error;
    *split = (struct split){
        .path = dir, .writer = options->writer, .shards = options->shards, .progress = progress};
    split->writer.key_type = type;
    split->writer.on_progress = progress_from_library;
    split->writer.progress_user = progress;
    if (options->shards == 0)
        return STATUS_DONE;
    split->shard = split->writer;
    if (ikv_manifest_new(dir, type, options->writer.layout,
                         (options->writer.flags & IKV_WRITE_RANGES) != 0, options->writer.store_id,
                         &split->manifest, &error) < 0)
        return library_error(&error);
    int status = check_supported(split->manifest);
    if (status == STATUS_DONE)
        status = make_directory(split, dir);
    if (status == STATUS_DONE && ikv_table_lock(dir, &split->lock, &error) < 0)
        status = library_error(&error);
    if (status != STATUS_DONE)
        return status;
    remove_interrupted(dir);
    ikv_shard_name_id(dir, split->manifest->table_id, split->name_id);
    split->whole = whole_path(split);
    if (split->whole == NULL)
        return out_of_memory();
    split->manifest->mode = options->writer.mode;
    split->path = split->whole;
    split->writer.layout = IKV_LAYOUT_CLUSTERED; /* written and read in key order */
    split->writer.flags |= IKV_WRITE_NO_V2_INDEX;
    split->writer.filter_bits = 0;
    split->writer.leaf_size = 0;
    split->writer.mode = 0600;
    split->writer.metadata_size = 0;
    return STATUS_DONE;
}

/* ---------------------------------------------------------------- dividing */

/* A shard that is being written. */
struct piece {
    struct split *split;
    ikv_store *whole;
    ikv_scan *scan;
    ikv_info info; /* of the whole store */
    uint64_t done; /* pairs in the pieces before */
};

static int copy_pair(const struct piece *piece, ikv_writer *writer, ikv_error *error)
{
    unsigned char last[IKV_KEY_WIDTH_MAX];
    ikv_item item;
    const int code = ikv_scan_next(piece->scan, &item, error);
    if (code != 0)
        return code;
    if (item.status != IKV_FOUND)
        return error->code;
    if (!piece->info.has_ranges)
        return ikv_writer_add(writer, item.key, item.value, item.size, error);
    if (ikv_range_last(piece->whole, &item, last) != 0)
        return ikv_shards_fail(error, IKV_E_RECORD, piece->split->whole,
                               "a range without a last key");
    return ikv_writer_add_range(writer, item.key, last, item.value, item.size, error);
}

/* Returns 0, a code of the library, or IKV_E_CANCELED. */
static int copy_pairs(struct piece *piece, ikv_writer *writer, uint64_t count, ikv_error *error)
{
    for (uint64_t i = 0; i < count; i++) {
        const int code = copy_pair(piece, writer, error);
        if (code != 0)
            return code;
        if (++piece->done % PROGRESS_PAIRS != 0)
            continue;
        progress_update(piece->split->progress,
                        &(struct progress_point){.phase = "divide",
                                                 .count = piece->done,
                                                 .unit = "pairs",
                                                 .done = piece->done,
                                                 .total = piece->info.pair_count});
        if (signals_caught())
            return IKV_E_CANCELED;
    }
    return 0;
}

static int write_shard(struct piece *piece, const char *path, uint64_t count,
                       const unsigned char *id, ikv_error *error)
{
    ikv_writer_options options = piece->split->shard;
    ikv_writer *writer;
    options.store_id = id;
    options.on_duplicate = IKV_DUPLICATES_ERROR;
    options.on_overlap = IKV_OVERLAP_ERROR;
    options.expected_pairs = 0;
    options.on_progress = NULL;
    int code = ikv_writer_new(path, &options, &writer, error);
    if (code < 0)
        return code;
    code = copy_pairs(piece, writer, count, error);
    if (code != 0) {
        ikv_writer_abort(writer);
        return code;
    }
    return ikv_writer_finish(writer, NULL, error);
}

static int add_shard(struct split *split, const char *path, const char *name, ikv_error *error)
{
    ikv_store *store;
    struct ikv_shard_facts facts;
    int code = ikv_open(path, NULL, &store, error);
    if (code < 0)
        return code;
    code = ikv_shard_facts_of(store, &facts, error);
    ikv_close(store);
    return code < 0 ? code : ikv_manifest_add(split->manifest, &facts, &name, 1, error);
}

static int make_shard(struct piece *piece, size_t number, uint64_t count, ikv_error *error)
{
    struct split *split = piece->split;
    char name[IKV_SHARD_NAME_SIZE];
    unsigned char id[16];
    const size_t size = strlen(split->manifest->dir) + sizeof name + 1;
    char *path = malloc(size);
    if (path == NULL)
        return ikv_shards_fail(error, -ENOMEM, split->manifest->dir, "%s", ikv_strerror(-ENOMEM));
    ikv_shard_name(split->name_id, number, name);
    ikv_shard_store_id(split->manifest->table_id, number, id);
    (void)snprintf(path, size, "%s/%s", split->manifest->dir, name);
    int code = write_shard(piece, path, count, id, error);
    if (code == 0)
        code = add_shard(split, path, name, error);
    if (code < 0)
        (void)unlink(path);
    free(path);
    return code;
}

static int divide(struct split *split, ikv_error *error)
{
    struct piece piece = {.split = split};
    int code = ikv_open(split->whole, NULL, &piece.whole, error);
    if (code < 0)
        return code;
    ikv_store_info(piece.whole, &piece.info);
    split->manifest->has_ranges = piece.info.has_ranges; /* a merge takes it from its inputs */
    if (piece.info.has_ranges)
        split->shard.flags |= IKV_WRITE_RANGES;
    code = ikv_scan_open(piece.whole, NULL, &piece.scan, error);
    /* Of `left` pairs a shard gets its share, rounded down: sizes differ by one at most. */
    for (uint64_t i = 0; code == 0 && i < split->shards; i++) {
        const uint64_t left = piece.info.pair_count - piece.done;
        const uint64_t count = left / (split->shards - i);
        if (count > 0)
            code = make_shard(&piece, split->manifest->shard_count, count, error);
    }
    ikv_scan_close(piece.scan);
    ikv_close(piece.whole);
    return code;
}

int split_finish(struct split *split, ikv_build_stats *stats)
{
    ikv_error error;
    if (split->shards == 0)
        return STATUS_DONE;
    int code = divide(split, &error);
    if (code == 0)
        code = ikv_manifest_publish(split->manifest, &error);
    split->published = code == 0 || code == IKV_E_DURABILITY;
    progress_finish(split->progress);
    stats->file_size = 0;
    for (size_t i = 0; i < split->manifest->shard_count; i++)
        stats->file_size += split->manifest->shards[i].size;
    if (code == IKV_E_CANCELED)
        return STATUS_INTERRUPTED;
    return code == 0 ? STATUS_DONE : library_error(&error);
}

struct split_text split_text(const struct split *split)
{
    struct split_text text = {""};
    if (split->shards > 0)
        (void)snprintf(text.text, sizeof text.text, "%zu shard%s, ", split->manifest->shard_count,
                       split->manifest->shard_count == 1 ? "" : "s");
    return text;
}

void split_free(struct split *split)
{
    struct ikv_manifest *manifest = split->manifest;
    if (split->whole != NULL)
        (void)unlink(split->whole);
    for (size_t i = 0; manifest != NULL && !split->published && i < manifest->shard_count; i++) {
        char *path = ikv_shard_path(manifest, i, 0);
        if (path != NULL)
            (void)unlink(path);
        free(path);
    }
    ikv_table_unlock(split->lock);
    if (split->created && !split->published && manifest != NULL)
        (void)rmdir(manifest->dir);
    free(split->whole);
    ikv_manifest_free(manifest);
    *split = (struct split){.shards = 0};
}
