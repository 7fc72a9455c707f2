/*
 * Merging stores: scans of all inputs in key order meet in a tree of losers, and the winner's pair
 * goes to a writer. Of equal keys the tree returns that of the preferred store first. Keys to leave
 * out, or to keep, are sorted and walked along.
 */
#include "core/io/file_io.h"
#include "core/merge/key_list.h"
#include "core/merge/source.h"
#include "core/sort/loser_tree.h"

#include <errno.h>
#include <stdlib.h>

#define MEMORY_DEFAULT ((uint64_t)256 << 20)
#define MEMORY_MIN     ((uint64_t)8 << 20)

/* Each list of keys is sorted in this share of the memory; the rest is for scans. */
#define LIST_SHARE 4

#define SCAN_MEMORY_MIN ((uint64_t)1 << 20)
#define REPORT_EVERY    ((uint64_t)1 << 16)

struct merging {
    const char *path;
    struct ikv_merge_options options;
    struct ikv_writer_options writer_options;
    struct ikv_key_info key;
    bool has_ranges; /* the writer settles which of them are kept */
    struct ikv_merge_source *sources;
    size_t count;
    struct ikv_loser_tree tree;
    struct ikv_key_list deletes;
    struct ikv_key_list selects;
    ikv_writer *writer;

    bool has_last;
    uint64_t last[IKV_KEY_WORDS_MAX]; /* key of the pair that was written last */
    uint64_t total;                   /* pairs in all stores */
    struct ikv_merge_stats stats;
};

/* ---------------------------------------------------------------- arguments */

static int check_stores(ikv_store *const *stores, size_t count, ikv_error *err)
{
    if (!stores || count == 0)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_merge: no stores");
    for (size_t i = 0; i < count; i++) {
        if (!stores[i])
            return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_merge: a store is NULL");
        if (stores[i]->index.key.type != stores[0]->index.key.type)
            return ikv_fail(err, IKV_E_KEY_TYPE_MISMATCH, IKV_AT_FILE(stores[i]->path),
                            "not the key type of %s", stores[0]->path);
        if (stores[i]->range_size != stores[0]->range_size)
            return ikv_fail(err, IKV_E_UNSUPPORTED, IKV_AT_FILE(stores[i]->path),
                            "merging stores of ranges and others");
    }
    return 0;
}

static int check(struct merging *merging, const ikv_merge_options *options, ikv_error *err)
{
    int code = ikv_options_copy(&merging->options, sizeof merging->options, options, err);

    if (code == 0)
        code = ikv_options_copy(&merging->writer_options, sizeof merging->writer_options,
                                merging->options.writer, err);
    if (code < 0)
        return code;
    merging->writer_options.size = sizeof merging->writer_options;
    if (merging->options.memory && merging->options.memory < MEMORY_MIN)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "merge options: memory below 8 MiB");
    if (merging->writer_options.key_type == IKV_KEY_NONE)
        merging->writer_options.key_type = merging->key.type;
    if (merging->writer_options.key_type != merging->key.type)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE,
                        "merge options: the writer has another key type than the stores");
    if (merging->has_ranges)
        merging->writer_options.flags |= IKV_WRITE_RANGES;
    merging->options.memory = ikv_memory_option(merging->options.memory, MEMORY_DEFAULT);
    return 0;
}

/* ---------------------------------------------------------------- beginning */

static int load_list(struct merging *merging, struct ikv_key_list *list, ikv_next_fn next,
                     const char *what, ikv_error *err)
{
    if (!next)
        return 0;
    const char *temp_dir = merging->writer_options.temp_dir;
    char *dir = ikv_directory_of(merging->path);
    const struct ikv_sorter_options sorter = {.words = merging->key.words,
                                              .memory = merging->options.memory / LIST_SHARE,
                                              .dir = temp_dir ? temp_dir : dir};
    int code = dir ? ikv_key_list_load(list, &merging->key, &sorter, next, merging->options.user)
                   : -ENOMEM;
    free(dir);
    return code < 0 ? ikv_fail(err, code, IKV_AT_FILE(merging->path), "%s", what) : 0;
}

static int load_lists(struct merging *merging, ikv_error *err)
{
    int code = load_list(merging, &merging->deletes, merging->options.next_delete,
                         "list of keys to delete", err);
    return code < 0 ? code
                    : load_list(merging, &merging->selects, merging->options.next_select,
                                "list of keys to select", err);
}

static int open_sources(struct merging *merging, ikv_store *const *stores, ikv_error *err)
{
    const uint64_t memory =
        ikv_max(merging->options.memory / LIST_SHARE * 2 / merging->count, SCAN_MEMORY_MIN);
    const bool later_first =
        !merging->has_ranges && merging->writer_options.on_duplicate == IKV_DUPLICATES_LAST;

    merging->sources = calloc(merging->count, sizeof *merging->sources);
    int code = merging->sources ? ikv_loser_tree_init(&merging->tree, merging->count,
                                                      merging->key.words, later_first)
                                : -ENOMEM;
    if (code < 0)
        return ikv_fail(err, code, IKV_AT_FILE(merging->path), "cannot merge");
    for (size_t i = 0; i < merging->count; i++) {
        struct ikv_merge_source *source = &merging->sources[i];
        merging->total += stores[i]->index.count;
        code = ikv_merge_source_open(source, stores[i], memory, err);
        if (code < 0 && code != IKV_E_END)
            return code;
        merging->tree.head[i] = code == 0 ? source->words : NULL;
    }
    ikv_loser_tree_play(&merging->tree);
    return 0;
}

/* ---------------------------------------------------------------- pairs */

static int report(const struct merging *merging)
{
    const struct ikv_writer_options *options = &merging->writer_options;
    const struct ikv_progress now = {"merge", merging->stats.read, merging->total, "pairs"};

    return options->on_progress && options->on_progress(options->progress_user, &now) != 0
               ? IKV_E_CANCELED
               : 0;
}

/* Whether the lists leave the current pair out. */
static int is_left_out(struct merging *merging, const uint64_t *words, bool *ret)
{
    bool is_deleted = false;
    bool is_selected = true;
    int code = ikv_key_list_has(&merging->deletes, words, &is_deleted);

    if (code == 0 && merging->options.next_select)
        code = ikv_key_list_has(&merging->selects, words, &is_selected);
    merging->stats.deleted += is_deleted;
    *ret = is_deleted || !is_selected;
    return code;
}

static int fail_duplicate(const struct merging *merging, const ikv_item *item, ikv_error *err)
{
    const struct ikv_where where = {merging->path, IKV_NO_OFFSET, merging->key.type, item->key};

    return ikv_fail(err, IKV_E_DUPLICATE, where, "cannot merge");
}

static int add_range(const struct merging *merging, const struct ikv_merge_source *source,
                     ikv_error *err)
{
    const ikv_item *item = &source->item;
    unsigned char last[IKV_KEY_WIDTH_MAX];
    const int code = ikv_range_last(source->store, item, last);

    return code < 0 ? code
                    : ikv_writer_add_range(merging->writer, item->key, last, item->value,
                                           item->size, err);
}

/* Take the pair at the front of a source; `words` are its key. */
static int take(struct merging *merging, const struct ikv_merge_source *source,
                const uint64_t *words, ikv_error *err)
{
    const ikv_item *item = &source->item;
    const uint32_t count = merging->key.words;
    bool left_out = false;
    int code = merging->stats.read % REPORT_EVERY == 0 ? report(merging) : 0;

    if (code == 0)
        code = is_left_out(merging, words, &left_out);
    if (code < 0)
        return ikv_fail(err, code, IKV_AT_FILE(merging->path), "cannot merge");
    merging->stats.read++;
    if (left_out)
        return 0;
    if (merging->has_ranges)
        return add_range(merging, source, err);
    if (merging->has_last && ikv_words_compare(merging->last, words, count) == 0) {
        if (merging->writer_options.on_duplicate == IKV_DUPLICATES_ERROR)
            return fail_duplicate(merging, item, err);
        merging->stats.written.dropped++;
        return 0;
    }
    memcpy(merging->last, words, count * sizeof merging->last[0]);
    merging->has_last = true;
    return ikv_writer_add(merging->writer, item->key, item->value, item->size, err);
}

static int merge_all(struct merging *merging, ikv_error *err)
{
    struct ikv_loser_tree *tree = &merging->tree;
    int code = 0;

    while (code == 0 && tree->head[tree->winner]) {
        struct ikv_merge_source *source = &merging->sources[tree->winner];
        code = take(merging, source, tree->head[tree->winner], err);
        if (code < 0)
            return code;
        code = ikv_merge_source_next(source, err);
        if (code == IKV_E_END) {
            tree->head[tree->winner] = NULL;
            code = 0;
        }
        ikv_loser_tree_replay(tree);
    }
    return code;
}

static int finish(struct merging *merging, ikv_error *err)
{
    const uint64_t dropped = merging->stats.written.dropped;
    ikv_writer *writer = merging->writer;

    merging->writer = NULL;
    const int code = ikv_writer_finish(writer, &merging->stats.written, err);
    merging->stats.written.dropped += dropped;
    return code;
}

/* ---------------------------------------------------------------- the call */

static void free_all(struct merging *merging)
{
    ikv_writer_abort(merging->writer);
    for (size_t i = 0; merging->sources && i < merging->count; i++)
        ikv_merge_source_close(&merging->sources[i]);
    free(merging->sources);
    ikv_loser_tree_free(&merging->tree);
    ikv_key_list_free(&merging->deletes);
    ikv_key_list_free(&merging->selects);
}

int ikv_merge(const char *path, ikv_store *const *stores, size_t count,
              const ikv_merge_options *options, ikv_merge_stats *ret_stats, ikv_error *err)
{
    struct merging merging = {.path = path, .count = count};

    if (!path)
        return ikv_fail(err, IKV_E_INVALID, IKV_NOWHERE, "ikv_merge: path is NULL");
    int code = check_stores(stores, count, err);
    if (code < 0)
        return code;
    merging.key = stores[0]->index.key;
    merging.has_ranges = stores[0]->range_size > 0;
    code = check(&merging, options, err);
    if (code == 0)
        code = ikv_writer_new(path, &merging.writer_options, &merging.writer, err);
    if (code == 0)
        code = load_lists(&merging, err);
    if (code == 0)
        code = open_sources(&merging, stores, err);
    if (code == 0)
        code = merge_all(&merging, err);
    if (code == 0)
        code = finish(&merging, err);
    free_all(&merging);
    if (ret_stats && (code == 0 || code == IKV_E_DURABILITY))
        *ret_stats = merging.stats;
    return code;
}
