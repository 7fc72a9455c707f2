/* LMDB: a memory-mapped B+ tree. Integer keys if keys are u64; filled in key order, so that pages
 * are full; all lookups in one read transaction. */
#include "peers/peer.h"

#include <lmdb.h>

#include <stdio.h>
#include <stdlib.h>

struct peer_lmdb {
    struct peer peer;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
};

static int failed(struct bench_error *error, int code)
{
    return bench_error_set(error, BENCH_FAILED, "LMDB: %s", mdb_strerror(code));
}

static unsigned database_flags(const struct peer *peer)
{
    return dataset_key_size(&peer->data) == sizeof(size_t) ? MDB_INTEGERKEY : 0;
}

/* ---------------------------------------------------------------- filling */

static int put_all(const struct peer *peer, MDB_env *env, struct pair_source *pairs)
{
    const unsigned char *key_bytes = NULL;
    const unsigned char *value_bytes = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi dbi = 0;

    int code = mdb_txn_begin(env, NULL, 0, &txn);
    if (code != 0)
        return code;
    code = mdb_dbi_open(txn, NULL, database_flags(peer) | MDB_CREATE, &dbi);
    while (code == 0 && pair_source_next(pairs, &key_bytes, &value_bytes)) {
        MDB_val key = {dataset_key_size(&peer->data), (void *)(uintptr_t)key_bytes};
        MDB_val value = {peer->data.value_size, (void *)(uintptr_t)value_bytes};
        code = mdb_put(txn, dbi, &key, &value, MDB_APPEND);
    }
    if (code == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return code;
}

static int lmdb_fill(const struct peer *peer, const char *path, struct pair_source *pairs,
                     struct bench_error *error)
{
    const size_t pair = dataset_key_size(&peer->data) + peer->data.value_size;
    MDB_env *env = NULL;

    int code = mdb_env_create(&env);
    if (code != 0)
        return failed(error, code);
    code = mdb_env_set_mapsize(env, ((size_t)64 << 20) + 2 * peer->data.pairs * (pair + 16));
    if (code == 0)
        code = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0644);
    if (code == 0)
        code = put_all(peer, env, pairs);
    mdb_env_close(env);
    return code == 0 ? BENCH_OK : failed(error, code);
}

/* ---------------------------------------------------------------- opening */

static int lmdb_open(struct peer *peer, const char *path, size_t batch, struct bench_error *error)
{
    struct peer_lmdb *lmdb = (struct peer_lmdb *)peer;

    (void)batch;
    int code = mdb_env_create(&lmdb->env);
    if (code == 0)
        code =
            mdb_env_open(lmdb->env, path,
                         MDB_NOSUBDIR | MDB_RDONLY | MDB_NOTLS | MDB_NORDAHEAD | MDB_NOLOCK, 0644);
    if (code == 0)
        code = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &lmdb->txn);
    if (code == 0)
        code = mdb_dbi_open(lmdb->txn, NULL, database_flags(peer), &lmdb->dbi);
    if (code != 0)
        return failed(error, code);
    return dataset_reload(path, error);
}

/* A scan accesses every page of the mapping. */
static int lmdb_warm(struct peer *peer, struct bench_error *error)
{
    struct peer_lmdb *lmdb = (struct peer_lmdb *)peer;
    MDB_cursor *cursor = NULL;
    uint64_t count = 0;
    MDB_val key;
    MDB_val value;

    int code = mdb_cursor_open(lmdb->txn, lmdb->dbi, &cursor);
    while (code == 0) {
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        count += code == 0;
    }
    mdb_cursor_close(cursor);
    if (code != MDB_NOTFOUND || count != peer->data.pairs)
        return failed(error, code);
    return BENCH_OK;
}

static void lmdb_close(struct peer *peer)
{
    struct peer_lmdb *lmdb = (struct peer_lmdb *)peer;

    if (lmdb->txn)
        mdb_txn_abort(lmdb->txn);
    if (lmdb->env)
        mdb_env_close(lmdb->env);
    free(lmdb);
}

/* ---------------------------------------------------------------- lookups */

static int lmdb_get(struct peer *peer, const unsigned char *key, size_t place,
                    struct bench_error *error)
{
    const struct peer_lmdb *lmdb = (const struct peer_lmdb *)peer;
    MDB_val wanted = {dataset_key_size(&peer->data), (void *)(uintptr_t)key};
    MDB_val value;

    const int code = mdb_get(lmdb->txn, lmdb->dbi, &wanted, &value);
    if (code == 0)
        answer_put(&peer->answers, place, value.mv_data, value.mv_size);
    else if (code == MDB_NOTFOUND)
        peer->answers.sizes[place] = ANSWER_MISSING;
    else
        return failed(error, code);
    return BENCH_OK;
}

static int lmdb_get_many(struct peer *peer, const unsigned char *keys, size_t count,
                         struct bench_error *error)
{
    const size_t size = dataset_key_size(&peer->data);
    int code = BENCH_OK;

    for (size_t i = 0; i < count && code == BENCH_OK; i++)
        code = lmdb_get(peer, keys + i * size, i, error);
    return code;
}

static const char *lmdb_describe(const struct peer *peer, char *text, size_t size)
{
    (void)peer;
    (void)snprintf(text, size, "LMDB %d.%d.%d", MDB_VERSION_MAJOR, MDB_VERSION_MINOR,
                   MDB_VERSION_PATCH);
    return text;
}

struct peer *peer_lmdb_new(const struct dataset *data)
{
    static const struct peer_kind kind = {.suffix = "lmdb",
                                          .in_key_order = true,
                                          .fill = lmdb_fill,
                                          .open = lmdb_open,
                                          .warm = lmdb_warm,
                                          .get_many = lmdb_get_many,
                                          .get = lmdb_get,
                                          .describe = lmdb_describe,
                                          .close = lmdb_close};

    return peer_new(sizeof(struct peer_lmdb), &kind, data);
}
