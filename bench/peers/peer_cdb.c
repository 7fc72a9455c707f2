/* tinycdb: a memory-mapped hash table of at most 4 GiB. */
#include "peers/peer.h"

#include <cdb.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct peer_cdb {
    struct peer peer;
    struct cdb cdb;
};

static int failed(struct bench_error *error, const char *path)
{
    return bench_error_set(error, BENCH_FAILED, "cdb: %s: %s", path, strerror(errno));
}

/* Per record: its size fields, and two slots of a hash table that is half full. */
#define RECORD_OVERHEAD (8 + 16)

static int cdb_fill(const struct peer *peer, const char *path, struct pair_source *pairs,
                    struct bench_error *error)
{
    const uint32_t key_size = dataset_key_size(&peer->data);
    const unsigned char *key = NULL;
    const unsigned char *value = NULL;
    struct cdb_make maker;

    if (peer->data.pairs * (key_size + peer->data.value_size + RECORD_OVERHEAD) > UINT32_MAX)
        return bench_error_set(error, BENCH_SKIPPED, "cdb: files are limited to 4 GiB");
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || cdb_make_start(&maker, fd) != 0)
        return failed(error, path);
    int code = 0;
    while (code == 0 && pair_source_next(pairs, &key, &value))
        code = cdb_make_add(&maker, key, key_size, value, peer->data.value_size);
    if (cdb_make_finish(&maker) != 0 || close(fd) != 0 || code != 0)
        return failed(error, path);
    return BENCH_OK;
}

static int cdb_open(struct peer *peer, const char *path, size_t batch, struct bench_error *error)
{
    struct peer_cdb *cdb = (struct peer_cdb *)peer;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    (void)batch;
    if (fd < 0 || cdb_init(&cdb->cdb, fd) != 0)
        return failed(error, path);
    return dataset_reload(path, error);
}

static int cdb_warm(struct peer *peer, struct bench_error *error)
{
    const struct peer_cdb *cdb = (const struct peer_cdb *)peer;
    const volatile unsigned char *bytes = cdb->cdb.cdb_mem;

    (void)error;
    for (size_t at = 0; at < cdb->cdb.cdb_fsize; at += 4096)
        (void)bytes[at];
    return BENCH_OK;
}

static void cdb_close(struct peer *peer)
{
    struct peer_cdb *cdb = (struct peer_cdb *)peer;

    if (cdb->cdb.cdb_mem) {
        (void)close(cdb_fileno(&cdb->cdb));
        cdb_free(&cdb->cdb);
    }
    free(cdb);
}

static int cdb_get_one(struct peer *peer, const unsigned char *key, size_t place,
                       struct bench_error *error)
{
    struct peer_cdb *cdb = (struct peer_cdb *)peer;
    const int found = cdb_find(&cdb->cdb, key, dataset_key_size(&peer->data));

    if (found > 0) {
        const unsigned size = cdb_datalen(&cdb->cdb);
        const void *value = cdb_get(&cdb->cdb, size, cdb_datapos(&cdb->cdb));
        if (!value)
            return failed(error, "reading a value");
        answer_put(&peer->answers, place, value, size);
    } else if (found == 0) {
        peer->answers.sizes[place] = ANSWER_MISSING;
    } else {
        return failed(error, "finding a key");
    }
    return BENCH_OK;
}

static int cdb_get_many(struct peer *peer, const unsigned char *keys, size_t count,
                        struct bench_error *error)
{
    const size_t size = dataset_key_size(&peer->data);
    int code = BENCH_OK;

    for (size_t i = 0; i < count && code == BENCH_OK; i++)
        code = cdb_get_one(peer, keys + i * size, i, error);
    return code;
}

#define TEXT_OF(x)    #x
#define VERSION_OF(x) TEXT_OF(x)

static const char *cdb_describe(const struct peer *peer, char *text, size_t size)
{
    (void)peer;
    (void)snprintf(text, size, "tinycdb %s", VERSION_OF(TINYCDB_VERSION));
    return text;
}

struct peer *peer_cdb_new(const struct dataset *data)
{
    static const struct peer_kind kind = {.suffix = "cdb",
                                          .fill = cdb_fill,
                                          .open = cdb_open,
                                          .warm = cdb_warm,
                                          .get_many = cdb_get_many,
                                          .get = cdb_get_one,
                                          .describe = cdb_describe,
                                          .close = cdb_close};

    return peer_new(sizeof(struct peer_cdb), &kind, data);
}
