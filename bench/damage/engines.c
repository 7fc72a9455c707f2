#include "engine.h"

#include <indexkv.h>

#include <cdb.h>
#include <lmdb.h>
#include <mtbl.h>
#include <rocksdb/c.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- records */

/* The finaliser of splitmix64, a bijection: keys are unique. */
uint64_t record_key(uint64_t i)
{
    i += 0x9e3779b97f4a7c15u;
    i = (i ^ (i >> 30)) * 0xbf58476d1ce4e5b9u;
    i = (i ^ (i >> 27)) * 0x94d049bb133111ebu;
    return i ^ (i >> 31);
}

void record_value(uint64_t i, unsigned generation, unsigned char ret_value[VALUE_SIZE])
{
    for (size_t at = 0; at < VALUE_SIZE; at++)
        ret_value[at] = (unsigned char)(record_key(i * 31 + generation * UINT64_C(7919) + at / 8) >>
                                        (at % 8 * 8));
}

void key_bytes(uint64_t key, unsigned char ret[8])
{
    for (int i = 7; i >= 0; i--, key >>= 8)
        ret[i] = (unsigned char)key;
}

static int by_key(const void *a, const void *b)
{
    const uint64_t x = record_key(*(const uint64_t *)a);
    const uint64_t y = record_key(*(const uint64_t *)b);

    return (x > y) - (x < y);
}

uint64_t *records_in_order(uint64_t count)
{
    uint64_t *order = malloc(count * sizeof *order);

    for (uint64_t i = 0; order && i < count; i++)
        order[i] = i;
    if (order)
        qsort(order, count, sizeof *order, by_key);
    return order;
}

/* Call `put` with all records in order. Returns 0, or what it returned. */
typedef int (*put_fn)(void *user, const unsigned char key[8], const unsigned char *value);

static int put_all(uint64_t count, unsigned generation, put_fn put, void *user)
{
    uint64_t *order = records_in_order(count);
    unsigned char value[VALUE_SIZE];
    unsigned char key[8];
    int code = order ? 0 : -1;

    for (uint64_t i = 0; i < count && code == 0; i++) {
        record_value(order[i], generation, value);
        key_bytes(record_key(order[i]), key);
        code = put(user, key, value);
    }
    free(order);
    return code;
}

static void copy_value(unsigned char *to, const void *from, size_t size)
{
    memcpy(to, from, size < VALUE_SIZE ? size : VALUE_SIZE);
}

/* What a reader needs of its library. */
struct reader {
    ikv_store *store;
    ikv_result *result;
    int fd;
    struct cdb cdb;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    struct mtbl_reader *mtbl;
    rocksdb_options_t *options;
    rocksdb_readoptions_t *reads;
    rocksdb_t *db;
};

static struct reader *new_reader(void)
{
    return calloc(1, sizeof(struct reader));
}

/* ---------------------------------------------------------------- indexkv */

static const unsigned char store_id[16] = {1, 2, 3, 4, 5, 6, 7, 8};

static int put_indexkv(void *user, const unsigned char key[8], const unsigned char *value)
{
    return ikv_writer_add(user, key, value, VALUE_SIZE, NULL);
}

static int write_layout(const char *path, uint64_t count, unsigned generation, ikv_layout layout)
{
    ikv_writer_options options = IKV_WRITER_OPTIONS_INIT;
    unsigned char id[16];
    ikv_writer *writer = NULL;

    memcpy(id, store_id, sizeof id);
    id[15] = (unsigned char)generation;
    options.key_type = IKV_KEY_BYTES(8);
    options.layout = layout;
    options.store_id = id;
    int code = ikv_writer_new(path, &options, &writer, NULL);
    if (code == 0)
        code = put_all(count, generation, put_indexkv, writer);
    return code == 0 ? ikv_writer_finish(writer, NULL, NULL) : code;
}

static int indexkv_write(const char *path, uint64_t count, unsigned generation)
{
    return write_layout(path, count, generation, IKV_LAYOUT_ARRIVAL);
}

static int indexkv_write_clustered(const char *path, uint64_t count, unsigned generation)
{
    return write_layout(path, count, generation, IKV_LAYOUT_CLUSTERED);
}

static int open_with(const char *path, uint32_t flags, struct reader **ret)
{
    ikv_open_options options = IKV_OPEN_OPTIONS_INIT;
    struct reader *reader = new_reader();

    options.flags = flags;
    /* As a caller who knows what the store should be: a file taken for a plain one, which has no
     * checksums, would otherwise be refused without a key type. */
    options.key_type = IKV_KEY_BYTES(8);
    *ret = reader;
    if (ikv_open(path, &options, &reader->store, NULL) < 0)
        return -1;
    return ikv_result_new(&reader->result) < 0 ? -1 : 0;
}

static int indexkv_open(const char *path, struct reader **ret)
{
    return open_with(path, 0, ret);
}

static int indexkv_open_untrusted(const char *path, struct reader **ret)
{
    return open_with(path, IKV_OPEN_UNTRUSTED, ret);
}

static enum answer indexkv_get(struct reader *reader, uint64_t key, unsigned char *value,
                               size_t *size)
{
    unsigned char bytes[8];

    key_bytes(key, bytes);
    const int code = ikv_get(reader->store, bytes, NULL, reader->result, NULL);
    if (code == IKV_E_NOT_FOUND)
        return ANSWER_MISSING;
    if (code < 0)
        return ANSWER_ERROR;
    const ikv_item *item = ikv_result_items(reader->result);
    *size = item->size;
    copy_value(value, item->value, item->size);
    return ANSWER_FOUND;
}

static void indexkv_close(struct reader *reader)
{
    ikv_result_free(reader->result);
    ikv_close(reader->store);
    free(reader);
}

/* ---------------------------------------------------------------- tinycdb */

static int put_cdb(void *user, const unsigned char key[8], const unsigned char *value)
{
    return cdb_make_add(user, key, 8, value, VALUE_SIZE);
}

static int cdb_write(const char *path, uint64_t count, unsigned generation)
{
    struct cdb_make maker;
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0 || cdb_make_start(&maker, fd) != 0)
        return -1;
    const int code = put_all(count, generation, put_cdb, &maker);
    return cdb_make_finish(&maker) != 0 || close(fd) != 0 ? -1 : code;
}

static int cdb_open_file(const char *path, struct reader **ret)
{
    struct reader *reader = new_reader();

    *ret = reader;
    reader->fd = open(path, O_RDONLY | O_CLOEXEC);
    return reader->fd < 0 || cdb_init(&reader->cdb, reader->fd) != 0 ? -1 : 0;
}

static enum answer cdb_get_one(struct reader *reader, uint64_t key, unsigned char *value,
                               size_t *size)
{
    unsigned char bytes[8];

    key_bytes(key, bytes);
    const int found = cdb_find(&reader->cdb, bytes, sizeof bytes);
    if (found == 0)
        return ANSWER_MISSING;
    const void *data =
        found > 0 ? cdb_get(&reader->cdb, cdb_datalen(&reader->cdb), cdb_datapos(&reader->cdb))
                  : NULL;
    if (!data)
        return ANSWER_ERROR;
    *size = cdb_datalen(&reader->cdb);
    copy_value(value, data, *size);
    return ANSWER_FOUND;
}

static void cdb_close_file(struct reader *reader)
{
    cdb_free(&reader->cdb);
    (void)close(reader->fd);
    free(reader);
}

/* ---------------------------------------------------------------- LMDB */

static int put_lmdb(void *user, const unsigned char key[8], const unsigned char *value)
{
    struct reader *writer = user;
    MDB_val key_val = {8, (void *)(uintptr_t)key};
    MDB_val value_val = {VALUE_SIZE, (void *)(uintptr_t)value};

    return mdb_put(writer->txn, writer->dbi, &key_val, &value_val, MDB_APPEND);
}

static int lmdb_write(const char *path, uint64_t count, unsigned generation)
{
    struct reader writer = {.fd = -1};

    int code = mdb_env_create(&writer.env);
    if (code == 0)
        code = mdb_env_set_mapsize(writer.env, (size_t)64 << 20);
    if (code == 0)
        code = mdb_env_open(writer.env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0644);
    if (code == 0)
        code = mdb_txn_begin(writer.env, NULL, 0, &writer.txn);
    if (code == 0)
        code = mdb_dbi_open(writer.txn, NULL, MDB_CREATE, &writer.dbi);
    if (code == 0)
        code = put_all(count, generation, put_lmdb, &writer);
    if (code == 0)
        code = mdb_txn_commit(writer.txn);
    mdb_env_close(writer.env);
    return code;
}

static int lmdb_open_file(const char *path, struct reader **ret)
{
    struct reader *reader = new_reader();

    *ret = reader;
    int code = mdb_env_create(&reader->env);
    if (code == 0)
        code = mdb_env_open(reader->env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0644);
    if (code == 0)
        code = mdb_txn_begin(reader->env, NULL, MDB_RDONLY, &reader->txn);
    if (code == 0)
        code = mdb_dbi_open(reader->txn, NULL, 0, &reader->dbi);
    return code == 0 ? 0 : -1;
}

static enum answer lmdb_get(struct reader *reader, uint64_t key, unsigned char *value, size_t *size)
{
    unsigned char bytes[8];
    MDB_val wanted = {sizeof bytes, bytes};
    MDB_val found;

    key_bytes(key, bytes);
    const int code = mdb_get(reader->txn, reader->dbi, &wanted, &found);
    if (code == MDB_NOTFOUND)
        return ANSWER_MISSING;
    if (code != 0)
        return ANSWER_ERROR;
    *size = found.mv_size;
    copy_value(value, found.mv_data, found.mv_size);
    return ANSWER_FOUND;
}

static void lmdb_close_file(struct reader *reader)
{
    mdb_txn_abort(reader->txn);
    mdb_env_close(reader->env);
    free(reader);
}

/* ---------------------------------------------------------------- mtbl */

static int put_mtbl(void *user, const unsigned char key[8], const unsigned char *value)
{
    return mtbl_writer_add(user, key, 8, value, VALUE_SIZE) == mtbl_res_success ? 0 : -1;
}

static int mtbl_write(const char *path, uint64_t count, unsigned generation)
{
    struct mtbl_writer_options *options = mtbl_writer_options_init();

    mtbl_writer_options_set_compression(options, MTBL_COMPRESSION_NONE);
    struct mtbl_writer *writer = mtbl_writer_init(path, options);
    mtbl_writer_options_destroy(&options);
    const int code = writer ? put_all(count, generation, put_mtbl, writer) : -1;
    mtbl_writer_destroy(&writer);
    return code;
}

static int mtbl_open_with(const char *path, bool verify, struct reader **ret)
{
    struct mtbl_reader_options *options = mtbl_reader_options_init();
    struct reader *reader = new_reader();

    *ret = reader;
    mtbl_reader_options_set_verify_checksums(options, verify);
    reader->mtbl = mtbl_reader_init(path, options);
    mtbl_reader_options_destroy(&options);
    return reader->mtbl ? 0 : -1;
}

static int mtbl_open_default(const char *path, struct reader **ret)
{
    return mtbl_open_with(path, false, ret);
}

static int mtbl_open_verifying(const char *path, struct reader **ret)
{
    return mtbl_open_with(path, true, ret);
}

/* mtbl does not say whether a key is missing or an error occurred. */
static enum answer mtbl_get(struct reader *reader, uint64_t key, unsigned char *value, size_t *size)
{
    unsigned char bytes[8];
    const uint8_t *found_key = NULL;
    const uint8_t *found = NULL;
    size_t key_size = 0;
    enum answer answer = ANSWER_MISSING;

    key_bytes(key, bytes);
    struct mtbl_iter *iter = mtbl_source_get(mtbl_reader_source(reader->mtbl), bytes, sizeof bytes);
    if (iter && mtbl_iter_next(iter, &found_key, &key_size, &found, size) == mtbl_res_success) {
        copy_value(value, found, *size);
        answer = ANSWER_FOUND;
    }
    mtbl_iter_destroy(&iter);
    return answer;
}

static void mtbl_close_file(struct reader *reader)
{
    mtbl_reader_destroy(&reader->mtbl);
    free(reader);
}

/* ---------------------------------------------------------------- RocksDB */

/* One table, as a bulk load makes it. `path` is a directory, in which the table is moved. */
static int put_rocksdb(void *user, const unsigned char key[8], const unsigned char *value)
{
    char *message = NULL;

    rocksdb_sstfilewriter_put(user, (const char *)key, 8, (const char *)value, VALUE_SIZE,
                              &message);
    free(message);
    return message ? -1 : 0;
}

static rocksdb_options_t *rocksdb_options(void)
{
    rocksdb_options_t *options = rocksdb_options_create();

    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_options_set_create_if_missing(options, 1);
    return options;
}

static int rocksdb_write_table(const char *path, uint64_t count, unsigned generation)
{
    char table[4200];
    const char *tables[1] = {table};
    char *message = NULL;
    rocksdb_options_t *options = rocksdb_options();
    rocksdb_envoptions_t *env = rocksdb_envoptions_create();
    rocksdb_sstfilewriter_t *writer = rocksdb_sstfilewriter_create(env, options);
    rocksdb_ingestexternalfileoptions_t *ingest = rocksdb_ingestexternalfileoptions_create();
    rocksdb_t *db = NULL;

    (void)snprintf(table, sizeof table, "%s.table", path);
    rocksdb_sstfilewriter_open(writer, table, &message);
    int code = message ? -1 : put_all(count, generation, put_rocksdb, writer);
    if (code == 0)
        rocksdb_sstfilewriter_finish(writer, &message);
    if (!message)
        db = rocksdb_open(options, path, &message);
    rocksdb_ingestexternalfileoptions_set_move_files(ingest, 1);
    if (!message)
        rocksdb_ingest_external_file(db, tables, 1, ingest, &message);
    if (db)
        rocksdb_close(db);
    rocksdb_ingestexternalfileoptions_destroy(ingest);
    rocksdb_sstfilewriter_destroy(writer);
    rocksdb_envoptions_destroy(env);
    rocksdb_options_destroy(options);
    code = message ? -1 : code;
    free(message);
    return code;
}

static int rocksdb_open_with(const char *path, unsigned char verify, struct reader **ret)
{
    struct reader *reader = new_reader();
    char *message = NULL;

    *ret = reader;
    reader->options = rocksdb_options();
    reader->reads = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(reader->reads, verify);
    reader->db = rocksdb_open_for_read_only(reader->options, path, 0, &message);
    free(message);
    return message ? -1 : 0;
}

static int rocksdb_open_default(const char *path, struct reader **ret)
{
    return rocksdb_open_with(path, 1, ret);
}

static int rocksdb_open_trusting(const char *path, struct reader **ret)
{
    return rocksdb_open_with(path, 0, ret);
}

static enum answer rocksdb_get_one(struct reader *reader, uint64_t key, unsigned char *value,
                                   size_t *size)
{
    unsigned char bytes[8];
    char *message = NULL;

    key_bytes(key, bytes);
    char *found =
        rocksdb_get(reader->db, reader->reads, (const char *)bytes, sizeof bytes, size, &message);
    const enum answer answer = message ? ANSWER_ERROR : found ? ANSWER_FOUND : ANSWER_MISSING;
    if (answer == ANSWER_FOUND)
        copy_value(value, found, *size);
    free(found);
    free(message);
    return answer;
}

static void rocksdb_close_all(struct reader *reader)
{
    if (reader->db)
        rocksdb_close(reader->db);
    rocksdb_readoptions_destroy(reader->reads);
    rocksdb_options_destroy(reader->options);
    free(reader);
}

/* ---------------------------------------------------------------- all */

const struct engine engines[] = {
    {"indexkv", "always", indexkv_write, NULL, indexkv_open, indexkv_get, indexkv_close},
    {"indexkv clustered", "always", indexkv_write_clustered, NULL, indexkv_open, indexkv_get,
     indexkv_close},
    {"indexkv untrusted", "all at opening, too", indexkv_write, NULL, indexkv_open_untrusted,
     indexkv_get, indexkv_close},
    {"RocksDB", "default: blocks", rocksdb_write_table, ".sst", rocksdb_open_default,
     rocksdb_get_one, rocksdb_close_all},
    {"RocksDB", "off", rocksdb_write_table, ".sst", rocksdb_open_trusting, rocksdb_get_one,
     rocksdb_close_all},
    {"LMDB", "has none", lmdb_write, NULL, lmdb_open_file, lmdb_get, lmdb_close_file},
    {"tinycdb", "has none", cdb_write, NULL, cdb_open_file, cdb_get_one, cdb_close_file},
    {"mtbl", "default: off", mtbl_write, NULL, mtbl_open_default, mtbl_get, mtbl_close_file},
    {"mtbl", "on", mtbl_write, NULL, mtbl_open_verifying, mtbl_get, mtbl_close_file},
};
const size_t engine_count = sizeof engines / sizeof engines[0];
