/* RocksDB: a log-structured merge tree, here of sorted tables that do not overlap, opened
 * read-only; no compression, Bloom filters of 10 bits per key, a block cache large enough for
 * everything. */
#include "peers/peer.h"

#include <rocksdb/c.h>

#include <stdio.h>
#include <stdlib.h>

#define BITS_PER_KEY 10.0
#define CACHE_SIZE   ((size_t)64 << 30) /* a limit: only blocks that were read use memory */
#define TABLE_PAIRS  1000000
#define TABLE_PATH   4200
#define COLUMN_COUNT 1 /* column families: only the default one */

struct peer_rocksdb {
    struct peer peer;
    rocksdb_options_t *options;
    rocksdb_block_based_table_options_t *table_options;
    rocksdb_cache_t *cache;
    rocksdb_readoptions_t *read_options;
    rocksdb_t *db;
    rocksdb_column_family_handle_t *column;
    /* Arrays for a batch: */
    unsigned char *keys;
    const char **key_of;
    size_t *key_sizes;
    rocksdb_pinnableslice_t **values;
    char **errors;
};

/* Converts and frees an error message of RocksDB; NULL: success. */
static int check(struct bench_error *error, char *message)
{
    int code = BENCH_OK;

    if (message)
        code = bench_error_set(error, BENCH_FAILED, "RocksDB: %s", message);
    free(message);
    return code;
}

/* Options suitable for point lookups. */
static void choose_options(struct peer_rocksdb *rocksdb)
{
    rocksdb->table_options = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_filter_policy(rocksdb->table_options,
                                                  rocksdb_filterpolicy_create_bloom(BITS_PER_KEY));
    rocksdb->cache = rocksdb_cache_create_lru(CACHE_SIZE);
    rocksdb_block_based_options_set_block_cache(rocksdb->table_options, rocksdb->cache);
    rocksdb->options = rocksdb_options_create();
    rocksdb_options_set_block_based_table_factory(rocksdb->options, rocksdb->table_options);
    rocksdb_options_set_compression(rocksdb->options, rocksdb_no_compression);
    rocksdb_options_set_max_open_files(rocksdb->options, -1);
    rocksdb_options_set_create_if_missing(rocksdb->options, 1);
}

static void free_options(struct peer_rocksdb *rocksdb)
{
    if (!rocksdb->options)
        return;
    rocksdb_options_destroy(rocksdb->options);
    rocksdb_block_based_options_destroy(rocksdb->table_options);
    rocksdb_cache_destroy(rocksdb->cache);
}

/* ---------------------------------------------------------------- filling */

/* Writes a table of up to TABLE_PAIRS pairs, starting with *key and *value, which are then set to
 * the next pair. *key NULL: no more pairs. */
static int write_table(const struct peer *peer, rocksdb_sstfilewriter_t *writer, const char *path,
                       struct pair_source *pairs, const unsigned char **key,
                       const unsigned char **value, struct bench_error *error)
{
    unsigned char ordered[DATASET_KEY_MAX];
    char *message = NULL;

    rocksdb_sstfilewriter_open(writer, path, &message);
    for (size_t i = 0; !message && *key && i < TABLE_PAIRS; i++) {
        peer_ordered_key(peer, *key, ordered);
        rocksdb_sstfilewriter_put(writer, (const char *)ordered, dataset_key_size(&peer->data),
                                  (const char *)*value, peer->data.value_size, &message);
        if (!pair_source_next(pairs, key, value))
            *key = NULL;
    }
    if (!message)
        rocksdb_sstfilewriter_finish(writer, &message);
    return check(error, message);
}

static int ingest_table(rocksdb_t *db, const char *path, struct bench_error *error)
{
    rocksdb_ingestexternalfileoptions_t *options = rocksdb_ingestexternalfileoptions_create();
    char *message = NULL;

    rocksdb_ingestexternalfileoptions_set_move_files(options, 1);
    rocksdb_ingest_external_file(db, &path, 1, options, &message);
    rocksdb_ingestexternalfileoptions_destroy(options);
    return check(error, message);
}

static int write_tables(const struct peer *peer, const struct peer_rocksdb *options, rocksdb_t *db,
                        const char *path, struct pair_source *pairs, struct bench_error *error)
{
    rocksdb_envoptions_t *env = rocksdb_envoptions_create();
    rocksdb_sstfilewriter_t *writer = rocksdb_sstfilewriter_create(env, options->options);
    const unsigned char *key = NULL;
    const unsigned char *value = NULL;
    char table[TABLE_PATH];
    int code = BENCH_OK;

    (void)snprintf(table, sizeof table, "%s.sst", path);
    if (!pair_source_next(pairs, &key, &value))
        key = NULL;
    while (key && code == BENCH_OK) {
        code = write_table(peer, writer, table, pairs, &key, &value, error);
        if (code == BENCH_OK)
            code = ingest_table(db, table, error);
    }
    rocksdb_sstfilewriter_destroy(writer);
    rocksdb_envoptions_destroy(env);
    return code;
}

static int rocksdb_fill(const struct peer *peer, const char *path, struct pair_source *pairs,
                        struct bench_error *error)
{
    struct peer_rocksdb options = {.options = NULL};
    char *message = NULL;

    choose_options(&options);
    rocksdb_t *db = rocksdb_open(options.options, path, &message);
    int code = check(error, message);
    if (code == BENCH_OK) {
        code = write_tables(peer, &options, db, path, pairs, error);
        rocksdb_close(db);
    }
    free_options(&options);
    return code;
}

/* ---------------------------------------------------------------- opening */

static int rocksdb_open_peer(struct peer *peer, const char *path, size_t batch,
                             struct bench_error *error)
{
    static const char *const columns[COLUMN_COUNT] = {"default"};
    struct peer_rocksdb *rocksdb = (struct peer_rocksdb *)peer;
    const size_t size = dataset_key_size(&peer->data);
    char *message = NULL;

    choose_options(rocksdb);
    rocksdb->read_options = rocksdb_readoptions_create();
    const rocksdb_options_t *const options[COLUMN_COUNT] = {rocksdb->options};
    rocksdb->db = rocksdb_open_for_read_only_column_families(
        rocksdb->options, path, COLUMN_COUNT, columns, options, &rocksdb->column, 0, &message);
    rocksdb->keys = bench_alloc(batch * DATASET_KEY_MAX);
    rocksdb->key_of = bench_alloc(batch * sizeof *rocksdb->key_of);
    rocksdb->key_sizes = bench_alloc(batch * sizeof *rocksdb->key_sizes);
    rocksdb->values = bench_alloc(batch * sizeof *rocksdb->values);
    rocksdb->errors = bench_alloc(batch * sizeof *rocksdb->errors);
    for (size_t i = 0; i < batch; i++) {
        rocksdb->key_of[i] = (const char *)rocksdb->keys + i * DATASET_KEY_MAX;
        rocksdb->key_sizes[i] = size;
    }
    return check(error, message);
}

/* A scan reads every block into the block cache. */
static int rocksdb_warm(struct peer *peer, struct bench_error *error)
{
    const struct peer_rocksdb *rocksdb = (const struct peer_rocksdb *)peer;
    rocksdb_iterator_t *iterator = rocksdb_create_iterator(rocksdb->db, rocksdb->read_options);
    char *message = NULL;
    uint64_t count = 0;

    for (rocksdb_iter_seek_to_first(iterator); rocksdb_iter_valid(iterator);
         rocksdb_iter_next(iterator))
        count++;
    rocksdb_iter_get_error(iterator, &message);
    rocksdb_iter_destroy(iterator);
    if (!message && count != peer->data.pairs)
        return bench_error_set(error, BENCH_FAILED, "RocksDB: pairs are missing");
    return check(error, message);
}

static void rocksdb_close_peer(struct peer *peer)
{
    struct peer_rocksdb *rocksdb = (struct peer_rocksdb *)peer;

    if (rocksdb->column)
        rocksdb_column_family_handle_destroy(rocksdb->column);
    if (rocksdb->db)
        rocksdb_close(rocksdb->db);
    if (rocksdb->read_options)
        rocksdb_readoptions_destroy(rocksdb->read_options);
    free_options(rocksdb);
    free(rocksdb->keys);
    free(rocksdb->key_of);
    free(rocksdb->key_sizes);
    free(rocksdb->values);
    free(rocksdb->errors);
    free(rocksdb);
}

/* ---------------------------------------------------------------- lookups */

static int take_answer(const struct peer_rocksdb *rocksdb, size_t i, struct bench_error *error)
{
    size_t size = 0;

    if (rocksdb->errors[i])
        return check(error, rocksdb->errors[i]);
    if (!rocksdb->values[i]) {
        rocksdb->peer.answers.sizes[i] = ANSWER_MISSING;
        return BENCH_OK;
    }
    const char *value = rocksdb_pinnableslice_value(rocksdb->values[i], &size);
    answer_put(&rocksdb->peer.answers, i, value, size);
    rocksdb_pinnableslice_destroy(rocksdb->values[i]);
    return BENCH_OK;
}

static int rocksdb_get_many(struct peer *peer, const unsigned char *keys, size_t count,
                            struct bench_error *error)
{
    const struct peer_rocksdb *rocksdb = (const struct peer_rocksdb *)peer;
    const size_t size = dataset_key_size(&peer->data);
    int code = BENCH_OK;

    for (size_t i = 0; i < count; i++)
        peer_ordered_key(peer, keys + i * size, rocksdb->keys + i * DATASET_KEY_MAX);
    rocksdb_batched_multi_get_cf(rocksdb->db, rocksdb->read_options, rocksdb->column, count,
                                 rocksdb->key_of, rocksdb->key_sizes, rocksdb->values,
                                 rocksdb->errors, false);
    for (size_t i = 0; i < count && code == BENCH_OK; i++)
        code = take_answer(rocksdb, i, error);
    return code;
}

static const char *rocksdb_describe(const struct peer *peer, char *text, size_t size)
{
    const struct peer_rocksdb *rocksdb = (const struct peer_rocksdb *)peer;

    (void)snprintf(text, size, "RocksDB MultiGet, %zu MiB in the block cache",
                   rocksdb_cache_get_usage(rocksdb->cache) >> 20);
    return text;
}

struct peer *peer_rocksdb_new(const struct dataset *data)
{
    static const struct peer_kind kind = {.suffix = "rocksdb",
                                          .in_key_order = true,
                                          .fill = rocksdb_fill,
                                          .open = rocksdb_open_peer,
                                          .warm = rocksdb_warm,
                                          .get_many = rocksdb_get_many,
                                          .describe = rocksdb_describe,
                                          .close = rocksdb_close_peer};

    return peer_new(sizeof(struct peer_rocksdb), &kind, data);
}
